"""The person's own account: name, ways to sign in, second factor, sessions."""

from __future__ import annotations

from typing import Any

from allauth.mfa import app_settings as mfa_settings
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from tenants.services import people
from tenants.services.audit import Source
from tenants.ui.forms import NameForm
from tenants.ui.shell.preferences import PreferencesForm


@require_http_methods(["GET", "POST"])
@login_required
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    user: AbstractUser = request.user  # type: ignore[assignment] - it is authenticated
    form = NameForm(request.POST or None, initial=_name(user))
    if form.is_valid():
        people.rename_person(people.as_doer(user, Source.PAGES), user, **form.cleaned_data)
        messages.success(request, _("Your name is saved."))
        return HttpResponseRedirect(reverse("me"))
    return _shown(request, user, form, PreferencesForm(instance=user.person))  # type: ignore[attr-defined]


@login_required
@require_POST
def preferences(request: HttpRequest) -> HttpResponse:
    """Save how pages look to the person."""
    user: AbstractUser = request.user  # type: ignore[assignment] - it is authenticated
    form = PreferencesForm(request.POST, instance=user.person)  # type: ignore[attr-defined] - the reverse of `user`
    if form.is_valid():
        form.save()
        messages.success(request, _("Your preferences are saved."))
        return HttpResponseRedirect(reverse("me"))
    return _shown(request, user, NameForm(initial=_name(user)), form)


def _shown(request: HttpRequest, user: AbstractUser, form: NameForm, preferences: PreferencesForm) -> HttpResponse:
    return render(request, "me.html", {"form": form, "preferences": preferences, **_facts(user)})


def _name(user: AbstractUser) -> dict[str, str]:
    return {"first_name": user.first_name, "last_name": user.last_name}


def _facts(user: AbstractUser) -> dict[str, Any]:
    factors = {factor.type: factor.wrap() for factor in Authenticator.objects.filter(user=user)}
    codes = factors.get(Authenticator.Type.RECOVERY_CODES)
    return {
        "emails": people.verified_addresses(user),
        "second_factor_offered": Authenticator.Type.TOTP in mfa_settings.SUPPORTED_TYPES,
        "second_factor": factors.get(Authenticator.Type.TOTP),
        "unused_codes": 0 if codes is None else len(codes.get_unused_codes()),
        "provider_accounts": SocialAccount.objects.filter(user=user),
        "sessions": UserSession.objects.purge_and_list(user),  # type: ignore[attr-defined] - its manager has it
    }
