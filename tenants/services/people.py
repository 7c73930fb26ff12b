"""People in organisations, and the end of their access: roles, removal, deactivation.

Sessions, passwords and second factors are django-allauth's; this module ends what they have opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import AbstractUser, User
from django.contrib.sessions.models import Session
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from cyoda.clock import Clock, system_clock
from tenants.models import Consent, Membership, Organisation, Person, RefreshToken, Role
from tenants.naming import is_uuid
from tenants.services.audit import Doer, Source, record


class LastOwner(Exception):
    """The organisation would be left without an owner who can sign in."""

    def __init__(self) -> None:
        super().__init__("This is the organisation's last owner: make somebody else an owner first.")


class NotYourself(Exception):
    """Nobody takes away their own access."""

    def __init__(self) -> None:
        super().__init__("You cannot deactivate yourself.")


def make_person(instance: AbstractUser, created: bool, **_: Any) -> None:
    """Called after a login was saved, whoever made it."""
    if created:
        Person.objects.create(user=instance)


def verified_addresses(user: AbstractUser) -> list[str]:
    return list(EmailAddress.objects.filter(user=user, verified=True).values_list("email", flat=True))


def user_of_address(email: str) -> User | None:
    """The login that is known to own a mail address."""
    address = EmailAddress.objects.filter(email__iexact=email, verified=True).select_related("user").first()
    return None if address is None else address.user


def as_doer(user: AbstractUser, source: Source) -> Doer:
    """A signed-in person as the one who makes a change."""
    person: Person = user.person  # type: ignore[attr-defined] - the reverse of `user`
    return Doer(id=str(person.id), name=user.get_username(), kind="user", source=source)


# --- memberships ------------------------------------------------------------------------------------------------


@transaction.atomic
def add_member(doer: Doer, organisation: Organisation, user: AbstractUser, role: str) -> Membership:
    """Take a login into an organisation; one that is in it already keeps its role."""
    membership, is_new = Membership.objects.get_or_create(
        user=user, organisation=organisation, defaults={"role": Role(role)}
    )
    if is_new:
        _record(doer, "member added", membership, after={"role": membership.role})
    return membership


@transaction.atomic
def change_role(doer: Doer, membership: Membership, role: str) -> Membership:
    """Tokens carry the new role from the next refresh on. Raises LastOwner, ValueError (not a role)."""
    membership = _locked(membership)
    before, after = membership.role, Role(role)
    if before == after:
        return membership
    if before == Role.OWNER:
        _require_another_owner(membership)
    membership.role = after
    membership.save(update_fields=["role"])
    _record(doer, "role changed", membership, before={"role": before}, after={"role": after})
    return membership


@transaction.atomic
def remove_member(doer: Doer, membership: Membership) -> None:
    """Take a person out of an organisation; refresh tokens for its environments end. Raises LastOwner."""
    membership = _locked(membership)
    if membership.role == Role.OWNER:
        _require_another_owner(membership)
    _end(*_opened(membership))
    _record(doer, "member removed", membership, before={"role": membership.role})
    membership.delete()


@transaction.atomic
def end_access_to(doer: Doer, membership: Membership) -> None:
    """End what a member has signed in to with dashboards and command lines; the browser's sessions go on."""
    membership = _locked(membership)
    _end(*_opened(membership))
    _record(doer, "access ended", membership)


@dataclass(frozen=True, slots=True)
class OpenAccess:
    """What fetches tokens of an organisation in a member's name: dashboards and command lines."""

    dashboards: Sequence[RefreshToken]
    command_lines: Sequence[Consent]


def open_access(membership: Membership, *, clock: Clock = system_clock) -> OpenAccess:
    tokens, consents = _opened(membership)
    standing = tokens.filter(revoked_at=None, expires_at__gt=clock()).select_related("environment")
    return OpenAccess(list(standing), list(consents.filter(ended_at=None).exclude(used_at=None)))


def _opened(membership: Membership) -> tuple[QuerySet[RefreshToken], QuerySet[Consent]]:
    return (
        RefreshToken.objects.filter(user=membership.user, environment__organisation=membership.organisation),
        Consent.objects.filter(user=membership.user, organisation=membership.organisation),
    )


def _locked(membership: Membership) -> Membership:
    """The row as it is now, with the organisation's members held still: owners leave one after the other."""
    Organisation.objects.select_for_update().get(pk=membership.organisation.pk)
    return Membership.objects.select_related("organisation", "user").get(pk=membership.pk)


def _require_another_owner(membership: Membership) -> None:
    owners = Membership.objects.filter(organisation=membership.organisation, role=Role.OWNER, user__is_active=True)
    if not owners.exclude(pk=membership.pk).exists():
        raise LastOwner


def _record(doer: Doer, action: str, membership: Membership, **values: Any) -> None:
    person: Person = membership.user.person  # type: ignore[attr-defined] - the reverse of `user`
    record(doer, action, ("person", str(person.id)), owner=membership.organisation, **values)


def names_of(organisation: Organisation, person_ids: Iterable[str]) -> dict[str, str]:
    """How those of the ids that are members of the organisation are called."""
    ids = [text for text in person_ids if is_uuid(text)]
    members = Membership.objects.filter(organisation=organisation, user__person__id__in=ids)
    return {
        str(member.user.person.id): member.user.get_full_name() or member.user.get_username()  # type: ignore[attr-defined] - the reverse of `user`
        for member in members.select_related("user__person")
    }


# --- logins -----------------------------------------------------------------------------------------------------


@transaction.atomic
def rename_person(doer: Doer, user: AbstractUser, first_name: str, last_name: str) -> None:
    before = {"firstName": user.first_name, "lastName": user.last_name}
    after = {"firstName": first_name, "lastName": last_name}
    if before == after:
        return
    user.first_name, user.last_name = first_name, last_name
    user.save(update_fields=["first_name", "last_name"])
    _record_person(doer, "renamed", user, before=before, after=after)


@transaction.atomic
def deactivate_person(doer: Doer, user: AbstractUser) -> None:
    """Nobody can sign in with this login any more; its sessions and refresh tokens end at once.

    Access tokens that were handed out end by themselves. Raises NotYourself.
    """
    if doer.id == str(user.person.id):  # type: ignore[attr-defined] - the reverse of `user`
        raise NotYourself
    _set_active(doer, user, False)
    end_access(user)


@transaction.atomic
def activate_person(doer: Doer, user: AbstractUser) -> None:
    """Let a deactivated login sign in again."""
    _set_active(doer, user, True)


def has_second_factor(user: AbstractUser) -> bool:
    return Authenticator.objects.filter(user=user).exists()


@transaction.atomic
def remove_second_factor(doer: Doer, user: AbstractUser) -> None:
    """For one who has lost app and recovery codes: the password is enough again; everything that is open ends."""
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if removed:
        end_access(user)
        _record_person(doer, "second factor removed", user)


def _set_active(doer: Doer, user: AbstractUser, is_active: bool) -> None:
    if user.is_active != is_active:
        user.is_active = is_active
        user.save(update_fields=["is_active"])
        _record_person(
            doer,
            "activated" if is_active else "deactivated",
            user,
            before={"isActive": not is_active},
            after={"isActive": is_active},
        )


def end_access(user: AbstractUser) -> None:
    """End every session and refresh token of a login."""
    for session in UserSession.objects.filter(user=user):
        session.end()
    end_tokens(user)


def end_tokens(user: AbstractUser) -> None:
    _end(RefreshToken.objects.filter(user=user), Consent.objects.filter(user=user))


def forget_expired(*, clock: Clock = system_clock) -> None:
    """Remove sessions, refresh tokens and counts of sign-in attempts whose time is over."""
    now = clock()
    Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    RefreshToken.objects.filter(expires_at__lt=now).delete()
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM cyoda_cache WHERE expires < %s", [now])


def record_own(action: str, user: AbstractUser, source: Source) -> None:
    """A change that a person made to their own login."""
    _record_person(as_doer(user, source), action, user)


def _end(tokens: QuerySet[RefreshToken], consents: QuerySet[Consent]) -> None:
    """What dashboards and command lines fetch tokens with."""
    now = timezone.now()
    tokens.filter(revoked_at=None).update(revoked_at=now)
    consents.filter(ended_at=None).update(ended_at=now)


def _record_person(doer: Doer, action: str, user: AbstractUser, **values: Any) -> None:
    person: Person = user.person  # type: ignore[attr-defined] - the reverse of `user`
    record(doer, action, ("person", str(person.id)), **values)


class PasswordEndsTokens:
    """A password validator for its second half: Django calls it whenever a new password was saved, by whatever page."""

    def validate(self, password: str, user: AbstractUser | None = None) -> None:
        """Accepts everything."""

    def get_help_text(self) -> str:
        return str(_("A new password signs you out everywhere else."))

    def password_changed(self, password: str, user: AbstractUser | None = None) -> None:
        if user is not None and user.pk is not None:
            end_tokens(user)
