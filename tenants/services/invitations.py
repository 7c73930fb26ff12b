"""Invitations: a mailed link lets the owner of an address into an organisation, once, within a week."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from uuid import uuid4

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractUser, User
from django.contrib.auth.password_validation import validate_password
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import Q, QuerySet

from cyoda.clock import Clock, system_clock
from tenants.models import Invitation, Membership, Organisation, Role
from tenants.services import mailing, people
from tenants.services.audit import Doer, Source, record

LIFETIME = timedelta(days=7)
_USERNAME_LENGTH = 150


class Unusable(Enum):
    """Why an invitation lets nobody in."""

    UNKNOWN = "unknown"
    EXPIRED = "expired"
    REVOKED = "revoked"
    USED = "used"


class InvitationUnusable(Exception):
    """The link leads nowhere (any more)."""

    def __init__(self, reason: Unusable) -> None:
        super().__init__(f"The invitation is {reason.value}.")
        self.reason = reason


class OtherAddress(Exception):
    """The invitation is for a mail address that this login is not known to own."""

    def __init__(self) -> None:
        super().__init__("The invitation is for another mail address.")


class HasLogin(Exception):
    """The owner of the address has a login: they sign in and join with it."""

    def __init__(self) -> None:
        super().__init__("There is a login with this mail address: sign in to join.")


class AlreadyMember(Exception):
    """The owner of the address is in the organisation."""

    def __init__(self) -> None:
        super().__init__("Somebody with this mail address is a member already.")


@transaction.atomic
def invite(doer: Doer, organisation: Organisation, email: str, role: str, *, clock: Clock = system_clock) -> Invitation:
    """Mail a link to an address; an earlier invitation of it to the same organisation ends.

    Raises ValidationError (no mail address), ValueError (not a role), AlreadyMember, MailNotSent.
    """
    email = email.strip().lower()
    validate_email(email)
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    user = people.user_of_address(email)
    if user is not None and Membership.objects.filter(user=user, organisation=organisation).exists():
        raise AlreadyMember
    now = clock()
    for earlier in _open(now).filter(organisation=organisation, email=email):
        _revoke(doer, earlier, clock)
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        organisation=organisation,
        email=email,
        role=Role(role),
        token_digest=_digest(token),
        invited_by=doer.name,
        expires_at=now + LIFETIME,
    )
    _record(doer, "invited", invitation, after={"email": email, "role": invitation.role})
    link = mailing.page_url("invitation", token)
    mailing.send("invitation", email, invitation=invitation, link=link, days=LIFETIME.days)
    return invitation


@transaction.atomic
def revoke_invitation(doer: Doer, invitation: Invitation, *, clock: Clock = system_clock) -> None:
    """Its link lets nobody in any more. Raises InvitationUnusable when it did not anyway."""
    invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    _require_open(invitation, clock)
    _revoke(doer, invitation, clock)


@transaction.atomic
def resend_invitation(doer: Doer, invitation: Invitation, *, clock: Clock = system_clock) -> Invitation:
    """Mail a new link for another week, for the same role; the one before ends.

    Raises InvitationUnusable (it was used or revoked), AlreadyMember, MailNotSent.
    """
    invitation = Invitation.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=invitation.pk)
    if invitation.accepted_at is not None or invitation.revoked_at is not None:
        _require_open(invitation, clock)
    if invitation.expires_at <= clock():
        _revoke(doer, invitation, clock)
    return invite(doer, invitation.organisation, invitation.email, invitation.role, clock=clock)


def waiting_invitations(organisation: Organisation) -> Sequence[Invitation]:
    """Those that nobody has taken up, the expired ones too."""
    return list(Invitation.objects.filter(organisation=organisation, accepted_at=None, revoked_at=None))


def invitation_of(token: str, *, clock: Clock = system_clock) -> Invitation:
    """The open invitation that a link leads to. Raises InvitationUnusable."""
    return _found(Invitation.objects.select_related("organisation"), token, clock)


@transaction.atomic
def accept_with_new_login(
    token: str, *, password: str, first_name: str = "", last_name: str = "", clock: Clock = system_clock
) -> User:
    """Make the login that an invitation stands for: whoever has the link owns the address.

    Raises InvitationUnusable, HasLogin, ValidationError (the password is too weak).
    """
    invitation = _held(token, clock)
    if people.user_of_address(invitation.email) is not None:
        raise HasLogin
    user = User(
        username=free_username(invitation.email), email=invitation.email, first_name=first_name, last_name=last_name
    )
    validate_password(password, user)
    user.set_password(password)
    user.save()
    EmailAddress.objects.create(user=user, email=invitation.email, verified=True, primary=True)
    _accept(invitation, user, clock)
    return user


@transaction.atomic
def accept_with_login(token: str, user: AbstractUser, *, clock: Clock = system_clock) -> Membership:
    """Let an existing login join. Raises InvitationUnusable, OtherAddress."""
    invitation = _held(token, clock)
    if invitation.email not in {address.lower() for address in people.verified_addresses(user)}:
        raise OtherAddress
    return _accept(invitation, user, clock)


def is_invited(emails: Sequence[str], *, clock: Clock = system_clock) -> bool:
    """Whether an invitation of one of the addresses is open."""
    return _open(clock()).filter(email__in=[email.lower() for email in emails]).exists()


@transaction.atomic
def accept_all(user: AbstractUser, *, clock: Clock = system_clock) -> None:
    """Accept what is open for a login's verified addresses, as its provider has vouched for them."""
    emails = [address.lower() for address in people.verified_addresses(user)]
    for invitation in _open(clock()).filter(email__in=emails).select_for_update():
        _accept(invitation, user, clock)


def free_username(email: str) -> str:
    """The address itself, unless it is too long or somebody's user name already."""
    if len(email) <= _USERNAME_LENGTH and not User._default_manager.filter(username__iexact=email).exists():
        return email
    return uuid4().hex


def _accept(invitation: Invitation, user: AbstractUser, clock: Clock) -> Membership:
    invitation.accepted_at = clock()
    invitation.save(update_fields=["accepted_at"])
    doer = people.as_doer(user, Source.PAGES)
    _record(doer, "invitation accepted", invitation)
    return people.add_member(doer, invitation.organisation, user, invitation.role)


def _revoke(doer: Doer, invitation: Invitation, clock: Clock) -> None:
    invitation.revoked_at = clock()
    invitation.save(update_fields=["revoked_at"])
    _record(doer, "invitation revoked", invitation, before={"email": invitation.email, "role": invitation.role})


def _held(token: str, clock: Clock) -> Invitation:
    """The open invitation, locked: of two who use it at once the second finds it used."""
    return _found(Invitation.objects.select_for_update(of=("self",)).select_related("organisation"), token, clock)


def _found(invitations: QuerySet[Invitation], token: str, clock: Clock) -> Invitation:
    invitation = invitations.filter(token_digest=_digest(token)).first()
    if invitation is None:
        raise InvitationUnusable(Unusable.UNKNOWN)
    _require_open(invitation, clock)
    return invitation


def _require_open(invitation: Invitation, clock: Clock) -> None:
    if invitation.accepted_at is not None:
        raise InvitationUnusable(Unusable.USED)
    if invitation.revoked_at is not None:
        raise InvitationUnusable(Unusable.REVOKED)
    if invitation.expires_at <= clock():
        raise InvitationUnusable(Unusable.EXPIRED)


def _open(now: object) -> QuerySet[Invitation]:
    return Invitation.objects.filter(Q(accepted_at=None, revoked_at=None, expires_at__gt=now)).select_related(
        "organisation"
    )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def _record(doer: Doer, action: str, invitation: Invitation, **values: object) -> None:
    record(doer, action, ("invitation", str(invitation.pk)), owner=invitation.organisation, **values)  # type: ignore[arg-type] - before and after
