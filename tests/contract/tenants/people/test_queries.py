"""What a page costs: statements of the control plane and calls of the data plane, pinned for each (ui: 4.7).

A number that grows is a page that became slower; one that falls is written down here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext

from cyoda.permissions import ROLE_DEVELOPER
from cyoda.principal import Principal
from tenants.identity.keys import KeyPair
from tenants.models import Environment
from tenants.ui.console.place import slug_of
from tests.browser.conftest import WORKFLOW
from tests.contract.http.conftest import signing_key
from tests.contract.tenants.people.conftest import SEVERAL_TRANSACTIONS
from tests.contract.tenants.people.serving import Served, served
from tests.pages import Sample

__all__ = ["signing_key"]  # a fixture
pytestmark = SEVERAL_TRANSACTIONS

DOCUMENT = {"to": "Ann", "weight": 1.5, "stops": [{"city": "Berlin"}], "note": None}
COSTS = {
    "home": (18, 0),
    "organisations": (7, 0),
    "search": (5, 0),
    "help": (2, 0),
    "help-topic": (2, 0),
    "me": (9, 0),
    "environments": (4, 0),
    "order": (5, 0),
    "organisation-settings": (9, 0),
    "people": (5, 0),
    "roles": (3, 0),
    "leave": (3, 0),
    "organisation-audit": (6, 0),
    "overview": (18, 5),
    "connect": (4, 0),
    "settings": (7, 0),
    "models": (4, 2),
    "model-new": (4, 0),
    "model": (4, 4),
    "model-states": (4, 2),
    "model-workflows": (4, 3),
    "model-schema": (4, 3),
    "model-keys": (4, 3),
    "model-indexes": (4, 4),
    "model-check": (4, 4),
    "model-versions": (4, 4),
    "model-rules": (4, 2),
    "entities": (6, 4),
    "entity-views": (6, 2),
    "searches": (4, 1),
    "jobs": (6, 1),
    "entity-new": (4, 3),
    "entity-data": (4, 2),
    "entity-workflow": (4, 6),
    "entity-history": (4, 3),
    "entity-json": (4, 2),
    "entity-edit": (4, 3),
    "compare": (4, 2),
    "entity-delete": (4, 1),
    "workflows": (5, 5),
    "workflow-graph": (5, 3),
    "workflow-json": (5, 3),
    "draft-new": (4, 2),
    "workflow-import": (4, 5),
    "workflow-simulate": (4, 5),
    "workflow-versions": (4, 4),
    "runs": (4, 1),
    "run": (4, 1),
    "members": (4, 1),
    "member-token": (4, 0),
    "applications": (5, 0),
    "messages": (4, 1),
    "message-new": (4, 0),
    "clients": (5, 0),
    "client-new": (4, 0),
    "providers": (4, 1),
    "provider-new": (4, 0),
    "trusted-keys": (4, 1),
    "trusted-key-new": (4, 0),
    "audit": (6, 0),
    "provisioning": (5, 0),
    "delete": (4, 0),
}
"""Statements, and calls of the API."""


@pytest.fixture
def node(database: None, signing_key: KeyPair) -> Iterator[Served]:
    with served(signing_key) as node:
        yield node


@pytest.fixture
def sample(node: Served, dev: Environment) -> Sample:
    developer = Principal(tenant="acme", user_id="u", kind="user", roles=(ROLE_DEVELOPER,))
    node.ask(developer, "POST", "/model/import/JSON/SAMPLE_DATA/letter/1", DOCUMENT)
    node.ask(developer, "PUT", "/model/letter/1/lock")
    workflows = {"importMode": "REPLACE", "workflows": [WORKFLOW]}
    node.ask(developer, "POST", "/model/letter/1/workflow/import", workflows)
    (made,) = node.ask(developer, "POST", "/entity/JSON/letter/1", [DOCUMENT] * 60)
    return Sample(
        environment=f"/t/{slug_of(dev.organisation)}/e/dev/",
        model="letter/1",
        entity=made["entityIds"][0],
        transaction=made["transactionId"],
        workflow=WORKFLOW["name"],
    )


def test_a_page_costs_what_is_written_down(owner: Browser, sample: Sample) -> None:
    owner.get("/")  # the first page of a minute records that the person is here
    costs: dict[str, tuple[int, int]] = {}
    for name, path in sample.pages().items():
        with CaptureQueriesContext(connection) as queries:
            answer = owner.get(path)
        assert answer.status_code == 200, (name, path)
        place = (answer.context or {}).get("place")
        costs[name] = len(queries), len(place.api.calls) if hasattr(place, "api") else 0
    assert costs == COSTS
