"""Pages that libraries bring along are taken away: they show and change logins past the services, and some of them
second factors and tokens of providers."""

from __future__ import annotations

from importlib import import_module

from django.contrib import admin

LIBRARIES = ("account", "mfa", "socialaccount", "usersessions")

for library in LIBRARIES:
    import_module(f"allauth.{library}.admin")
for model in list(admin.site._registry):
    if model._meta.app_label in LIBRARIES:
        admin.site.unregister(model)
