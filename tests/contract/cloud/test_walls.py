"""The wall between organisations on each route: what another one owns is as absent as what nobody owns (section 4)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from tenants.cloud.urls import PATHS
from tenants.models import Organisation
from tenants.services.audit import PLATFORM
from tenants.usage.webhooks import create_webhook
from tests.contract.cloud.conftest import Caller, Organise, environment

pytestmark = pytest.mark.django_db
ORDER = {"env_name": "dev", "backend": "local"}
CROSSINGS: dict[str, list[tuple[str, Any]]] = {
    "GET /me": [("", None)],
    "GET /envs": [("", None), ("?include_terminal=true", None)],
    "POST /envs": [("", ORDER)],
    "GET /envs/{name}": [("", None)],
    "GET /envs/{name}/usage": [("", None)],
    "DELETE /envs/{name}": [("", None)],
    "POST /envs/{name}:cancel": [("", None)],
    "GET /envs/{name}/members": [("", None)],
    "POST /envs/{name}/members/tokens": [("", {})],
    "GET /envs/{name}/logs": [("", None), ("?app=worker", None)],
    "GET /envs/{name}/rollouts": [("", None)],
    "POST /envs/{name}/rollouts": [("", {"name": "worker", "image": "worker"})],
    "GET /envs/{name}/rollouts/{app}": [("", None)],
    "PATCH /envs/{name}/apps/{app}": [("", {"replicas": 2})],
    "DELETE /envs/{name}/apps/{app}": [("", None)],
    "POST /envs/{name}/apps/{app}:restart": [("", None)],
    "POST /envs/{name}/apps/{app}:start": [("", None)],
    "POST /envs/{name}/apps/{app}:stop": [("", None)],
    "GET /builds": [("", None), ("?cursor={cursor}", None), ("?state=Queued&action=env&limit=1", None)],
    "POST /builds": [("", {"action": "deploy", "repository_url": "r", "branch_name": "b"})],
    "GET /builds/{build_id}": [("", None)],
    "GET /builds/{build_id}/events": [("", None)],
    "DELETE /builds/{build_id}": [("", None)],
    "POST /builds/{build_id}:cancel": [("", None)],
    "GET /webhooks": [("", None)],
    "POST /webhooks": [("", {"name": "ops", "format": "slack", "url": "https://hooks.example.org/x"})],
    "DELETE /webhooks/{webhook_id}": [("", None)],
}
FRESH = {"env_id", "build_id", "creation_date", "id", "created_at"}


def test_every_route_is_crossed() -> None:
    assert CROSSINGS.keys() == {f"{method} {path}" for path, methods in PATHS.items() for method in methods}


@pytest.mark.parametrize("route", CROSSINGS)
def test_a_stranger_gets_the_answer_of_a_world_without_the_others(
    organise: Organise, route: str, settings: Any
) -> None:
    settings.CONF = replace(settings.CONF, iam=replace(settings.CONF.iam, encryption_keys=("a key of the tests",)))
    stranger = organise("Globex")
    owner = organise()
    key = "a-key-that-both-chose"
    ids = {"name": "dev", "build_id": str(uuid4()), "cursor": "", "app": "worker", "webhook_id": str(uuid4())}
    nowhere = [asked(stranger, route, ids, crossing, uuid4().hex) for crossing in CROSSINGS[route]]
    if route == "POST /envs":
        stranger("DELETE", "/envs/dev")
        environment().delete()
    owned = owner.up(key=key).json()
    owner.up("two")
    cursor = owner("GET", "/builds?limit=1").json()["next_cursor"]
    hook = create_webhook(
        PLATFORM, Organisation.objects.get(pk=owner.tenant), "ops", "slack", "https://a.example.org/x"
    )
    ids = {"name": "dev", "build_id": owned["build_id"], "cursor": cursor, "app": "worker", "webhook_id": str(hook.pk)}
    here = [asked(stranger, route, ids, crossing, key) for crossing in CROSSINGS[route]]
    assert [compared(answer) for answer in here] == [compared(answer) for answer in nowhere]
    assert owner("GET", "/envs/dev").json() == owned, "and the owner's is as it was"
    assert [one["id"] for one in owner("GET", "/webhooks").json()] == [str(hook.pk)]


def asked(caller: Caller, route: str, ids: dict[str, str], crossing: tuple[str, Any], key: str) -> Any:
    method, path = route.split()
    query, body = crossing
    return caller(method, (path + query).format(**ids), body, key=key)


def compared(answer: Any) -> tuple[int, Any]:
    """An answer without what no two answers share: new ids, and the path that the caller named."""
    document = json.loads(answer.content or "null")
    if isinstance(document, dict):
        document = {name: value for name, value in document.items() if name not in FRESH | {"instance"}}
    return answer.status_code, document
