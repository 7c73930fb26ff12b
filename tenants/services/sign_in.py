"""Signing people in for the dashboard: the library's checks, limits and mails, without its pages."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from allauth.account.adapter import get_adapter
from allauth.account.forms import ResetPasswordForm, UserTokenForm
from allauth.core import ratelimit
from allauth.core.context import request_context
from allauth.core.exceptions import RateLimited
from allauth.mfa.base.forms import AuthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest

from cyoda.clock import Clock
from cyoda.errors import BadRequest, Forbidden, TooManyRequests, Unauthorized
from cyoda.principal import Principal
from tenants.services import grants
from tenants.services.audit import Source
from tenants.services.grants import Grant
from tenants.services.people import record_own

LOCKED_SECONDS = 300
_TOO_MANY = "too_many_login_attempts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Where a request comes from, as the limits by address need it."""

    address: str
    forwarded_for: str | None = None
    user_agent: str = ""


def sign_in(
    name: str, password: str, *, otp: str | None, environment: str | None, visitor: Visitor, clock: Clock
) -> Grant:
    """Judge a password, then a second factor if the person has one, and give a refresh token.

    Raises Unauthorized, TooManyRequests, Forbidden (no such environment).
    """
    with _request_of(visitor) as request:
        _within_limit(request, "login")
        user = _proven(request, name, password)
        _require_second_factor(user, otp)
    return grants.grant(user, environment, clock=clock)


def change_password(principal: Principal, old: str, new: str, visitor: Visitor) -> None:
    """All refresh tokens and sessions of the person end.

    Raises BadRequest (the old one is wrong, the new one too weak), TooManyRequests, Forbidden (for clients).
    """
    person = grants.person_of(principal)
    if person is None:
        raise Forbidden("only people have passwords")
    with _request_of(visitor) as request:
        adapter, user = get_adapter(request), person.user
        try:
            is_proven = "\0" not in old and adapter.reauthenticate(user, old)
        except ValidationError:
            raise _locked() from None
        if not is_proven:
            raise BadRequest("the old password is wrong")
        _set_password(user, new, "password changed")
        adapter.send_notification_mail("account/email/password_changed", user)


def request_reset(email: str, visitor: Visitor) -> None:
    """Mail a link if somebody has the address; whether is not told. Raises TooManyRequests."""
    form = ResetPasswordForm({"email": email})
    with _request_of(visitor) as request:
        _within_limit(request, "reset_password", key=email.lower())
        if form.is_valid():
            form.save(request)


def reset_password(key: str, new: str, visitor: Visitor) -> None:
    """Use the key of a mailed link up. Raises BadRequest (the key, the password), TooManyRequests."""
    uid, _, rest = key.partition("-")
    with _request_of(visitor) as request:
        _within_limit(request, "reset_password_from_key")
        form = UserTokenForm({"uidb36": uid, "key": rest})
        if not form.is_valid() or form.reset_user is None:
            raise BadRequest("the link is invalid or has been used")
        user = form.reset_user
        _set_password(user, new, "password reset")
        get_adapter()._delete_login_attempts_cached_email(request, username=user.get_username())
        get_adapter().send_notification_mail("account/email/password_reset", user)


def _proven(request: HttpRequest, name: str, password: str) -> AbstractUser:
    """Who has this name, or mail address, and this password. Raises Unauthorized, TooManyRequests."""
    if "\0" in name + password:
        raise Unauthorized("wrong user name or password")
    adapter = get_adapter(request)
    try:
        user = adapter.authenticate(request, username=name, email=name, password=password)
    except ValidationError:
        raise _locked() from None
    if not isinstance(user, AbstractUser) or not user.is_active:
        raise Unauthorized("wrong user name or password")
    return user


def _require_second_factor(user: AbstractUser, otp: str | None) -> None:
    if not is_mfa_enabled(user, [Authenticator.Type.TOTP]):
        return
    if not otp:
        refusal = Unauthorized("a code of the second factor is needed: send it as otp")
        refusal.properties["secondFactor"] = True
        raise refusal
    form = AuthenticateForm({"code": otp}, user=user)
    if form.is_valid():
        form.authenticator.record_usage()
    elif any(fault.code == _TOO_MANY for fault in form.errors.as_data().get("code", [])):
        raise _locked()
    else:
        raise Unauthorized("wrong code of the second factor")


@transaction.atomic
def _set_password(user: AbstractUser, new: str, action: str) -> None:
    """Raises BadRequest when the password is too weak."""
    try:
        validate_password(new, user)
    except ValidationError as fault:
        raise BadRequest(" ".join(fault.messages)) from None
    get_adapter().set_password(user, new)
    record_own(action, user, Source.API)


def _within_limit(request: HttpRequest, action: str, key: str | None = None) -> None:
    """Raises TooManyRequests."""
    try:
        ratelimit.consume(request, action=action, key=key, raise_exception=True)
    except RateLimited:
        raise _locked() from None


def _locked() -> TooManyRequests:
    return TooManyRequests("too many attempts: wait, then try again", retry_after_seconds=LOCKED_SECONDS, properties={})


@contextmanager
def _request_of(visitor: Visitor) -> Generator[HttpRequest]:
    """What the library asks for: limits look at the address, mails at the browser's name."""
    request = HttpRequest()
    request.method = "POST"
    request.META = {
        "REMOTE_ADDR": visitor.address,
        "HTTP_USER_AGENT": visitor.user_agent,
    }
    if visitor.forwarded_for is not None:
        request.META["HTTP_X_FORWARDED_FOR"] = visitor.forwarded_for
    with request_context(request):
        try:
            yield request
        except PermissionDenied:
            raise Forbidden("the address that the request comes from cannot be told") from None
