"""The running node against its own OpenAPI document: nothing undocumented, nothing internal (contract: entities 1.1).

Requests are made from the document by schemathesis, the same ones in every run; half of them ask for what exists.
"""

from __future__ import annotations

import asyncio
import threading
import zlib
from collections.abc import Callable, Iterator
from typing import Any, cast

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from cyoda.clock import ManualClock
from cyoda.conf import load
from cyoda.http.help import help_routes
from cyoda.http.listener import HttpListener
from cyoda.http.openapi import openapi_document
from cyoda.http.router import Route
from cyoda.runtime import Node, build_node
from tenants.identity.keys import KeyPair
from tests.contract.http.conftest import client_of, no_pages, pem_of
from tests.contract.http.steps import MATCH_ALL, entity, model, ok, workflow
from workflows.api.routes import data_plane_routes
from workflows.api.wire import PATH_TYPES
from workflows.services.platform import Platform
from workflows.storage.memory.store import MemoryStorage

UNDOCUMENTED = {"/model", "/search/snapshot/{entityName}/{modelVersion}"}
"""Other spellings of paths that are documented."""

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 15

ROUTES: list[Route] = [*data_plane_routes(cast(Platform, None)), *help_routes()]
DOCUMENT = openapi_document(ROUTES, path_types=PATH_TYPES)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
SCHEMA.config.generation.update(deterministic=True)


class Running:
    """A node over the memory store that listens, with a locked model `order`, an entity of it and a workflow."""

    def __init__(self, key: KeyPair) -> None:
        conf = load({"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": pem_of(key.private_key)})
        self.node: Node = build_node(conf, MemoryStorage(), fallback=no_pages, clock=ManualClock())
        self._key = key
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self.port = 0
        self.existing: dict[str, str] = {}
        self.authorization = ""

    def __enter__(self) -> Running:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self._run(self._listening.stop(1))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    async def _start(self) -> None:
        await self.node.platform.storage.open()
        self._listening = await HttpListener(self.node.api, "127.0.0.1", 0).start()
        self.port = self._listening.port
        async with client_of(self.node, self._key, caas_org_id="acme", user_roles=[]) as api:
            self.authorization = api.headers["authorization"]
            await model(api)
            await workflow(api)
            entity_id = await entity(api)
            job_id = ok(await api.post("/search/async/order/1", json=MATCH_ALL))
            message = ok(await api.post("/message/new/s", json={"payload": 1}))
            transaction_id = ok(await api.get(f"/entity/{entity_id}"))["meta"]["transactionId"]
            self.existing = {
                "entityName": "order",
                "modelVersion": "1",
                "entityId": entity_id,
                "transactionId": transaction_id,
                "messageId": message[0]["entityIds"][0],
                "jobId": job_id,
                "transition": "approve",
                "format": "JSON",
                "topic": "models",
            }


@pytest.fixture
def running(signing_key: KeyPair) -> Iterator[Running]:
    with Running(signing_key) as started:
        yield started


@SCHEMA.parametrize()
@settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_every_answer_is_one_that_the_document_tells(case: Case, running: Running) -> None:
    if zlib.crc32(repr((case.path_parameters, case.query, case.body)).encode()) % 2:
        ask_for_existing(case, running.existing)
    response = case.call(
        base_url=f"http://127.0.0.1:{running.port}/api", headers={"Authorization": running.authorization}
    )
    case.validate_response(response, checks=CHECKS)


def ask_for_existing(case: Case, existing: dict[str, str]) -> None:
    """Point a request at what the node has, so that it gets further than to a refusal."""
    for name in case.path_parameters or {}:
        case.path_parameters[name] = existing.get(name, case.path_parameters[name])
    for name in {"entityId", "transactionId"} & set(case.query or {}):
        case.query[name] = existing[name]
    if "sort" in (case.query or {}):
        case.query["sort"] = ["amount:asc"]
    case.headers.pop("X-Tx-Token", None)
    if "If-Match" in case.headers:
        case.headers["If-Match"] = "*"
    case.body = with_known_names(case.body)
    if case.method in ("PUT", "PATCH", "POST") and "{format}" in case.path and isinstance(case.body, dict):
        case.body = {"amount": 2, **case.body} if case.method == "POST" else {"amount": 2}


def with_known_names(body: Any) -> Any:
    """A body whose conditions and groups name fields of the model."""
    if isinstance(body, list):
        return [with_known_names(item) for item in body]
    if not isinstance(body, dict):
        return body
    known: dict[str, Callable[[Any], Any]] = {
        "jsonPath": lambda _: "$.amount",
        "field": lambda _: "state",
        "groupBy": lambda _: ["$.name", "state"],
        "model": lambda _: {"name": "order", "version": 1},
        "payload": lambda _: '{"amount": 3}',
    }
    return {name: known.get(name, with_known_names)(value) for name, value in body.items()}


def test_every_route_is_documented() -> None:
    silent = {route.template for route in ROUTES if route.operation is None}
    assert silent == UNDOCUMENTED


async def test_the_node_serves_its_document_and_page(node: Node) -> None:
    transport = httpx.ASGITransport(node.api)
    async with httpx.AsyncClient(transport=transport, base_url="http://node:1") as anonymous:
        served = ok(await anonymous.get("/openapi.json"))
        assert served["servers"] == [{"url": "http://node:1/api"}]
        assert set(DOCUMENT["paths"]) <= set(served["paths"])
        assert (await anonymous.get("/docs")).status_code == 200
