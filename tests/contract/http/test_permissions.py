"""Who may use which route: every route of the data plane, every role (contract: identity 14)."""

from __future__ import annotations

from typing import cast

import httpx
import pytest

from cyoda.http.request import Message
from cyoda.permissions import (
    ROLE_DEVELOPER,
    ROLE_OPERATOR,
    ROLE_OWNER,
    ROLE_VIEWER,
    Action,
)
from cyoda.principal import ROLE_ADMIN, ROLE_M2M, Principal
from cyoda.runtime import Node
from tenants.identity.keys import KeyPair
from tests.contract.http.conftest import client_of
from tests.contract.http.steps import ok, read, refused
from tests.contract.http.test_tenant_walls import CROSSINGS, crossed, estate, owned
from workflows.api.routes import data_plane_routes
from workflows.services.platform import Platform

__all__ = ["owned"]  # a fixture

PUBLIC = {"GET /help/workflows/schema-version/versions"}
WRITES = {
    "POST /entity/{format}",
    "PUT /entity/{format}",
    "POST /entity/{format}/{entityName}/{modelVersion}",
    "PUT /entity/{format}/{entityId}",
    "PUT /entity/{format}/{entityId}/{transition}",
    "PATCH /entity/{format}/{entityId}",
    "PATCH /entity/{format}/{entityId}/{transition}",
    "DELETE /entity/{entityId}",
    "DELETE /entity/{entityName}/{modelVersion}",
    "PUT /platform-api/entity/transition",
    "POST /message/new/{subject}",
    "DELETE /message/{messageId}",
    "DELETE /message",
    "POST /platform-api/reporting/pre",
    "POST /platform-api/reporting/report/{reportId}/cancel",
    "DELETE /platform-api/reporting/report/{reportId}/{groupingVersion}",
}
CONFIGURES = {
    "POST /model/import/{dataFormat}/{converter}/{entityName}/{modelVersion}",
    "PUT /model/{entityName}/{modelVersion}/lock",
    "PUT /model/{entityName}/{modelVersion}/unlock",
    "POST /model/{entityName}/{modelVersion}/changeLevel/{changeLevel}",
    "PUT /model/{entityName}/{modelVersion}/unique-keys",
    "PUT /model/{entityName}/{modelVersion}/indexes",
    "DELETE /model/{entityName}/{modelVersion}",
    "POST /model/{entityName}/{modelVersion}/workflow/import",
    "PUT /platform-api/statemachine/persisted/workflows/{workflowId}",
    "POST /platform-api/statemachine/import",
    "POST /platform-api/reporting/definitions",
    "PUT /platform-api/reporting/definitions/{definitionId}",
    "DELETE /platform-api/reporting/definitions/{definitionId}",
    "POST /platform-api/reporting/import",
}
QUESTIONS = {
    "POST /model/validate/{entityName}/{modelVersion}",
    "POST /model/{entityName}/{modelVersion}/workflow/check",
    "POST /model/{entityName}/{modelVersion}/workflow/simulate",
    "POST /entity/stats/{entityName}/{modelVersion}/query",
    "POST /search/direct/{entityName}/{modelVersion}",
    "POST /search/{entityName}/{modelVersion}",
    "POST /search/async/{entityName}/{modelVersion}",
    "PUT /search/async/{jobId}/cancel",
    "POST /search/snapshot/{entityName}/{modelVersion}",
    "PUT /search/snapshot/{jobId}/cancel",
}
"""Reads that are no GETs: they leave entities, messages and models as they are."""

DATA = {Action.READ, Action.WRITE, Action.DELETE, Action.CONFIGURE}
ROLES: dict[str, tuple[set[Action], list[str]]] = {
    "nobody": (DATA, []),
    "an unknown role": (DATA, ["ROLE_USER"]),
    "M2M": (DATA, [ROLE_M2M]),
    "admin": (DATA, [ROLE_ADMIN]),
    "owner": (DATA, [ROLE_OWNER]),
    "developer": (DATA, [ROLE_DEVELOPER]),
    "viewer": ({Action.READ}, [ROLE_VIEWER]),
    "operator": (set(), [ROLE_OPERATOR]),
    "viewer and developer": (DATA, [ROLE_VIEWER, ROLE_DEVELOPER]),
}


def expected(row: str) -> Action:
    """Raises AssertionError for a route that nobody has thought about."""
    if row in WRITES:
        return Action.DELETE if row.startswith("DELETE ") else Action.WRITE
    if row in CONFIGURES:
        return Action.CONFIGURE
    assert row.startswith("GET ") or row in QUESTIONS, f"what must a caller be permitted to use {row}?"
    return Action.READ


def test_every_route_of_the_data_plane_asks_for_what_it_does() -> None:
    routes = data_plane_routes(cast(Platform, None))
    actions = {f"{route.method} {route.template}": route.action for route in routes if not route.public}
    assert actions == {row: expected(row) for row in actions}
    assert set(actions) >= WRITES | CONFIGURES | QUESTIONS


@pytest.mark.parametrize("who", ROLES)
async def test_a_role_is_refused_what_it_is_not_permitted_and_nothing_else(
    who: str, node: Node, signing_key: KeyPair, owned: dict[str, str]
) -> None:
    permitted, roles = ROLES[who]
    async with client_of(node, signing_key, caas_org_id="acme", user_roles=roles) as asker:
        for row, (crossing, *_) in CROSSINGS.items():
            if row in PUBLIC:
                continue
            answer = await crossed(asker, row, crossing, owned)
            is_refused = answer.status_code == 403
            assert is_refused == (expected(row) not in permitted), f"{row}: {answer.text}"
            if is_refused:
                assert answer.json()["detail"] == "FORBIDDEN: forbidden"
                assert answer.json()["properties"] == {"errorCode": "FORBIDDEN"}


async def test_a_viewer_changes_nothing_by_any_route(
    node: Node, signing_key: KeyPair, api: httpx.AsyncClient, owned: dict[str, str]
) -> None:
    before = await estate(api, owned)
    async with client_of(node, signing_key, caas_org_id="acme", user_roles=[ROLE_VIEWER]) as viewer:
        for row, crossings in CROSSINGS.items():
            for crossing in crossings:
                await crossed(viewer, row, crossing, owned)
                assert await estate(api, owned) == before, f"{row} changed something"


async def test_a_joined_request_is_judged_by_its_own_caller(
    node: Node, signing_key: KeyPair, owned: dict[str, str]
) -> None:
    owner = Principal(tenant="acme", user_id="u-1", kind="user", roles=(ROLE_VIEWER,))
    path, transactions = f"/entity/JSON/{owned['entityId']}", node.platform.transactions
    async with transactions.run(owner) as transaction:
        transaction.lock.release()  # as while the owner waits for a callout
        joined = {"X-Tx-Token": transactions.token(transaction)}
        async with client_of(node, signing_key, caas_org_id="acme", user_roles=[ROLE_VIEWER]) as viewer:
            refused(await viewer.put(path, json={"amount": 7}, headers=joined), 403, "FORBIDDEN", "forbidden")
            ok(await viewer.get(f"/entity/{owned['entityId']}", headers=joined))
        async with client_of(node, signing_key, caas_org_id="acme", scopes=[ROLE_M2M]) as member:
            ok(await member.put(path, json={"amount": 8}, headers=joined))
        await transaction.lock.acquire()
    async with client_of(node, signing_key, caas_org_id="acme", user_roles=[ROLE_VIEWER]) as viewer:
        assert (await read(viewer, owned["entityId"]))["data"] == {"amount": 8}


async def test_a_refusal_comes_before_the_body_is_read(node: Node, signing_key: KeyPair) -> None:
    async def never() -> Message:
        raise AssertionError("the body was read")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async with client_of(node, signing_key, caas_org_id="acme", user_roles=[ROLE_VIEWER]) as viewer:
        authorization = viewer.headers["authorization"].encode()
    path = "/api/entity/JSON/order/1"
    scope = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
             "headers": [(b"authorization", authorization), (b"content-length", b"2")]}  # fmt: skip
    await node.api(scope, never, send)
    assert sent[0]["status"] == 403
