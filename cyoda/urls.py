"""Django's routes; the data plane's routes are in the ASGI app in front of them."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
