"""What owners do with their organisation in the pages: environments, clients, people (ui: 4.2, 4.4)."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse
from django.utils import timezone

from cyoda.permissions import TABLE, Action
from tenants.models import (
    AuditEvent,
    Client,
    Environment,
    Invitation,
    Membership,
    Organisation,
    Person,
    RefreshToken,
    Role,
)
from tenants.services import mailing
from tenants.services.audit import PLATFORM, Doer, Source
from tenants.services.backends import ensure_local
from tenants.services.clients import create_client
from tenants.services.invitations import invite
from tenants.services.tiers import ensure_tiers
from tenants.ui.console.place import slug_of
from tenants.ui.organisation.roles import ACTIONS, GROUPS
from tenants.ui.organisation.urls import urlpatterns
from tests.contract.tenants.people.conftest import Make, sign_in

VALUES = {"form": "csv", "member_id": 1, "invitation_id": "3f2a9cd0-1b22-4000-8000-000000000000"}


@pytest.fixture
def acme(database: None) -> Organisation:
    ensure_tiers()
    ensure_local()
    return Organisation.objects.create(name="Acme")


@pytest.fixture
def owner(browser: Browser, somebody: Make, acme: Organisation) -> Browser:
    somebody("ann@example.org", acme, Role.OWNER)
    sign_in(browser, "ann@example.org")
    return browser


def at(page: str, organisation: Organisation, **values: object) -> str:
    return reverse(f"organisation:{page}", kwargs={"tenant": slug_of(organisation), **values})


def of(page: str, environment: Environment, **values: object) -> str:
    where = {"tenant": slug_of(environment.organisation), "name": environment.name}
    return reverse(f"console:{page}", kwargs={**where, **values})


def ready(organisation: Organisation, name: str = "dev") -> Environment:
    environment = Environment.of_tenant(name, organisation=organisation, name=name, state=Environment.State.READY)
    environment.save()
    return environment


def order(browser: Browser, organisation: Organisation, **values: str) -> Any:
    once = re.findall(r'name="once" value="(\w+)"', browser.get(at("order", organisation)).content.decode())
    filled = {"once": once[0], "name": "dev", "kind": "development", "backend": "local", **values}
    return browser.post(at("order", organisation), filled)


# --- environments -----------------------------------------------------------------------------------------------


def test_an_order_shows_its_client_once_and_leads_to_the_making(owner: Browser, acme: Organisation) -> None:
    answer = order(owner, acme, once="o-1")
    assert b"The secret is shown only now" in answer.content
    assert "no-store" in answer["Cache-Control"]
    environment = Environment.objects.get(organisation=acme)
    making = owner.get(of("provisioning", environment))
    assert '<meta http-equiv="refresh"' in making.content.decode()
    assert "create schema" in making.content.decode()
    again = order(owner, acme, once="o-1")
    assert (again.status_code, again["Location"]) == (302, of("provisioning", environment))
    assert Environment.objects.filter(organisation=acme).count() == 1


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "Dev"}, "is not an environment name"),
        ({"name": "dev"}, "an environment of this name"),
        ({"backend": "moon"}, "Select a valid choice"),
        ({"kind": "moon"}, "Select a valid choice"),
        ({"once": ""}, "This field is required"),
    ],
)
def test_an_order_that_cannot_be_is_explained(
    owner: Browser, acme: Organisation, values: dict[str, str], said: str
) -> None:
    ready(acme)
    answer = order(owner, acme, **{"name": "other", **values})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert Environment.objects.filter(organisation=acme).count() == 1


def test_what_is_being_made_can_be_cancelled(owner: Browser, acme: Organisation) -> None:
    order(owner, acme)
    environment = Environment.objects.get(organisation=acme)
    owner.post(of("provisioning_act", environment), {"cancel": "yes"})
    assert Environment.objects.get(pk=environment.pk).state != Environment.State.READY
    assert AuditEvent.objects.filter(action__contains="cancel").exists()


def test_an_environment_is_deleted_when_its_name_was_typed(owner: Browser, acme: Organisation) -> None:
    dev = ready(acme)
    path = of("delete", dev)
    assert b"This is not dev" in owner.post(path, {"typed": "prod", "reason": "old"}).content
    assert b"This field is required" in owner.post(path, {"typed": "dev"}).content
    assert Environment.objects.get(pk=dev.pk).state == Environment.State.READY
    assert owner.post(path, {"typed": "dev", "reason": "not needed"}).status_code == 302
    assert Environment.objects.get(pk=dev.pk).state == Environment.State.DELETING
    assert AuditEvent.objects.filter(reason="not needed", source="pages").exists()


def test_only_owners_order_and_delete(browser: Browser, somebody: Make, acme: Organisation) -> None:
    somebody("vic@example.org", acme, Role.DEVELOPER)
    sign_in(browser, "vic@example.org")
    dev = ready(acme)
    assert b"New environment" not in browser.get(at("environments", acme)).content
    for path in (at("order", acme), of("delete", dev), at("audit", acme)):
        assert browser.get(path).status_code == 403
        assert browser.post(path).status_code == 403


# --- clients ----------------------------------------------------------------------------------------------------


def test_a_client_is_made_gets_a_new_secret_and_goes(owner: Browser, acme: Organisation) -> None:
    dev = ready(acme)
    values = {"label": "reports", "role": "ROLE_VIEWER", "last_day": "2020-01-01"}
    assert b"This day is over" in owner.post(of("client_new", dev), values).content
    answer = owner.post(of("client_new", dev), values | {"last_day": "2099-12-31"})
    made, client = answer.content.decode(), Client.objects.get(environment=dev)
    secret = re.findall(r'class="secret">(\w+)<', made)[0]
    assert (client.id in made, "no-store" in answer["Cache-Control"]) == (True, True)
    assert (client.roles, str(client.expires_at)[:10]) == (["ROLE_VIEWER"], "2100-01-01")
    file = owner.post(of("client_env", dev, client_id=client.id), {"secret": secret})
    assert file["Content-Disposition"] == 'attachment; filename="dev.env"'
    assert f"CYODA_CLIENT_ID={client.id}\nCYODA_CLIENT_SECRET={secret}\n" in file.content.decode()
    for forged in ("", "a\nPATH=x", "$(id)"):
        assert owner.post(of("client_env", dev, client_id=client.id), {"secret": forged}).status_code == 400
    listed = owner.get(of("clients", dev)).content.decode()
    assert secret not in listed
    for shown in ("reports", f"{secret[:6]}…", "by ann@example.org", "2100-01-01"):
        assert shown in listed
    rotated = owner.post(of("client_secret", dev, client_id=client.id), {"overlap": "1"}).content.decode()
    assert secret not in rotated
    assert "shown only now" in rotated
    assert "the one before works until" in owner.get(of("clients", dev)).content.decode()
    assert owner.get(of("client_delete", dev, client_id=client.id)).status_code == 200
    owner.post(of("client_delete", dev, client_id=client.id))
    assert not Client.objects.exists()


def test_nobody_hands_out_what_reaches_beyond_the_environment(owner: Browser, acme: Organisation) -> None:
    dev = ready(acme)
    asked = owner.post(of("client_new", dev), {"label": "root", "role": "ROLE_ADMIN"})
    assert "Select a valid choice" in asked.content.decode()
    issued = create_client(PLATFORM, dev, roles=("ROLE_ADMIN",))
    assert owner.post(of("client_secret", dev, client_id=issued.client_id), {"overlap": "0"}).status_code == 403
    assert [client.id for client in Client.objects.all()] == [issued.client_id]
    Environment.objects.filter(pk=dev.pk).update(kind=Environment.Kind.PRODUCTION)
    path = of("client_delete", dev, client_id=issued.client_id)
    assert b"This is not dev" in owner.post(path, {"typed": "prod"}).content
    assert owner.post(path, {"typed": "dev"}).status_code == 302


def test_clients_of_other_environments_are_not_found(owner: Browser, acme: Organisation) -> None:
    dev, prod = ready(acme), ready(acme, "prod")
    issued = create_client(PLATFORM, prod, roles=("ROLE_M2M",))
    for page in ("client_secret", "client_delete"):
        assert owner.post(of(page, dev, client_id=issued.client_id), {"overlap": "0"}).status_code == 404
    assert Client.objects.filter(pk=issued.client_id).exists()


def test_the_client_of_the_settings_stays_as_it_is(owner: Browser, acme: Organisation) -> None:
    dev = ready(acme)
    Client.objects.create(id="boot", secret_hash="x", environment=dev, user_id="admin", is_configured=True)
    owner.post(of("client_secret", dev, client_id="boot"), {"overlap": "0"})
    assert b"name this client" in owner.get(of("clients", dev)).content
    owner.post(of("client_delete", dev, client_id="boot"))
    assert Client.objects.get(pk="boot").secret_hash == "x"


# --- people -----------------------------------------------------------------------------------------------------


def test_people_are_invited_get_another_role_and_leave(owner: Browser, somebody: Make, acme: Organisation) -> None:
    owner.post(at("people", acme), {"email": "bob@example.org", "role": Role.VIEWER})
    mailing.wait_until_sent()
    assert "bob@example.org" in owner.get(at("people", acme)).content.decode()
    first = Invitation.objects.get(email="bob@example.org")
    owner.post(at("resend", acme, invitation_id=first.pk))
    again = Invitation.objects.get(email="bob@example.org", revoked_at=None)
    assert (again.pk != first.pk, again.role) == (True, Role.VIEWER)
    Invitation.objects.filter(pk=again.pk).update(expires_at=timezone.now())
    assert "The link ended at" in owner.get(at("people", acme)).content.decode()
    owner.post(at("resend", acme, invitation_id=again.pk))
    third = Invitation.objects.get(email="bob@example.org", revoked_at=None)
    owner.post(at("revoke", acme, invitation_id=third.pk))
    assert "revoked" in owner.get(at("people", acme)).content.decode()
    owner.post(at("resend", acme, invitation_id=third.pk))
    assert "The invitation is revoked." in owner.get(at("people", acme)).content.decode()
    carl = somebody("carl@example.org", acme)
    member = Membership.objects.get(user=carl)
    owner.post(at("member", acme, member_id=member.pk), {"role": Role.DEVELOPER})
    assert Membership.objects.get(pk=member.pk).role == Role.DEVELOPER
    owner.post(at("member", acme, member_id=member.pk), {"role": "ROLE_ADMIN"})
    assert Membership.objects.get(pk=member.pk).role == Role.DEVELOPER
    assert owner.get(at("member_remove", acme, member_id=member.pk)).status_code == 200
    assert Membership.objects.filter(pk=member.pk).exists()
    owner.post(at("member_remove", acme, member_id=member.pk))
    assert not Membership.objects.filter(pk=member.pk).exists()


def test_what_a_role_permits_is_seen_before_it_is_given(owner: Browser, somebody: Make, acme: Organisation) -> None:
    somebody("carl@example.org", acme)
    member = Membership.objects.get(user__username="carl@example.org")
    path = at("member", acme, member_id=member.pk)
    assert "gained" not in owner.get(path).content.decode()
    considered = owner.get(path, {"role": Role.OWNER}).content.decode()
    assert (considered.count('class="gained"'), considered.count('class="lost"')) == (6, 0)
    assert owner.get(path, {"role": "ROLE_ADMIN"}).status_code == 404
    matrix = owner.get(at("roles", acme)).content.decode()
    assert matrix.count('class="granted"') == sum(map(len, TABLE.values()))
    assert ACTIONS.keys() == set(Action)
    assert {role for _, of_group in GROUPS for role, _ in of_group} == TABLE.keys()


def test_what_dashboards_have_open_is_shown_and_ended(browser: Browser, somebody: Make, acme: Organisation) -> None:
    vic, dev, tomorrow = somebody("vic@example.org", acme), ready(acme), timezone.now() + timedelta(days=1)
    other = somebody("carl@example.org", acme)
    for number, user in enumerate((vic, other)):
        RefreshToken.objects.create(digest=bytes([number]), user=user, environment=dev, expires_at=tomorrow)
    sign_in(browser, "vic@example.org")
    own = at("member", acme, member_id=Membership.objects.get(user=vic).pk)
    assert b"Dashboard</strong> dev" in browser.get(own).content
    theirs = Membership.objects.get(user=other).pk
    assert b"Dashboard" not in browser.get(at("member", acme, member_id=theirs)).content
    assert browser.post(at("member_end", acme, member_id=theirs)).status_code == 403
    assert browser.post(at("member", acme, member_id=theirs), {"role": Role.OWNER}).status_code == 403
    assert browser.post(f"{own}/end").status_code == 302
    assert b"No dashboard and no command line" in browser.get(own).content
    assert [token.user for token in RefreshToken.objects.filter(revoked_at=None)] == [other]


def test_one_leaves_by_oneself_unless_one_is_the_last_owner(owner: Browser, somebody: Make, acme: Organisation) -> None:
    own = Membership.objects.get(organisation=acme)
    for path, change in ((at("leave", acme), {}), (at("member", acme, member_id=own.pk), {"role": Role.VIEWER})):
        owner.post(path, change)
        assert "make somebody else an owner first" in owner.get(at("people", acme)).content.decode()
    assert Membership.objects.get(pk=own.pk).role == Role.OWNER
    assert owner.get(at("member_remove", acme, member_id=own.pk))["Location"] == at("leave", acme)
    somebody("carl@example.org", acme, Role.OWNER)
    assert owner.get(at("leave", acme)).status_code == 200
    assert owner.post(at("leave", acme))["Location"] == "/"
    assert owner.get(at("people", acme)).status_code == 404


def test_who_is_no_owner_sees_the_members_only(browser: Browser, somebody: Make, acme: Organisation) -> None:
    somebody("vic@example.org", acme, Role.VIEWER)
    invite(PLATFORM, acme, "bob@example.org", Role.OWNER)
    sign_in(browser, "vic@example.org")
    page = browser.get(at("people", acme)).content.decode()
    assert "vic@example.org" in page
    assert "bob@example.org" not in page
    assert browser.post(at("people", acme), {"email": "x@example.org", "role": Role.OWNER}).status_code == 403
    assert not Invitation.objects.filter(email="x@example.org").exists()


def test_the_audit_log_is_read_page_by_page_under_its_filter(owner: Browser, acme: Organisation) -> None:
    dev = ready(acme)
    for number in range(60):
        create_client(PLATFORM, dev, roles=(), label=str(number))
    first = owner.get(at("audit", acme) + "?target=client").content.decode()
    assert first.count("event-") == 50
    older = unescape(re.findall(r'href="(\?target=client&amp;before=\d+)"', first)[0])
    last = owner.get(at("audit", acme) + older).content.decode()
    assert last.count("event-") == 10
    assert "Older" not in last
    for before in ("9" * 30, "x", "-1"):
        assert owner.get(f"{at('audit', acme)}?before={before}").status_code == 200


def test_the_audit_log_is_filtered_by_all_that_it_says(
    owner: Browser, somebody: Make, acme: Organisation, browser: Browser
) -> None:
    dev, prod = ready(acme), ready(acme, "prod")
    somebody("bob@example.org", acme, Role.VIEWER)
    User._default_manager.filter(username="ann@example.org").update(first_name="Ann", last_name="Lee")
    person = str(Person.objects.get(user__username="ann@example.org").pk)
    ann = Doer(id=person, name=person, kind="user", source=Source.API, request_id="r-1", reason="old ones")
    create_client(ann, dev, roles=("ROLE_M2M",), label="by ann")
    create_client(PLATFORM, prod, roles=(), label="by the platform")
    client = Client.objects.get(label="by ann")

    def found(page: str = at("audit", acme), **wanted: str) -> str:
        answer = owner.get(page, wanted)
        assert answer.status_code == 200
        return answer.content.decode()

    everything = found()
    assert all(text in everything for text in ("by ann", "by the platform", "member added", "Ann Lee"))
    for wanted in (
        {"who": "lee"}, {"who": person}, {"action": "creat", "who": "ann"}, {"target": client.id}, {"reason": "OLD"},
        {"environment": dev.tenant_id}, {"request_id": "r-1"}, {"since": "2020-01-01T00:00", "reason": "old"},
    ):  # fmt: skip
        assert ("by ann" in found(**wanted), "by the platform" in found(**wanted)) == (True, False), wanted
    for wanted in ({"until": "2020-01-01T00:00"}, {"who": "nobody"}, {"request_id": "r"}):
        assert "No change is like this" in found(**wanted), wanted
    for wanted in ({"since": "soon"}, {"environment": "globex"}, {"who": "\0"}):
        assert "makes no sense" in found(**wanted), wanted
    chips = re.findall(r'class="filter-chip"\s+href="([^"]*)"', found(who="ann", environment=dev.tenant_id))
    assert [unescape(chip) for chip in chips] == [f"?environment={dev.tenant_id}", "?who=ann"]
    assert "by the platform" not in found(of("audit", dev), environment=prod.tenant_id)
    assert "by ann" in found(of("audit", dev))


async def all_of(chunks: AsyncIterator[bytes]) -> list[bytes]:
    return [chunk async for chunk in chunks]


def test_the_audit_log_is_taken_away_as_it_is_filtered(owner: Browser, somebody: Make, acme: Organisation) -> None:
    dev = ready(acme)
    create_client(PLATFORM, dev, roles=(), label="reports")
    somebody("gus@example.org", Organisation.objects.create(name="Globex"), Role.OWNER)

    def taken(page: str, form: str, query: str = "") -> str:
        answer = owner.get(page.replace("csv", form) + query)
        assert answer["Content-Disposition"] == f'attachment; filename="audit.{form}"'
        return b"".join(async_to_sync(all_of)(answer.streaming_content)).decode()

    whole, own = at("audit_export", acme, form="csv"), of("audit_export", dev, form="csv")
    assert taken(whole, "csv").splitlines()[0].startswith("id,at,actor_id")
    assert {json.loads(line)["organisation_id"] for line in taken(whole, "jsonl").splitlines()} == {str(acme.pk)}
    [line] = taken(whole, "jsonl", "?target=client").splitlines()
    assert json.loads(line)["after"]["label"] == "reports"
    assert [json.loads(line)["tenant_id"] for line in taken(own, "jsonl").splitlines()] == ["dev"]
    assert owner.get(whole.replace("csv", "xls")).status_code == 404


# --- others -----------------------------------------------------------------------------------------------------


def test_no_page_of_another_organisation_is_found(browser: Browser, somebody: Make, acme: Organisation) -> None:
    globex = Organisation.objects.create(name="Globex")
    somebody("eve@example.org", globex, Role.OWNER)
    sign_in(browser, "eve@example.org")
    for pattern in urlpatterns:
        values = {name: value for name, value in VALUES.items() if f":{name}>" in str(pattern.pattern)}
        path = at(str(pattern.name), acme, **values)
        assert browser.get(path).status_code == 404, path
        assert browser.post(path).status_code == 404, path


def test_members_and_invitations_of_others_cannot_be_touched(
    owner: Browser, somebody: Make, acme: Organisation
) -> None:
    globex = Organisation.objects.create(name="Globex")
    somebody("gus@example.org", globex, Role.OWNER)
    theirs = Membership.objects.get(organisation=globex)
    invitation = invite(PLATFORM, globex, "eve@example.org", Role.OWNER)
    for page in ("member", "member_remove", "member_end"):
        assert owner.post(at(page, acme, member_id=theirs.pk), {"role": Role.VIEWER}).status_code == 404, page
    for page in ("revoke", "resend"):
        assert owner.post(at(page, acme, invitation_id=invitation.pk)).status_code == 404, page
    assert Invitation.objects.get(pk=invitation.pk).revoked_at is None
    assert "Globex" not in owner.get(at("audit", acme)).content.decode()
    assert Person.objects.filter(user__username="gus@example.org").exists()
