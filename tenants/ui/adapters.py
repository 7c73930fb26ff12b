"""Where django-allauth asks the platform: who may have an account, what links and limits hang on, how secrets rest."""

from __future__ import annotations

import base64
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.userkit import filter_users_by_email, get_user_by_username
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse

from tenants.identity.cipher import Cipher
from tenants.services import invitations, mailing, people

SECRET_CONTEXT = "second factor"


class Accounts(DefaultAccountAdapter):
    """Accounts come from invitations only."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Made of the configured address: a request could call this host anything."""
        uid, _, rest = key.partition("-")
        return settings.PUBLIC_URL + reverse("account_reset_password_from_key", args=[uid, rest])

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("me")

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that fails or is slow must not tell a stranger which addresses are known, nor undo a change."""
        mailing.send_later(self.render_mail(template_prefix, email, {**context, "email": email}), template_prefix)

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """One count for a login, whatever name of it is tried and whatever the request calls this host."""
        name = str(credentials.get("email") or credentials.get("username") or "").lower()
        user = people.user_of_address(name) or get_user_by_username(name)
        return f"name {name}" if user is None else f"user {user.pk}"


class ProviderAccounts(DefaultSocialAccountAdapter):
    """The provider vouches for an address; the address must be known or invited."""

    def can_authenticate_by_email(self, login: Any, email: str) -> bool:
        return people.user_of_address(email) is not None

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """An address that stands unproven at another login opens none: that would be two with one address."""
        emails = _vouched(sociallogin)
        return invitations.is_invited(emails) and not any(filter_users_by_email(email) for email in emails)

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> AbstractUser:
        """The address that is invited becomes the login's; what is open for it is accepted."""
        email = next(email for email in _vouched(sociallogin) if invitations.is_invited([email]))
        sociallogin.user.email = email.lower()
        sociallogin.user.username = invitations.free_username(email.lower())
        user: Any = super().save_user(request, sociallogin, form)
        invitations.accept_all(user)
        return user


class SecondFactors(DefaultMFAAdapter):
    """Secrets of authenticator apps and recovery codes are encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(_cipher().encrypt(text.encode(), context=SECRET_CONTEXT)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises Undecryptable when the installation's passphrases have changed."""
        return _cipher().decrypt(base64.b64decode(encrypted_text), context=SECRET_CONTEXT).decode()


def _cipher() -> Cipher:
    """Raises PermissionDenied: without a lasting key there is no second factor (cyoda/settings.py)."""
    passphrases = settings.CONF.secrets_at_rest
    if not passphrases:
        raise PermissionDenied
    return Cipher(passphrases)


def _vouched(sociallogin: Any) -> list[str]:
    return [address.email for address in sociallogin.email_addresses if address.verified]
