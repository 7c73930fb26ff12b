"""A thousand timers that are due at once: soon fired, and once each although the node is killed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from cyoda.embedded import EmbeddedPostgres
from tests.nodes import NodeProcess

COUNT = 1000
DELAY_MS = 4000
SCAN_INTERVAL = timedelta(seconds=1)
PATIENCE_SECONDS = 60
WORKFLOW: dict[str, Any] = {
    "version": "1.3", "name": "flow", "initialState": "WAITING",
    "states": {
        "WAITING": {"transitions": [{"name": "late", "next": "DUE", "schedule": {"delayMs": DELAY_MS}}]},
        "DUE": {"transitions": [{"name": "on", "next": "DONE"}]},
        "DONE": {},
    },
}  # fmt: skip

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeProcess]:
    with EmbeddedPostgres(tmp_path / "postgres", durable=False) as postgres:
        environ = {"CYODA_DATABASE_URL": postgres.url, "CYODA_SCHEDULER_REDISPATCH_BACKOFF": "2s"}
        with NodeProcess(tmp_path, environ) as node:
            yield node


def client(node: NodeProcess) -> httpx.Client:
    return httpx.Client(base_url=node.api, headers={"Authorization": f"Bearer {node.token()}"}, timeout=30)


def done(http: httpx.Client) -> int:
    counts: list[dict[str, Any]] = http.get("/entity/stats/states").raise_for_status().json()
    return sum(row["count"] for row in counts if row["state"] == "DONE")


def armed(http: httpx.Client) -> list[str]:
    http.post("/model/import/JSON/SAMPLE_DATA/parcel/1", json={"n": 1}).raise_for_status()
    http.put("/model/parcel/1/lock").raise_for_status()
    body = {"importMode": "REPLACE", "workflows": [WORKFLOW]}
    http.post("/model/parcel/1/workflow/import", json=body).raise_for_status()
    documents = [{"n": number} for number in range(COUNT)]
    answer = http.post("/entity/JSON/parcel/1?transactionWindow=1000", json=documents).raise_for_status()
    return [entity_id for chunk in answer.json() for entity_id in chunk["entityIds"]]


def test_timers_of_a_killed_node_fire_once_after_it_is_back(node: NodeProcess) -> None:
    with client(node) as http:
        ids = armed(http)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while done(http) == 0:
            assert time.monotonic() < deadline, "nothing fired"
    node.kill()
    node.start()
    with client(node) as http:
        while done(http) < COUNT:
            assert time.monotonic() < deadline, f"{done(http)} of {COUNT} fired"
            time.sleep(0.1)
        for entity_id in ids[::5]:
            changes = http.get(f"/entity/{entity_id}/changes").json()
            assert [change["changeType"] for change in changes] == ["UPDATE", "CREATE"]
            items = http.get(f"/audit/entity/{entity_id}?limit=1000").json()["items"]
            assert [item.get("eventType") for item in items].count("SCHEDULED_TRANSITION_FIRE") == 1


def test_of_a_thousand_timers_due_at_once_99_of_100_are_late_by_less_than_a_scan_interval(node: NodeProcess) -> None:
    with client(node) as http:
        ids = armed(http)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while done(http) < COUNT:
            assert time.monotonic() < deadline, f"{done(http)} of {COUNT} fired"
            time.sleep(0.1)
        late: list[timedelta] = []
        for entity_id in ids:
            moments = [change["timeOfChange"] for change in http.get(f"/entity/{entity_id}/changes").json()]
            fired, armed_at = (datetime.fromisoformat(moment) for moment in moments)
            late.append(fired - armed_at - timedelta(milliseconds=DELAY_MS))
        assert sorted(late)[COUNT * 99 // 100] < SCAN_INTERVAL
