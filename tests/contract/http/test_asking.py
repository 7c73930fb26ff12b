"""The API asked by its own process: a principal it vouches for, the rules of every caller (docs/adr/0015)."""

from __future__ import annotations

import json

from cyoda.http.app import HttpApp
from cyoda.permissions import ROLE_DEVELOPER, ROLE_VIEWER, Action
from cyoda.principal import Principal
from cyoda.runtime import Node
from tests.contract.http.conftest import no_pages
from tests.unit.http.conftest import OneToken
from workflows.api.routes import data_plane_routes


class Counted:
    """Lets everything in, and remembers what it was."""

    def __init__(self) -> None:
        self.actions: list[Action | None] = []

    async def admit(self, principal: Principal, action: Action | None) -> int | None:
        self.actions.append(action)
        return None


SAMPLE = b'{"total": 12.50}'
IMPORT = "/model/import/JSON/SAMPLE_DATA/a%20b/1?x=%2F"


def person(tenant: str, role: str = ROLE_DEVELOPER) -> Principal:
    return Principal(tenant=tenant, user_id="ann", kind="user", roles=(role,))


async def test_it_answers_as_it_answers_clients(node: Node) -> None:
    ann = person("acme")
    assert (await node.api.ask(ann, "POST", IMPORT, (), SAMPLE)).status == 200
    models = json.loads((await node.api.ask(ann, "GET", "/model/", (), b"")).whole())
    assert [model["modelName"] for model in models] == ["a b"]
    made = await node.api.ask(ann, "PUT", "/model/a%20b/1/lock", (), b"")
    assert made.status == 200
    made = await node.api.ask(ann, "POST", "/entity/JSON/a%20b/1", (), SAMPLE)
    (entity_id,) = json.loads(made.whole())[0]["entityIds"]
    assert b"12.50" in (await node.api.ask(ann, "GET", f"/entity/{entity_id}", (), b"")).whole()
    history = await node.api.ask(ann, "GET", f"/entity/{entity_id}/changes", (), b"")
    assert json.loads(history.whole())[0]["user"] == "ann"
    other = await node.api.ask(person("globex"), "GET", f"/entity/{entity_id}", (), b"")
    assert other.status == 404


async def test_a_role_allows_there_what_it_allows_elsewhere(node: Node) -> None:
    viewer = person("acme", ROLE_VIEWER)
    assert (await node.api.ask(viewer, "GET", "/model/", (), b"")).status == 200
    assert (await node.api.ask(viewer, "POST", IMPORT, (), SAMPLE)).status == 403


async def test_what_is_no_route_is_no_route_there(node: Node) -> None:
    ann = person("acme")
    assert (await node.api.ask(ann, "GET", "/nowhere", (), b"")).status == 404
    assert (await node.api.ask(ann, "DELETE", "/model/", (), b"")).status == 405
    assert (await node.api.ask(ann, "GET", "/entity/%zz", (), b"")).status == 400


async def test_a_stream_is_answered_whole(node: Node) -> None:
    ann = person("acme")
    await node.api.ask(ann, "POST", IMPORT, (), SAMPLE)
    await node.api.ask(ann, "PUT", "/model/a%20b/1/lock", (), b"")
    await node.api.ask(ann, "POST", "/entity/JSON/a%20b/1", (), b"[" + b",".join([SAMPLE] * 2000) + b"]")
    everything = b'{"type": "group", "operator": "AND", "conditions": []}'
    accept = ((b"accept", b"application/x-ndjson"),)
    found = await node.api.ask(ann, "POST", "/search/direct/a%20b/1?limit=5000", accept, everything)
    assert len(found.whole().splitlines()) == 2000


async def test_questions_do_not_count_against_the_limits_whatever_their_method(node: Node) -> None:
    counted, ann = Counted(), person("acme")
    app = HttpApp(
        data_plane_routes(node.platform), authenticator=OneToken(), context_path="/api",
        observe=lambda *_: None, fallback=no_pages, admission=counted,
    )  # fmt: skip
    await app.ask(ann, "POST", IMPORT, (), SAMPLE)
    assert counted.actions == [Action.CONFIGURE]
    for method, target in (("GET", "/model/"), ("POST", "/search/direct/a%20b/1"), ("POST", "/search/async/a%20b/1")):
        assert (await app.ask(ann, method, target, (), b"")).status == 200
    assert counted.actions == [Action.CONFIGURE]
