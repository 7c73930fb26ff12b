"""What operators do in the back office: said beforehand, done by the services, with a reason in the audit log."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

import cyoda.urls  # noqa: F401 - the pages are registered with it
from cyoda.conf import load
from cyoda.embedded.credentials import signing_key
from tenants.identity.secrets import is_secret
from tenants.models import (
    AuditEvent,
    Backend,
    Client,
    Environment,
    Invitation,
    Membership,
    OidcProvider,
    Organisation,
    Provisioning,
    RefreshToken,
    SigningKey,
    Subscription,
    Tier,
    TrustedKey,
)
from tenants.services.audit import PLATFORM
from tenants.services.people import add_member
from tenants.services.provisioning import Order, provision_environment

REASON = "ticket 4711"


def url_of(model: Any, name: str, row: Any = None) -> str:
    [operation] = [one for one in admin.site._registry[model].operations if one.name == name]  # type: ignore[attr-defined]
    path = f"admin:{model._meta.app_label}_{model._meta.model_name}_{operation.attribute}"
    return reverse(path, args=[] if row is None else [quote(row.pk)])


def said(browser: Browser, model: Any, name: str, row: Any = None) -> str:
    answer = browser.get(url_of(model, name, row))
    assert answer.status_code == 200
    return answer.content.decode()


def done(browser: Browser, model: Any, name: str, row: Any = None, /, **values: Any) -> AuditEvent:
    """Confirm an operation; the event it left, which is the operator's."""
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    assert "What will happen" in said(browser, model, name, row)
    answer = browser.post(url_of(model, name, row), {"reason": REASON} | values)
    assert answer.status_code == 302, re.findall(r"(?s)<p[^>]*>\s*([^<]+)", answer.content.decode())
    return the_new(before)


def the_new(before: set[int]) -> AuditEvent:
    event = AuditEvent.objects.exclude(pk__in=before).latest("id")
    assert (event.actor_name, event.source, event.reason) == ("operator", "back office", REASON)
    assert event.actor_id == str(User.objects.get(username="operator").person.pk)  # type: ignore[attr-defined]
    assert event.request_id
    return event


def refused(browser: Browser, model: Any, name: str, row: Any = None, /, **values: Any) -> str:
    """Confirm an operation that is refused: the same page again, with the reason; nothing is recorded."""
    before = AuditEvent.objects.count()
    answer = browser.post(url_of(model, name, row), {"reason": REASON} | values)
    assert answer.status_code == 200
    assert AuditEvent.objects.count() == before
    return answer.content.decode()


# --- organisations and environments -----------------------------------------------------------------------------


def test_an_organisation_is_suspended_and_activated(office: Browser) -> None:
    organisation = Organisation.objects.get()
    assert "refused with 403" in said(office, Organisation, "suspend", organisation)
    event = done(office, Organisation, "suspend", organisation)
    assert (event.action, event.before, event.after) == ("suspended", {"state": "active"}, {"state": "suspended"})
    assert Organisation.objects.get().state == "suspended"
    done(office, Organisation, "activate", organisation)
    assert Organisation.objects.get().state == "active"


def test_nothing_is_done_without_a_reason_or_by_a_link(office: Browser) -> None:
    organisation = Organisation.objects.get()
    assert "required" in refused(office, Organisation, "suspend", organisation, reason="")
    said(office, Organisation, "suspend", organisation)
    assert Organisation.objects.get().state == "active"


def test_in_production_the_name_has_to_be_typed(office: Browser, order: Order) -> None:
    Environment.objects.update(kind="production")
    organisation, environment = Organisation.objects.get(), Environment.objects.get()
    assert "This is not" in refused(office, Organisation, "suspend", organisation, typed="Acme")
    done(office, Organisation, "suspend", organisation, typed=organisation.name)
    assert "required" in refused(office, Environment, "delete", environment)
    done(office, Environment, "delete", environment, typed=environment.name)
    assert Environment.objects.get().state == "deleting"


def test_an_environment_is_ordered_and_its_secret_is_shown_once(office: Browser) -> None:
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    wanted = {
        "new_organisation": "Newcomer",
        "name": "staging",
        "kind": "staging",
        "backend": "local",
        "reason": REASON,
    }
    answer = office.post(url_of(Environment, "order"), wanted)
    assert "no-store" in answer.headers["Cache-Control"]
    secret = once_shown(office, answer)
    run = Provisioning.objects.get(environment__organisation__name="Newcomer")
    assert is_secret(secret, run.input["client"]["secret_hash"])
    assert the_new(before).after["name"] == "staging"
    assert reverse("admin:tenants_provisioning_change", args=[run.pk]) in answer.content.decode()


def test_an_order_that_cannot_be_is_refused_with_a_sentence(office: Browser) -> None:
    owner = Organisation.objects.get()
    wanted = {"kind": "staging", "backend": "local", "name": "staging"}
    assert "Name an organisation" in refused(office, Environment, "order", **wanted)
    assert "needs a tenant id" in refused(office, Environment, "order", **wanted, organisation=owner.pk)
    theirs = wanted | {"organisation": owner.pk, "tenant_id": "new"}
    assert "called development already" in refused(office, Environment, "order", **theirs | {"name": "development"})
    assert "is not an environment name" in refused(office, Environment, "order", **theirs | {"name": "Default!"})
    assert "it is ready" in refused(office, Environment, "order", **theirs | {"tenant_id": "a b/ü"})


def once_shown(browser: Browser, answer: Any) -> str:
    """The secret on the page, which is neither in a session, nor in the log, nor on any page after it."""
    assert answer.status_code == 200
    [secret] = re.findall(r"Client secret</dt>\s*<dd>\s*<code[^>]*>([^<]+)", answer.content.decode())
    kept = [session.get_decoded() for session in Session.objects.all()]
    kept += list(AuditEvent.objects.values()) + list(Client.objects.values()) + list(Provisioning.objects.values())
    assert secret not in str(kept)
    assert secret not in str(answer.cookies)
    for page in ("index", "tenants_client_changelist", "tenants_auditevent_changelist"):
        assert secret not in browser.get(reverse(f"admin:{page}")).content.decode()
    return secret


def test_a_run_is_retried_and_cancelled(office: Browser) -> None:
    order = provision_environment(PLATFORM, "Second")
    done(office, Provisioning, "cancel", order.run)
    order.run.refresh_from_db()
    assert (order.run.state, order.run.error) == ("undoing", "cancelled by operator")
    assert "cannot be cancelled" in refused(office, Provisioning, "cancel", order.run)
    assert done(office, Provisioning, "retry", order.run).action == "run retried"
    finished = Provisioning.objects.get(state="succeeded")
    assert "Only the last run" in refused(office, Provisioning, "retry", finished)


def test_a_page_leads_to_what_can_be_made_for_it(office: Browser, order: Order) -> None:
    environment, organisation = order.run.environment, Organisation.objects.get()
    for row, operation, field, filled in (
        (environment, url_of(Client, "create"), "environment", environment.tenant_id),
        (organisation, url_of(Environment, "order"), "organisation", organisation.pk.hex),
        (organisation, url_of(Invitation, "invite"), "organisation", organisation.pk.hex),
    ):
        page = reverse(f"admin:tenants_{row._meta.model_name}_change", args=[row.pk])
        [link] = re.findall(rf'href="({operation}\?[^"]+)"', office.get(page).content.decode())
        assert office.get(html.unescape(link)).context["form"][field].value() == filled


def test_owners_are_named_without_doubt(office: Browser) -> None:
    Organisation.objects.create(name="Twin")
    twin = Organisation.objects.create(name="Twin")
    wanted = {"email": "x@example.org", "role": "ROLE_VIEWER"}
    assert "give the id of one" in refused(office, Invitation, "invite", **wanted, organisation="Twin")
    assert "no organisation" in refused(office, Invitation, "invite", **wanted, organisation="Nobody")
    done(office, Invitation, "invite", **wanted, organisation=str(twin.pk))
    assert "No environment" in refused(office, Client, "create", environment="nothing", roles=["ROLE_M2M"])


def test_buttons_show_what_the_state_allows(office: Browser, order: Order) -> None:
    def shown(row: Any) -> str:
        return office.get(reverse(f"admin:tenants_{row._meta.model_name}_change", args=[row.pk])).content.decode()

    environment = Environment.objects.get()
    assert url_of(Environment, "delete", environment) in shown(environment)
    assert url_of(Provisioning, "cancel", order.run) not in shown(order.run)
    done(office, Environment, "delete", environment)
    assert url_of(Environment, "delete", environment) not in shown(environment)


def test_the_page_of_a_row_that_is_gone_leads_to_the_list(office: Browser) -> None:
    client = Client.objects.get()
    page = url_of(Client, "delete", client)
    Client.objects.all().delete()
    assert office.get(page).headers["Location"] == reverse("admin:tenants_client_changelist")


# --- clients ----------------------------------------------------------------------------------------------------


def test_a_client_is_made_rotated_and_deleted(office: Browser) -> None:
    environment = Environment.objects.get()
    wanted = {"environment": environment.tenant_id, "roles": ["ROLE_M2M"], "label": "billing", "reason": REASON}
    first = once_shown(office, office.post(url_of(Client, "create"), wanted))
    client = Client.objects.get(label="billing")
    assert is_secret(first, client.secret_hash)
    answer = office.post(url_of(Client, "rotate", client), {"reason": REASON, "overlap_hours": 2})
    second = once_shown(office, answer)
    client.refresh_from_db()
    assert is_secret(second, client.secret_hash)
    assert is_secret(first, client.previous_secret_hash)
    assert client.previous_secret_until is not None
    assert abs(client.previous_secret_until - timezone.now() - timedelta(hours=2)) < timedelta(minutes=1)
    assert done(office, Client, "delete", client).action == "deleted"
    assert not Client.objects.filter(label="billing").exists()
    assert AuditEvent.objects.filter(target_type="client", actor_name="operator").count() == 3


# --- keys and providers -----------------------------------------------------------------------------------------


@pytest.fixture
def jwt(settings: Any) -> None:
    settings.CONF = load({"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": signing_key()})


@pytest.mark.usefixtures("jwt")
def test_a_signing_key_is_issued_invalidated_reactivated_and_deleted(office: Browser) -> None:
    done(office, SigningKey, "issue", audience="client", grace_seconds=0)
    key = SigningKey.objects.get()
    assert "This is not" in refused(office, SigningKey, "invalidate", key, grace_seconds=0, typed="other")
    done(office, SigningKey, "invalidate", key, grace_seconds=60, typed=key.kid)
    assert not SigningKey.objects.get().is_active
    later = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S")
    assert "must be in the future" in refused(office, SigningKey, "reactivate", key, valid_to="2001-01-01T00:00:00")
    event = done(office, SigningKey, "reactivate", key, valid_to=later)
    assert (event.target_type, event.target_id, event.after["active"]) == ("key pair", key.kid, True)
    done(office, SigningKey, "delete", key, typed=key.kid)
    assert not SigningKey.objects.exists()


def test_without_tokens_of_our_own_no_key_is_issued(office: Browser) -> None:
    assert "CYODA_IAM_MODE" in refused(office, SigningKey, "issue", audience="client", grace_seconds=0)


def test_a_trusted_key_is_invalidated_reactivated_and_deleted(office: Browser) -> None:
    key = TrustedKey.objects.create(
        key_id="a/b?c", environment=Environment.objects.get(), jwk="{}", audience="human", valid_from=timezone.now()
    )
    done(office, TrustedKey, "invalidate", key, grace_seconds=0)
    assert not TrustedKey.objects.get().is_active
    done(office, TrustedKey, "reactivate", key, valid_to="2999-01-01T00:00:00")
    assert TrustedKey.objects.get().is_active
    assert done(office, TrustedKey, "delete", key).tenant_id == "a b/ü"
    assert not TrustedKey.objects.exists()


def test_a_provider_is_reloaded_invalidated_reactivated_and_deleted(office: Browser) -> None:
    provider = OidcProvider.objects.create(
        environment=Environment.objects.get(), well_known_uri="https://idp.example.org/"
    )
    done(office, OidcProvider, "reload", provider)
    done(office, OidcProvider, "invalidate", provider)
    assert not OidcProvider.objects.get().is_active
    done(office, OidcProvider, "reactivate", provider)
    assert OidcProvider.objects.get().is_active
    done(office, OidcProvider, "delete", provider)
    assert not OidcProvider.objects.exists()


# --- tiers ------------------------------------------------------------------------------------------------------


def test_a_tier_is_made_changed_assigned_and_cancelled(office: Browser) -> None:
    limits = '[{"entitlementId": "NUM_MODELS", "cumulative": false, "limit": 3}]'
    wanted = {"title": "Trial", "limits": limits, "backends": '["*"]', "env_deploys_per_day": 1}
    done(office, Tier, "create", **wanted, name="trial")
    tier = Tier.objects.get(pk="trial")
    assert "already" in refused(office, Tier, "create", **wanted, name="trial")
    assert "cannot be read" in refused(office, Tier, "edit", tier, **wanted | {"limits": '[{"a": 1}]'})
    event = done(office, Tier, "edit", tier, **wanted | {"title": "Try"})
    assert (event.before["title"], event.after["title"]) == ("Trial", "Try")
    done(office, Tier, "assign", tier, organisation=Organisation.objects.get().pk)
    subscription = Subscription.objects.get()
    assert (subscription.tier, subscription.status) == (tier, "ACTIVE")
    assert "have or had" in refused(office, Tier, "delete", tier)
    done(office, Subscription, "cancel", subscription)
    assert Subscription.objects.get().status == "CANCELLED"


def test_a_back_end_is_made_and_disabled(office: Browser) -> None:
    wanted = {"title": "Second", "driver": "local", "parameters": "{}", "is_enabled": "on"}
    done(office, Backend, "create", **wanted, slug="second")
    backend = Backend.objects.get(pk="second")
    assert "no parameter" in refused(office, Backend, "edit", backend, **wanted | {"parameters": '{"a": 1}'})
    del wanted["is_enabled"]
    event = done(office, Backend, "edit", backend, **wanted)
    assert (event.before["is_enabled"], event.after["is_enabled"]) == (True, False)


# --- people -----------------------------------------------------------------------------------------------------


def test_a_person_is_invited_and_the_invitation_revoked(office: Browser) -> None:
    done(
        office,
        Invitation,
        "invite",
        organisation=Organisation.objects.get().pk,
        email="x@example.org",
        role="ROLE_VIEWER",
    )
    assert [message.to for message in mail.outbox] == [["x@example.org"]]
    invitation = Invitation.objects.get()
    assert invitation.invited_by == "operator"
    done(office, Invitation, "revoke", invitation)
    assert "revoked" in refused(office, Invitation, "revoke", invitation)


def test_a_login_is_deactivated_and_activated(office: Browser) -> None:
    user = User._default_manager.create_user("ann", password="a long password")
    browser = Browser()
    browser.force_login(user)
    done(office, User, "deactivate", user)
    user.refresh_from_db()
    assert not user.is_active
    done(office, User, "activate", user)
    assert User.objects.get(username="ann").is_active
    assert "yourself" in refused(office, User, "deactivate", User.objects.get(username="operator"))


def test_a_lost_second_factor_is_removed_and_what_it_opened_ends(office: Browser) -> None:
    user = User._default_manager.create_user("ann", password="a long password")
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "x"})
    Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data={})
    ends = timezone.now() + timedelta(days=1)
    RefreshToken.objects.create(digest=b"d", user=user, environment=Environment.objects.get(), expires_at=ends)
    event = done(office, User, "remove-second-factor", user)
    assert event.action == "second factor removed"
    assert not Authenticator.objects.exists()
    assert RefreshToken.objects.get().revoked_at is not None


@pytest.mark.parametrize("name", ["deactivate", "activate", "remove-second-factor"])
def test_nobody_but_superusers_operates_on_logins_with_rights(office: Browser, name: str) -> None:
    staff = User._default_manager.create_user("staff", password="a long password", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="change_user"))
    browser = Browser()
    browser.force_login(staff)
    chief, plain = User.objects.get(username="operator"), User._default_manager.create_user("plain")
    assert browser.get(url_of(User, name, plain)).status_code == 200
    colleague = User._default_manager.create_user("colleague", is_staff=True)
    for user in (chief, colleague):
        page = url_of(User, name, user)
        assert (browser.get(page).status_code, browser.post(page, {"reason": "x"}).status_code) == (403, 403)
    chief.refresh_from_db()
    assert chief.is_active


def test_memberships_change_and_end_but_not_the_last_owners(office: Browser) -> None:
    organisation = Organisation.objects.get()
    users = [User._default_manager.create_user(name) for name in ("ann", "bob")]
    owner, other = [add_member(PLATFORM, organisation, user, "ROLE_OWNER") for user in users]
    done(office, Membership, "role", other, role="ROLE_VIEWER")
    assert "last owner" in refused(office, Membership, "role", owner, role="ROLE_VIEWER")
    assert "last owner" in refused(office, Membership, "remove", owner)
    done(office, Membership, "remove", other)
    assert Membership.objects.count() == 1


def test_changed_rights_and_a_set_password_are_in_the_audit_log(office: Browser) -> None:
    user = User._default_manager.create_user("ann", password="a long password")
    page = reverse("admin:auth_user_change", args=[user.pk])
    no_inlines = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
    changed = {"username": "ann", "is_staff": "on", "reason": REASON} | no_inlines
    before = set(AuditEvent.objects.values_list("pk", flat=True))
    assert office.post(page, changed | {"reason": ""}).status_code == 200
    assert office.post(page, changed).status_code == 302
    event = the_new(before)
    assert (event.action, event.before, event.after) == ("changed", {"is_staff": False}, {"is_staff": True})
    password = {"password1": "another long one", "password2": "another long one", "usable_password": "true"}
    assert office.post(reverse("admin:auth_user_password_change", args=[user.pk]), password).status_code == 302
    event = AuditEvent.objects.latest("id")
    assert (event.action, event.target_type, event.after) == ("password set", "person", None)
    user.refresh_from_db()
    assert user.check_password("another long one")


def test_a_group_gives_the_rights_that_operations_ask_for(office: Browser) -> None:
    page = reverse("admin:auth_group_add")
    choices = office.get(page).content.decode()
    assert "Can change organisation" in choices
    assert "authenticator" not in choices
    right = Permission.objects.get(codename="change_organisation")
    assert office.post(page, {"name": "Suspenders", "permissions": [right.pk]}).status_code == 302
    user = User._default_manager.create_user("sue", is_staff=True)
    user.groups.add(Group.objects.get())
    browser = Browser()
    browser.force_login(user)
    organisation = Organisation.objects.get()
    assert browser.post(url_of(Organisation, "suspend", organisation), {"reason": "x"}).status_code == 302
    assert AuditEvent.objects.latest("id").actor_name == "sue"
    assert browser.get(url_of(Environment, "delete", Environment.objects.get())).status_code == 403
