"""Roles, removal, deactivation: who keeps access, who loses it at once, and what the audit log says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client as Browser
from django.utils import timezone

from tenants.models import AuditEvent, Environment, Membership, Organisation, Person, RefreshToken, Role
from tenants.services import people
from tenants.services.audit import PLATFORM, Source
from tests.contract.tenants.people.conftest import (
    PASSWORD,
    SEVERAL_TRANSACTIONS,
    Make,
    at_once,
    is_signed_in,
    role_of,
    sign_in,
)


def membership(user: User, organisation: Organisation) -> Membership:
    return Membership.objects.get(user=user, organisation=organisation)


def token_of(user: User, organisation: Organisation, name: str) -> RefreshToken:
    environment = Environment.of_tenant(name, organisation=organisation, state="ready", name=name)
    environment.save()
    return RefreshToken.objects.create(
        digest=name.encode(), user=user, environment=environment, expires_at=timezone.now() + timedelta(days=1)
    )


def test_every_login_is_a_person_from_its_first_moment(somebody: Make) -> None:
    user = somebody("ann@example.org")
    user.save()
    assert Person.objects.get(user=user).id == user.person.id  # type: ignore[attr-defined]
    assert Person.objects.count() == 1


def test_a_role_is_changed_and_recorded_with_before_and_after(somebody: Make, acme: Organisation) -> None:
    owner, ann = somebody("o@example.org", acme, Role.OWNER), somebody("ann@example.org", acme)
    doer = people.as_doer(owner, Source.PAGES)
    people.change_role(doer, membership(ann, acme), Role.DEVELOPER)
    assert role_of(ann, acme) == Role.DEVELOPER
    event = AuditEvent.objects.first()
    assert event is not None
    assert (event.action, event.actor_name, event.organisation_id) == ("role changed", "o@example.org", acme.pk)
    assert (event.before, event.after) == ({"role": Role.VIEWER}, {"role": Role.DEVELOPER})


def test_what_is_no_role_is_refused(somebody: Make, acme: Organisation) -> None:
    with pytest.raises(ValueError, match="ROLE_ADMIN"):
        people.change_role(PLATFORM, membership(somebody("ann@example.org", acme), acme), "ROLE_ADMIN")


def demote(row: Membership) -> object:
    return people.change_role(PLATFORM, row, Role.VIEWER)


def remove(row: Membership) -> object:
    return people.remove_member(PLATFORM, row)


@pytest.mark.parametrize("change", [demote, remove])
def test_the_last_owner_stays(somebody: Make, acme: Organisation, change: Callable[[Membership], object]) -> None:
    owner, other = somebody("o@example.org", acme, Role.OWNER), somebody("p@example.org", acme, Role.OWNER)
    people.deactivate_person(PLATFORM, other)
    events = AuditEvent.objects.count()
    with pytest.raises(people.LastOwner):
        change(membership(owner, acme))
    assert (role_of(owner, acme), AuditEvent.objects.count()) == (Role.OWNER, events)
    people.activate_person(PLATFORM, other)
    change(membership(owner, acme))
    assert role_of(owner, acme) != Role.OWNER


@SEVERAL_TRANSACTIONS
def test_of_two_owners_who_leave_at_once_one_stays(somebody: Make, acme: Organisation) -> None:
    rows = [membership(somebody(f"{name}@example.org", acme, Role.OWNER), acme) for name in "ab"]

    def leave(row: Membership) -> str:
        try:
            people.remove_member(PLATFORM, row)
        except people.LastOwner:
            return "refused"
        return "gone"

    assert at_once(leave, *rows) == ["gone", "refused"]


def test_a_removed_member_loses_the_tokens_of_that_organisation_only(somebody: Make, acme: Organisation) -> None:
    globex = Organisation.objects.create(name="Globex")
    ann = somebody("ann@example.org", acme)
    people.add_member(PLATFORM, globex, ann, Role.VIEWER)
    here, there = token_of(ann, acme, "here"), token_of(ann, globex, "there")
    people.remove_member(PLATFORM, membership(ann, acme))
    here.refresh_from_db()
    there.refresh_from_db()
    assert (here.revoked_at is None, there.revoked_at is None) == (False, True)
    assert role_of(ann, globex) == Role.VIEWER


def test_a_deactivated_persons_sessions_and_tokens_end_at_once(somebody: Make, acme: Organisation) -> None:
    ann = somebody("ann@example.org", acme)
    browser, token = Browser(), token_of(ann, acme, "here")
    sign_in(browser, "ann@example.org")
    assert is_signed_in(browser)
    people.deactivate_person(PLATFORM, ann)
    token.refresh_from_db()
    assert token.revoked_at is not None
    assert not is_signed_in(browser)
    assert sign_in(browser, "ann@example.org")["Location"] == "/login/deactivated"
    people.activate_person(PLATFORM, ann)
    assert not is_signed_in(browser)  # the session does not come back with the login
    assert sign_in(browser, "ann@example.org")["Location"] == "/"


def test_what_has_expired_is_forgotten_and_nothing_else(somebody: Make, acme: Organisation) -> None:
    ann, browser = somebody("ann@example.org", acme), Browser()
    sign_in(browser, "ann@example.org", "no")
    sign_in(browser, "ann@example.org")
    token_of(ann, acme, "here")

    def rows() -> tuple[int, int, int, int]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM cyoda_cache")
            counts = cursor.fetchone()[0]
        return Session.objects.count(), UserSession.objects.count(), RefreshToken.objects.count(), counts

    before = rows()
    people.forget_expired()
    assert rows() == before
    assert all(before)
    people.forget_expired(clock=lambda: timezone.now() + timedelta(days=15))
    assert rows() == (0, 0, 0, 0)


def test_nobody_deactivates_themselves(somebody: Make) -> None:
    ann = somebody("ann@example.org")
    with pytest.raises(people.NotYourself):
        people.deactivate_person(people.as_doer(ann, Source.BACK_OFFICE), ann)
    assert User._default_manager.get(pk=ann.pk).is_active


def test_a_new_password_ends_the_tokens_whoever_sets_it(somebody: Make, acme: Organisation) -> None:
    ann = somebody("ann@example.org", acme)
    token = token_of(ann, acme, "here")
    assert ann.check_password(PASSWORD)
    ann.save()
    token.refresh_from_db()
    assert token.revoked_at is None
    ann.set_password("another passphrase 8")
    ann.save()
    token.refresh_from_db()
    assert token.revoked_at is not None
