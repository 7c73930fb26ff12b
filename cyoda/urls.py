"""Django's routes; the data plane's routes are in the ASGI app in front of them."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

admin.autodiscover()
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign] - the back office has no sign-in of its own

handler500 = "tenants.ui.shell.errors.failed"

urlpatterns = [
    path("admin/password_change/", RedirectView.as_view(pattern_name="account_change_password")),
    path("admin/", admin.site.urls),
    path("v2/", include("tenants.cloud.urls")),
    path("", include("tenants.studio.urls")),
    path("", include("tenants.oauth.urls")),
    path("", include("tenants.ui.urls")),
]
