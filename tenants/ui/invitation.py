"""The page that an invitation's link leads to."""

from __future__ import annotations

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from tenants.models import Invitation
from tenants.services import people
from tenants.services.invitations import (
    HasLogin,
    InvitationUnusable,
    OtherAddress,
    accept_with_login,
    accept_with_new_login,
    invitation_of,
)
from tenants.ui.forms import NewLoginForm, show_fault


@require_http_methods(["GET", "POST"])
@sensitive_post_parameters("password")
@never_cache
def page(request: HttpRequest, token: str) -> HttpResponse:
    """Join with the login that is signed in, or make one."""
    try:
        invitation = invitation_of(token)
        if request.user.is_authenticated:
            return _join(request, token, invitation)
        return _make_login(request, token, invitation)
    except InvitationUnusable as refusal:
        return render(request, "invitation/unusable.html", {"reason": refusal.reason.value}, status=410)


def _join(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    try:
        if request.method == "POST":
            accept_with_login(token, request.user)  # type: ignore[arg-type] - it is authenticated
            text = _("You are a member of %(organisation)s now.") % {"organisation": invitation.organisation}
            messages.success(request, text)
            return HttpResponseRedirect(reverse("home"))
        if invitation.email not in {email.lower() for email in people.verified_addresses(request.user)}:  # type: ignore[arg-type]
            raise OtherAddress
    except OtherAddress:
        return render(request, "invitation/other_address.html", {"invitation": invitation}, status=403)
    return render(request, "invitation/join.html", {"invitation": invitation})


def _make_login(request: HttpRequest, token: str, invitation: Invitation) -> HttpResponse:
    if people.user_of_address(invitation.email) is not None:
        return render(request, "invitation/sign_in.html", {"invitation": invitation})
    form = NewLoginForm(request.POST or None)
    if form.is_valid():
        try:
            user = accept_with_new_login(token, **form.cleaned_data)
        except ValidationError as fault:
            show_fault(form, fault)
        except HasLogin:
            return HttpResponseRedirect(request.path)
        else:
            return perform_login(request, Login(user=user, email=invitation.email))
    return render(request, "invitation/new_login.html", {"form": form, "invitation": invitation})
