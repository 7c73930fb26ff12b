"""The first administrator of an installation, made through a one-time link on a node's console."""

from __future__ import annotations

import hashlib
import secrets

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from tenants.models import SetupLink
from tenants.services import people
from tenants.services.audit import Source, record


class SetupClosed(Exception):
    """The link is unknown or used, or there is an administrator."""


def has_administrator() -> bool:
    """Whether somebody can run the platform; operators are staff and superusers."""
    return User._default_manager.filter(is_active=True, is_staff=True, is_superuser=True).exists()


def new_setup_token() -> str | None:
    """The token of a new link, None when there is an administrator. Links of other nodes stay good."""
    if has_administrator():
        return None
    token = secrets.token_urlsafe(32)
    SetupLink.objects.create(digest=_digest(token))
    return token


def require_open(token: str) -> None:
    """Raises SetupClosed."""
    if has_administrator() or not SetupLink.objects.filter(pk=_digest(token)).exists():
        raise SetupClosed


@transaction.atomic
def make_first_administrator(token: str, *, username: str, email: str, password: str) -> User:
    """Use the link up, all others with it.

    Raises SetupClosed, ValidationError (the password is too weak, the user name is no user name).
    """
    links = [bytes(link.digest) for link in SetupLink.objects.select_for_update()]
    if has_administrator() or _digest(token) not in links:
        raise SetupClosed
    user = User(username=username, email=email.lower(), is_staff=True, is_superuser=True)
    validate_password(password, user)
    user.set_password(password)
    user.full_clean()
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    SetupLink.objects.all().delete()
    doer = people.as_doer(user, Source.PAGES)
    record(doer, "administrator made", ("person", doer.id), after={"username": username})
    return user


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
