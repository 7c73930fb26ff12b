"""Technical clients over HTTP, and the bootstrap client among them (contract: identity 9, 18; control plane 3.4)."""

from __future__ import annotations

import asyncio
import re
import time
from datetime import timedelta
from typing import Any

import jwt

from cyoda.clock import ManualClock
from cyoda.permissions import ROLE_OWNER
from tenants.models import AuditEvent, Client, Environment, Organisation
from tenants.services.audit import PLATFORM
from tenants.services.clients import KEPT_SECONDS, create_client
from tenants.services.organisations import suspend_organisations
from tests.contract.identity.conftest import SECRET, Running, Start, accepted, problem
from tests.contract.tenants.conftest import off_loop

DELETED = "M2M client deleted successfully"


async def created(node: Running, query: str = "") -> dict[str, Any]:
    answer = await node.admin.post(f"/clients{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def status(node: Running, client: dict[str, Any]) -> int:
    return (await node.token(client["client_id"], client["client_secret"])).status_code


@off_loop
def row_of(client_id: str) -> Client | None:
    return Client.objects.filter(pk=client_id).first()


async def test_a_new_client_gets_tokens_of_its_own(node: Running) -> None:
    client = await created(node)
    assert client == {
        "client_id": client["client_id"], "client_secret": client["client_secret"], "grant_type": "client_credentials",
        "client_secret_expires_at": 0, "roles": ["ROLE_M2M"],
    }  # fmt: skip
    assert re.fullmatch(r"[0-9A-V]{16}", client["client_id"])
    assert re.fullmatch(r"[0-9a-f]{64}", client["client_secret"])
    answer = await node.token(client["client_id"], client["client_secret"])
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims["sub"] == claims["caas_user_id"] == client["client_id"]
    assert (claims["caas_org_id"], claims["scopes"]) == ("acme", ["ROLE_M2M"])
    row = await row_of(client["client_id"])
    assert row
    assert row.secret_hash.startswith("$argon2id$")


async def test_the_list_shows_the_tenants_clients_and_the_bootstrap_client(node: Running) -> None:
    client = await created(node)
    listed = {one["clientId"]: one for one in (await node.admin.get("/clients")).json()}
    assert set(listed) == {"boot", client["client_id"]}
    for one in listed.values():
        assert set(one) == {"clientId", "creationDate", "lastUpdateDate", "roles"}
        for name in ("creationDate", "lastUpdateDate"):
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z", one[name])
    assert listed["boot"]["roles"] == ["ROLE_ADMIN", "ROLE_M2M"]
    assert (await (await node.client("globex")).get("/clients")).json() == []


async def test_the_old_secret_dies_at_once_and_roles_stay(node: Running) -> None:
    client = await created(node)
    assert await status(node, client) == 200
    before = await row_of(client["client_id"])
    again = (await node.admin.put(f"/clients/{client['client_id']}/secret")).json()
    assert again == client | {"client_secret": again["client_secret"]}
    assert (await status(node, client), await status(node, again)) == (401, 200)
    after = await row_of(client["client_id"])
    assert before
    assert after
    assert after.updated_at > before.updated_at
    assert after.created_at == before.created_at


async def test_with_an_overlap_the_old_secret_works_until_it_ends(node: Running, clock: ManualClock) -> None:
    client = await created(node)
    again = (await node.admin.put(f"/clients/{client['client_id']}/secret?overlapSeconds=60")).json()
    assert (await status(node, client), await status(node, again)) == (200, 200)
    clock.advance(timedelta(seconds=60))
    await asyncio.sleep(KEPT_SECONDS)  # a client is remembered for so long
    assert (await status(node, client), await status(node, again)) == (401, 200)
    third = (await node.admin.put(f"/clients/{client['client_id']}/secret")).json()
    assert [await status(node, one) for one in (client, again, third)] == [401, 401, 200]


async def test_a_deleted_client_gets_no_token_and_keeps_those_it_has(node: Running) -> None:
    client = await created(node)
    token = (await node.token(client["client_id"], client["client_secret"])).json()["access_token"]
    gone = await node.admin.delete(f"/clients/{client['client_id']}")
    assert (gone.status_code, gone.json()) == (200, {"message": DELETED, "clientId": client["client_id"]})
    assert await status(node, client) == 401
    assert await accepted(node, token)
    again = await node.admin.delete(f"/clients/{client['client_id']}")
    assert problem(again) == (404, "M2M_CLIENT_NOT_FOUND: M2M client not found")


async def test_a_client_that_one_node_deletes_gets_no_token_from_the_others_within_a_second(start: Start) -> None:
    one, other = await start(), await start()
    client = await created(one)
    assert await status(other, client) == 200
    began = time.monotonic()
    await one.admin.delete(f"/clients/{client['client_id']}")
    while await status(other, client) == 200:
        await asyncio.sleep(0.01)
    print(f"refused elsewhere after {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 1


async def test_another_tenants_client_is_as_unknown_as_any(node: Running) -> None:
    client, stranger = await created(node), await node.client("globex")
    unknown = "0" * 16
    for method, path in (("DELETE", "/clients/{}"), ("PUT", "/clients/{}/secret")):
        foreign, missing = [
            await stranger.request(method, path.format(name)) for name in (client["client_id"], unknown)
        ]
        assert problem(foreign) == (404, "M2M_CLIENT_NOT_FOUND: M2M client not found")
        assert foreign.content.replace(client["client_id"].encode(), unknown.encode()) == missing.content
    assert await status(node, client) == 200


async def test_ids_outside_the_pattern_cannot_be_managed(start: Start) -> None:
    node = await start(CYODA_BOOTSTRAP_CLIENT_ID="the boot client")
    for client_id in ("the boot client", "a-b", "ä", "x" * 101, "a/b"):
        quoted = client_id.replace("/", "%2F")
        for answer in (
            await node.admin.delete(f"/clients/{quoted}"), await node.admin.put(f"/clients/{quoted}/secret")
        ):  # fmt: skip
            assert problem(answer) == (400, "BAD_REQUEST: invalid clientId")
    assert (await node.token("the boot client")).status_code == 200
    assert [one["clientId"] for one in (await node.admin.get("/clients")).json()] == ["the boot client"]


async def test_the_admin_role_is_granted_where_the_installation_allows_it(start: Start) -> None:
    node, allowing = await start(), await start(CYODA_IAM_M2M_ADMIN_ROLE_ENABLED="true")
    refused = await node.admin.post("/clients?withAdminRole=true")
    assert problem(refused) == (404, "FEATURE_DISABLED: M2M admin-role grants are disabled")
    assert (await created(node, "?withAdminRole=false"))["roles"] == ["ROLE_M2M"]
    assert (await created(allowing, "?withAdminRole=true"))["roles"] == ["ROLE_M2M", "ROLE_ADMIN"]


async def test_an_owner_gets_no_client_that_may_more_than_they(start: Start) -> None:
    node = await start(CYODA_IAM_M2M_ADMIN_ROLE_ENABLED="true")
    owner = await node.client(user_roles=[ROLE_OWNER])
    assert problem(await owner.post("/clients?withAdminRole=true")) == (403, "FORBIDDEN: forbidden")
    assert problem(await owner.put("/clients/boot/secret")) == (403, "FORBIDDEN: forbidden")
    assert (await node.token()).status_code == 200
    made = await owner.post("/clients")
    assert made.json()["roles"] == ["ROLE_M2M"]
    assert (await owner.put(f"/clients/{made.json()['client_id']}/secret")).status_code == 200


async def test_parameters_bind_before_roles_are_asked_for(node: Running) -> None:
    person = await node.client(user_roles=["ROLE_M2M"])
    malformed = await person.post("/clients?withAdminRole=yes")
    assert problem(malformed) == (400, "BAD_REQUEST: invalid value for parameter 'withAdminRole'")
    assert malformed.json()["properties"]["parameter"] == "withAdminRole"
    for method, path in (
        ("POST", "/clients"), ("GET", "/clients"), ("DELETE", "/clients/-"), ("PUT", "/clients/-/secret")
    ):  # fmt: skip
        assert problem(await person.request(method, path)) == (403, "FORBIDDEN: forbidden")
    for overlap in ("x", "-1", "99999999"):
        answer = await node.admin.put(f"/clients/boot/secret?overlapSeconds={overlap}")
        assert problem(answer)[0] == 400


async def test_an_expired_client_is_refused(node: Running, clock: ManualClock) -> None:
    end = clock.now + timedelta(hours=1)

    @off_loop
    def made() -> dict[str, Any]:
        environment = Environment.objects.get(tenant_id="acme")
        issued = create_client(PLATFORM, environment, roles=["ROLE_M2M"], label="CI", expires_at=end)
        return {"client_id": issued.client_id, "client_secret": issued.secret}

    client = await made()
    assert await status(node, client) == 200
    again = (await node.admin.put(f"/clients/{client['client_id']}/secret")).json()
    assert again["client_secret_expires_at"] == int(end.timestamp())
    clock.advance(timedelta(hours=1))
    await asyncio.sleep(KEPT_SECONDS)
    assert await status(node, again) == 401


async def test_the_time_of_use_is_noted_once_a_minute(start: Start, clock: ManualClock) -> None:
    node, other = await start(), await start()
    client = await created(node)
    first = clock.now
    assert await status(node, client) == 200
    clock.advance(timedelta(seconds=59))
    assert await status(node, client) == 200
    assert await status(other, client) == 200
    await other.stop()  # what is being written is waited for
    await node.stop()
    row = await row_of(client["client_id"])
    assert row
    assert row.last_used_at == first
    assert row.updated_at < row.created_at + timedelta(seconds=1)


async def test_clients_survive_a_restart_and_the_configuration_wins_over_the_row(start: Start) -> None:
    node = await start()
    client = await created(node)
    rotated = (await node.admin.put("/clients/boot/secret")).json()
    assert (await node.token()).status_code == 401
    assert (await node.token("boot", rotated["client_secret"])).status_code == 200
    await node.stop()
    again = await start(CYODA_BOOTSTRAP_USER_ID="root", CYODA_BOOTSTRAP_ROLES="ROLE_M2M")
    assert await status(again, client) == 200
    assert (await again.token("boot", rotated["client_secret"])).status_code == 401
    claims = jwt.decode((await again.token()).json()["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["caas_user_id"], claims["scopes"]) == ("boot", "root", ["ROLE_M2M"])


async def test_a_bootstrap_client_that_the_configuration_no_longer_names_is_gone(start: Start) -> None:
    await (await start()).stop()
    node = await start(CYODA_BOOTSTRAP_CLIENT_ID="another")
    assert (await node.token()).status_code == 401
    assert (await node.token("another")).status_code == 200
    none = await start(CYODA_BOOTSTRAP_CLIENT_ID="", CYODA_BOOTSTRAP_CLIENT_SECRET="")
    assert (await none.token("another")).status_code == 401


async def test_nodes_may_start_at_once(start: Start) -> None:
    first = await asyncio.gather(*(start() for _ in range(4)))
    assert [(await node.token()).status_code for node in first] == [200] * 4
    others = await asyncio.gather(*(start(CYODA_BOOTSTRAP_CLIENT_ID="another") for _ in range(4)))
    assert [(await node.token("another")).status_code for node in others] == [200] * 4
    assert [one["clientId"] for one in (await first[0].admin.get("/clients")).json()] == ["another"]


async def test_starting_again_with_the_same_bootstrap_client_changes_nothing(start: Start) -> None:
    await (await start()).stop()
    before = await row_of("boot")
    await (await start()).stop()
    after = await row_of("boot")
    assert before
    assert after
    assert (after.secret_hash, after.updated_at) == (before.secret_hash, before.updated_at)


async def test_tenants_that_nobody_announced_manage_nothing_where_tenants_are_not_made_by_themselves(
    start: Start,
) -> None:
    node = await start(CYODA_TENANT_AUTO_CREATE="false")
    assert (await node.token()).status_code == 200  # the settings announce the tenant of the bootstrap client
    assert (await node.admin.get("/clients")).status_code == 200
    stranger = await node.client("nobody-knows")
    for method, path in (("POST", "/clients"), ("GET", "/clients"), ("DELETE", "/clients/x")):
        assert problem(await stranger.request(method, path)) == (401, "UNAUTHORIZED: authentication failed")


async def test_a_suspended_tenants_administrator_manages_no_clients(node: Running) -> None:
    @off_loop
    def suspend() -> None:
        suspend_organisations(PLATFORM, Organisation.objects.filter(environments__tenant_id="initech"))

    other = await node.client("initech")
    assert (await other.post("/clients")).status_code == 200  # a tenant that nobody announced, admitted on first sight
    await suspend()
    late = await node.client("initech")
    async with asyncio.timeout(5):
        while (answer := await late.get("/clients")).status_code == 200:
            await asyncio.sleep(0.01)
    assert problem(answer) == (403, "FORBIDDEN: the organisation is suspended")


async def test_no_secret_is_in_the_audit_log(node: Running) -> None:
    client = await created(node)
    again = (await node.admin.put(f"/clients/{client['client_id']}/secret?overlapSeconds=5")).json()
    await node.admin.delete(f"/clients/{client['client_id']}")

    @off_loop
    def events() -> list[str]:
        rows = AuditEvent.objects.order_by("id").values()
        text = str(list(rows))
        for secret in (client["client_secret"], again["client_secret"], SECRET, "$argon2"):
            assert secret not in text
        return [row["action"] for row in rows if row["target_id"] == client["client_id"]]

    assert await events() == ["created", "secret rotated", "deleted"]
