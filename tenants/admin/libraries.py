"""Pages that libraries bring along are taken away: they show and change logins past the services, and some of them
second factors and tokens of providers."""

from __future__ import annotations

from importlib import import_module

from django.contrib import admin

LIBRARIES = {
    "account": "allauth.account",
    "mfa": "allauth.mfa",
    "socialaccount": "allauth.socialaccount",
    "usersessions": "allauth.usersessions",
    "oauth2_provider": "oauth2_provider",
}

for package in LIBRARIES.values():
    import_module(f"{package}.admin")
for model in list(admin.site._registry):
    if model._meta.app_label in LIBRARIES:
        admin.site.unregister(model)
