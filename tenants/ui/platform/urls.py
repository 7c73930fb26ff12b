"""Addresses below `/platform/`."""

from __future__ import annotations

from django.urls import path

from tenants.ui.platform import keys

app_name = "platform"

urlpatterns = [
    path("keys/", keys.key_list, name="keys"),
    path("keys/new", keys.issue, name="key_new"),
    path("keys/<str:kid>/invalidate", keys.invalidate, name="key_invalidate"),
    path("keys/<str:kid>/reactivate", keys.reactivate, name="key_reactivate"),
    path("keys/<str:kid>/delete", keys.delete, name="key_delete"),
]
