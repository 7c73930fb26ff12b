"""Invitations: a link lets the owner of one address in, once, within a week, and nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import Client as Browser

from cyoda.clock import system_clock
from tenants.models import AuditEvent, Invitation, Organisation, Role
from tenants.services import invitations, people
from tenants.services.audit import PLATFORM
from tenants.services.invitations import AlreadyMember, InvitationUnusable, OtherAddress, Unusable
from tenants.services.mailing import MailNotSent
from tests.contract.tenants.people.conftest import (
    PASSWORD,
    SEVERAL_TRANSACTIONS,
    Make,
    at_once,
    mailed_path,
    role_of,
    sign_in,
)


def invited(organisation: Organisation, email: str = "ann@example.org", role: Role = Role.DEVELOPER) -> str:
    """The path of the link that was mailed."""
    invitations.invite(PLATFORM, organisation, email, role)
    return mailed_path()


def token(path: str) -> str:
    return path.rpartition("/")[2]


def test_the_link_makes_a_login_and_signs_it_in(browser: Browser, acme: Organisation) -> None:
    path = invited(acme, "Ann@Example.org")
    assert mail.outbox[-1].to == ["ann@example.org"]
    assert "ann@example.org" in browser.get(path).content.decode()
    answer = browser.post(path, {"first_name": "Ann", "last_name": "Lee", "password": PASSWORD})
    assert answer["Location"] == "/"
    ann = User._default_manager.get()
    assert (ann.username, ann.email, ann.get_full_name()) == ("ann@example.org", "ann@example.org", "Ann Lee")
    assert (ann.is_staff, ann.is_superuser, role_of(ann, acme)) == (False, False, Role.DEVELOPER)
    assert "Acme" in browser.get("/").content.decode()
    assert sign_in(Browser(), "ann@example.org")["Location"] == "/"
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert actions == {"invited", "invitation accepted", "member added"}


def test_only_a_digest_of_the_link_is_kept(acme: Organisation) -> None:
    secret = token(invited(acme))
    row = Invitation.objects.get()
    assert len(bytes(row.token_digest)) == 32
    assert secret not in str([vars(row), *AuditEvent.objects.values()])


def test_a_weak_password_makes_nothing(browser: Browser, acme: Organisation) -> None:
    path = invited(acme)
    for weak in ("short", "password1234", "ann@example.org", ""):
        answer = browser.post(path, {"password": weak})
        assert 'aria-invalid="true"' in answer.content.decode(), weak
    assert not User._default_manager.exists()
    assert browser.post(path, {"password": PASSWORD}).status_code == 302


def test_an_existing_login_joins_with_its_address(browser: Browser, acme: Organisation, somebody: Make) -> None:
    ann, path = somebody("ann@example.org"), invited(acme, "ANN@example.org", Role.OWNER)
    assert "Sign in" in browser.get(path).content.decode()
    assert browser.post(path, {"password": PASSWORD}).status_code == 200
    answer = browser.post(f"/login?next={path}", {"login": "ann@example.org", "password": PASSWORD})
    assert answer["Location"] == path
    assert browser.post(path)["Location"] == "/"
    assert (role_of(ann, acme), User._default_manager.count()) == (Role.OWNER, 1)


def test_a_login_with_another_address_does_not_join(browser: Browser, acme: Organisation, somebody: Make) -> None:
    bob, path = somebody("bob@example.org"), invited(acme)
    sign_in(browser, "bob@example.org")
    assert browser.get(path).status_code == 403
    assert browser.post(path).status_code == 403
    with pytest.raises(OtherAddress):
        invitations.accept_with_login(token(path), bob)
    assert (role_of(bob, acme), Invitation.objects.get().accepted_at) == (None, None)


def test_an_address_that_is_not_verified_does_not_count(acme: Organisation, somebody: Make) -> None:
    bob, secret = somebody("bob@example.org"), token(invited(acme, "claimed@example.org"))
    bob.email = "claimed@example.org"
    bob.save()
    with pytest.raises(OtherAddress):
        invitations.accept_with_login(secret, bob)


def test_an_invitation_ends_after_a_week(browser: Browser, acme: Organisation) -> None:
    path = invited(acme)
    last_moment = Invitation.objects.get().expires_at
    assert abs(last_moment - system_clock() - timedelta(days=7)) < timedelta(minutes=1)
    invitations.invitation_of(token(path), clock=lambda: last_moment - timedelta(seconds=1))
    with pytest.raises(InvitationUnusable) as refused:
        invitations.accept_with_new_login(token(path), password=PASSWORD, clock=lambda: last_moment)
    assert refused.value.reason is Unusable.EXPIRED
    Invitation.objects.update(expires_at=system_clock())
    assert browser.post(path, {"password": PASSWORD}).status_code == 410
    assert not User._default_manager.exists()


def test_a_revoked_invitation_lets_nobody_in(browser: Browser, acme: Organisation) -> None:
    path = invited(acme)
    invitations.revoke_invitation(PLATFORM, Invitation.objects.get())
    answer = browser.post(path, {"password": PASSWORD})
    assert (answer.status_code, User._default_manager.count()) == (410, 0)
    with pytest.raises(InvitationUnusable):
        invitations.revoke_invitation(PLATFORM, Invitation.objects.get())


def test_a_used_link_lets_nobody_else_in(browser: Browser, acme: Organisation) -> None:
    path = invited(acme)
    browser.post(path, {"password": PASSWORD})
    assert Browser().post(path, {"password": "the passphrase of a thief"}).status_code == 410
    assert User._default_manager.count() == 1


@SEVERAL_TRANSACTIONS
def test_of_two_who_use_a_link_at_once_one_gets_in(acme: Organisation) -> None:
    secret = token(invited(acme))

    def accept(number: int) -> str:
        try:
            invitations.accept_with_new_login(secret, password=f"{PASSWORD} {number}")
        except InvitationUnusable as refusal:
            return refusal.reason.value
        return "in"

    assert at_once(accept, 1, 2) == ["in", "used"]
    assert User._default_manager.count() == 1


def test_a_new_invitation_ends_the_earlier_one_of_that_organisation(acme: Organisation) -> None:
    globex = Organisation.objects.create(name="Globex")
    elsewhere, first, second = token(invited(globex)), token(invited(acme)), token(invited(acme))
    with pytest.raises(InvitationUnusable) as refused:
        invitations.invitation_of(first)
    assert refused.value.reason is Unusable.REVOKED
    assert invitations.invitation_of(second).organisation == acme
    assert invitations.invitation_of(elsewhere).organisation == globex


@pytest.mark.parametrize("wrong", ["x", "%00", "é" * 50, "a" * 5000])
def test_a_link_that_is_none_of_ours_leads_nowhere(browser: Browser, acme: Organisation, wrong: str) -> None:
    invited(acme)
    assert browser.get(f"/invitations/{wrong}").status_code == 410


def test_members_and_what_is_no_address_are_not_invited(acme: Organisation, somebody: Make) -> None:
    somebody("ann@example.org", acme)
    with pytest.raises(AlreadyMember):
        invitations.invite(PLATFORM, acme, "Ann@example.org", Role.VIEWER)
    for wrong in ("ann", "a@b", "ann@example.org\nBcc: all@example.org"):
        with pytest.raises(ValidationError):
            invitations.invite(PLATFORM, acme, wrong, Role.VIEWER)
    with pytest.raises(ValueError, match="ROLE_ADMIN"):
        invitations.invite(PLATFORM, acme, "bob@example.org", "ROLE_ADMIN")
    assert (mail.outbox, Invitation.objects.count()) == ([], 0)


def test_without_a_mail_there_is_no_invitation(acme: Organisation, settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"  # type: ignore[attr-defined]
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1  # type: ignore[attr-defined]
    with pytest.raises(MailNotSent):
        invitations.invite(PLATFORM, acme, "ann@example.org", Role.VIEWER)
    assert (Invitation.objects.count(), AuditEvent.objects.count()) == (0, 0)


def test_the_link_starts_with_the_configured_address_whatever_the_request_says(
    acme: Organisation, settings: object
) -> None:
    settings.PUBLIC_URL = "https://cyoda.example.org"  # type: ignore[attr-defined]
    invitations.invite(PLATFORM, acme, "ann@example.org", Role.VIEWER)
    assert mailed_path("https://cyoda.example.org").startswith("/invitations/")


def test_a_name_that_is_taken_does_not_stop_an_invitation(acme: Organisation) -> None:
    User._default_manager.create_user("ann@example.org")
    ann = invitations.accept_with_new_login(token(invited(acme)), password=PASSWORD)
    assert ann.username != "ann@example.org"
    assert people.user_of_address("ann@example.org") == ann
