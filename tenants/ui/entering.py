"""The way in: the first administrator, light and dark."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from tenants.services.administrators import SetupClosed, make_first_administrator, require_open
from tenants.ui.context import THEME_COOKIE, THEMES
from tenants.ui.forms import SetupForm, show_fault

THEME_SECONDS = 365 * 24 * 3600


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("password")
@never_cache
def setup(request: HttpRequest, token: str) -> HttpResponse:
    """Make the first administrator and sign them in; gone once there is one."""
    form = SetupForm(request.POST or None)
    try:
        require_open(token)
        if form.is_valid():
            user = make_first_administrator(token, **form.cleaned_data)
            return perform_login(request, Login(user=user, redirect_url=reverse("first_steps")))
    except SetupClosed:
        return render(request, "setup_closed.html", status=410)
    except ValidationError as fault:
        show_fault(form, fault)
    return render(request, "setup.html", {"form": form})


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember light, dark or the browser's own, for this browser."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts=None):
        back = reverse("home")
    answer = HttpResponseRedirect(back)
    theme = request.POST.get("theme")
    if theme in THEMES:
        answer.set_cookie(
            THEME_COOKIE, theme, max_age=THEME_SECONDS, samesite="Lax", httponly=True, secure=request.is_secure()
        )
    return answer
