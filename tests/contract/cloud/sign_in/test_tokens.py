"""What the tokens of a command line may do, and when they end (contract: control plane 4.7, 3.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.utils import timezone
from oauth2_provider.models import DeviceGrant

from tenants.models import Consent, Environment, Membership, Organisation, Role
from tenants.services import consents, people
from tenants.services.audit import PLATFORM
from tenants.services.standing import Standing, standing_of
from tests.contract.cloud.conftest import slug
from tests.contract.cloud.sign_in.conftest import (
    Cli,
    allowed,
    claims,
    device_tokens,
    error,
    ready,
)


def test_a_token_is_for_the_chosen_environment(cli: Cli, ann: Any, browser: Browser, acme: Organisation) -> None:
    ready(acme, "dev")
    staging = ready(acme, "staging")
    answer = cli.device()
    assert allowed(browser, answer, place=staging.tenant_id)["Location"] == "/activate/allowed"
    tokens = cli.poll(answer.json()["device_code"]).json()
    assert claims(tokens["access_token"])["caas_org_id"] == staging.tenant_id
    assert cli.get("/v2/me", tokens["access_token"]).json()["org_id"] == str(acme.pk)

    Environment.objects.filter(pk=staging.pk).update(state=Environment.State.DELETED)
    assert cli.get("/v2/envs", tokens["access_token"]).status_code == 200
    tokens = cli.refresh(tokens["refresh_token"]).json()
    assert claims(tokens["access_token"])["caas_org_id"] == str(acme.pk)


def test_an_organisation_without_environments_is_no_tenant(acme: Organisation) -> None:
    assert standing_of(str(acme.pk)) is Standing.GONE
    assert standing_of(str(uuid4())) is Standing.UNKNOWN


def test_a_tenant_of_another_organisation_cannot_be_chosen(cli: Cli, ann: Any, browser: Browser) -> None:
    foreign = ready(Organisation.objects.create(name="Other"))
    answer = cli.device()
    assert allowed(browser, answer, place=foreign.tenant_id).status_code == 200  # asked again
    assert error(cli.poll(answer.json()["device_code"])) == "authorization_pending"
    page = browser.post(cli.address(), {"decision": "allow", "place": foreign.tenant_id})
    assert page.status_code == 200
    assert not Consent.objects.exists()


def test_environments_of_others_are_not_found(cli: Cli, ann: Any, browser: Browser) -> None:
    ready(Organisation.objects.create(name="Other"), "theirs")
    token = device_tokens(cli, browser)["access_token"]
    assert slug(cli.get("/v2/envs/theirs", token)) == (404, "not-found")


def test_the_organisation_may_be_named_beforehand(cli: Cli, ann: Any, browser: Browser, acme: Organisation) -> None:
    second = Organisation.objects.create(name="Second")
    people.add_member(PLATFORM, second, ann, Role.VIEWER)
    form = browser.get(cli.address(organization=str(second.pk))).context["form"]
    assert [tenant for tenant, _ in form.fields["place"].choices] == [str(second.pk)]
    assert browser.get(cli.address(organization="nobody's")).status_code == 403


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        (Role.OWNER, "openid read:builds deploy:env delete:env"),
        (Role.DEVELOPER, "openid read:builds"),
        (Role.VIEWER, "openid read:builds"),
    ],
)
def test_a_token_has_no_more_than_the_role_allows(cli: Cli, ann: Any, browser: Browser, role: Role, scope: str) -> None:
    Membership.objects.update(role=role)
    asked = "openid read:builds deploy:env delete:env admin:all unheard:of"
    tokens = device_tokens(cli, browser, scope=asked)
    assert tokens["scope"] == claims(tokens["access_token"])["scope"] == scope


def test_a_refresh_takes_the_role_over_that_the_person_has_now(cli: Cli, ann: Any, browser: Browser) -> None:
    first = device_tokens(cli, browser)
    Membership.objects.update(role=Role.VIEWER)
    second = cli.refresh(first["refresh_token"]).json()
    assert "deploy:env" not in second["scope"]
    assert "offline_access" in second["scope"]
    assert claims(second["access_token"])["user_roles"] == ["ROLE_VIEWER"]
    Membership.objects.update(role=Role.OWNER)
    assert "deploy:env" in cli.refresh(second["refresh_token"]).json()["scope"]


def leave(user: Any, acme: Organisation) -> None:
    Membership.objects.filter(user=user).delete()


def deactivate(user: Any, acme: Organisation) -> None:
    people.deactivate_person(PLATFORM, user)


def change_password(user: Any, acme: Organisation) -> None:
    people.end_tokens(user)


def suspend(user: Any, acme: Organisation) -> None:
    acme.state = Organisation.State.SUSPENDED
    acme.save()


@pytest.mark.parametrize("happen", [leave, deactivate, change_password, suspend])
def test_a_sign_in_ends_with_what_it_rests_on(
    cli: Cli, ann: Any, browser: Browser, acme: Organisation, happen: Any
) -> None:
    tokens, answer = device_tokens(cli, browser), cli.device()
    allowed(browser, answer)
    happen(ann, acme)
    assert error(cli.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert error(cli.poll(answer.json()["device_code"])) == "access_denied"


def test_operators_are_known_as_such(cli: Cli, ann: Any, browser: Browser) -> None:
    ann.is_staff = True
    ann.save()
    assert claims(device_tokens(cli, browser)["access_token"])["caas_cyoda_employee"] is True


def test_userinfo_tells_what_the_scopes_allow(cli: Cli, ann: Any, browser: Browser) -> None:
    full = cli.get("/userinfo", device_tokens(cli, browser)["access_token"]).json()
    assert full == {
        "sub": str(ann.person.id),
        "name": "ann@example.org",
        "preferred_username": "ann@example.org",
        "email": "ann@example.org",
        "email_verified": True,
    }
    bare = cli.get("/userinfo", device_tokens(cli, browser, scope="openid")["access_token"]).json()
    assert bare == {"sub": str(ann.person.id)}
    none = cli.get("/userinfo", device_tokens(cli, browser, scope="read:builds")["access_token"])
    assert none.status_code == 403
    assert cli.get("/userinfo", "no token").status_code == 401


def test_what_is_over_is_forgotten(cli: Cli, ann: Any, browser: Browser) -> None:
    device_tokens(cli, browser)
    kept = device_tokens(cli, browser)
    oldest = Consent.objects.earliest("created_at")
    Consent.objects.filter(pk=oldest.pk).update(used_at=timezone.now() - 3 * consents.IDLE)
    cli.device()
    DeviceGrant.objects.update(expires=timezone.now() - timedelta(days=1))
    consents.forget_old()
    assert Consent.objects.count() == 1
    assert not DeviceGrant.objects.exists()
    assert cli.refresh(kept["refresh_token"]).status_code == 200
