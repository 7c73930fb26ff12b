"""Addresses of the pages. django-allauth's views keep the names that it reverses; their paths are ours."""

from __future__ import annotations

from allauth.account import views as account
from allauth.socialaccount import views as social
from allauth.usersessions import views as sessions
from django.conf import settings
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from tenants.ui import entering, invitation, me, policy_reports, recording
from tenants.ui.shell import cluster, first_steps, help_pages, home, search, switcher

RESET = "password-reset"

recording.start()

urlpatterns = [
    path("", home.home, name="home"),
    path("platform/", include("tenants.ui.platform.urls")),
    path("t/<str:tenant>/", include("tenants.ui.organisation.urls")),
    path("t/<str:tenant>/e/<str:name>/", include("tenants.ui.console.urls")),
    path("organisations", switcher.organisations, name="organisations"),
    path("organisations/favourite", switcher.favourite, name="favourite"),
    path("search", search.search, name="search"),
    path("help/", help_pages.index, name="help"),
    path("help/<slug:slug>", help_pages.topic, name="help_topic"),
    path("policy-report", policy_reports.policy_report, name="policy_report"),
    path("theme", entering.choose_theme, name="theme"),
    path("cluster/", cluster.cluster, name="cluster"),
    path("setup/", first_steps.first_steps, name="first_steps"),
    path("setup/<str:token>", entering.setup, name="setup"),
    path("invitations/<str:token>", invitation.page, name="invitation"),
    path("login", account.login, name="account_login"),
    path("logout", account.logout, name="account_logout"),
    path("sign-up", account.signup, name="account_signup"),
    path("login/deactivated", account.account_inactive, name="account_inactive"),
    path("login/confirm", account.reauthenticate, name="account_reauthenticate"),
    path(RESET, account.password_reset, name="account_reset_password"),
    path(f"{RESET}/sent", account.password_reset_done, name="account_reset_password_done"),
    path(f"{RESET}/done", account.password_reset_from_key_done, name="account_reset_password_from_key_done"),
    re_path(
        rf"^{RESET}/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("me", me.page, name="me"),
    path("me/preferences", me.preferences, name="preferences"),
    path("me/password", account.password_change, name="account_change_password"),
    path("me/first-password", account.password_set, name="account_set_password"),
    path("me/sessions", sessions.list_usersessions, name="usersessions_list"),
    path("me/second-factor", RedirectView.as_view(pattern_name="me"), name="mfa_index"),
    path("me/second-factor/", include("allauth.mfa.base.urls")),
    path("me/second-factor/app/", include("allauth.mfa.totp.urls")),
    path("me/second-factor/recovery-codes/", include("allauth.mfa.recovery_codes.urls")),
    path("oidc/cancelled", social.login_cancelled, name="socialaccount_login_cancelled"),
    path("oidc/failed", social.login_error, name="socialaccount_login_error"),
    path("oidc/sign-up", social.signup, name="socialaccount_signup"),
    path("oidc/accounts", RedirectView.as_view(pattern_name="me"), name="socialaccount_connections"),
]
if settings.CONF.people.oidc_url is not None:
    urlpatterns.append(path("", include("allauth.socialaccount.providers.openid_connect.urls")))
