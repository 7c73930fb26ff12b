"""A node and its PostgreSQL are killed under load: what was acknowledged is there whole, and nothing is there half."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from cyoda.embedded import EmbeddedPostgres
from tests.cluster.test_crash import kill_whole
from tests.nodes import NodeProcess

MODEL = "parcel/1"
BATCH = 5
ROUNDS = 3
LOAD_SECONDS = 1.5
ANSWER_SECONDS = 5


@dataclass
class Load:
    """A client that creates batches and updates until it is told to stop; remembers what was acknowledged."""

    api: str
    token: str
    number: int
    acknowledged: dict[str, int] = field(default_factory=dict[str, int])
    """entity id -> the newest acknowledged value"""
    attempted: dict[str, set[int]] = field(default_factory=dict[str, set[int]])
    batches: list[list[str]] = field(default_factory=list[list[str]])
    stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        dice = random.Random(self.number)
        with client(self.api, self.token) as http:
            while not self.stopping.is_set():
                try:
                    self._step(http, dice)
                except httpx.TransportError:
                    time.sleep(0.02)

    def _step(self, http: httpx.Client, dice: random.Random) -> None:
        value = dice.randrange(1_000_000)
        if not self.batches or dice.random() < 0.5:
            answer = http.post(f"/entity/JSON/{MODEL}", json=[{"batch": self.number, "value": value}] * BATCH)
            if answer.status_code == 200:
                ids: list[str] = answer.json()[0]["entityIds"]
                self.batches.append(ids)
                self.acknowledged |= dict.fromkeys(ids, value)
        else:
            entity_id = dice.choice(dice.choice(self.batches))
            self.attempted.setdefault(entity_id, set()).add(value)
            answer = http.put(f"/entity/JSON/{entity_id}", json={"batch": self.number, "value": value})
            if answer.status_code == 200:
                self.acknowledged[entity_id] = value
                self.attempted[entity_id] = set()


def client(api: str, token: str) -> httpx.Client:
    return httpx.Client(base_url=api, headers={"Authorization": f"Bearer {token}"}, timeout=ANSWER_SECONDS + 2)


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    with EmbeddedPostgres(tmp_path / "postgres") as server:
        yield server


def prepared(node: NodeProcess) -> str:
    """The model is there and locked; returns a token that outlives the node."""
    token = node.token()
    with client(node.api, token) as http:
        http.post(f"/model/import/JSON/SAMPLE_DATA/{MODEL}", json={"batch": 1, "value": 1}).raise_for_status()
        http.put(f"/model/{MODEL}/lock").raise_for_status()
    return token


def verify(http: httpx.Client, loads: list[Load]) -> None:
    """Every acknowledged entity is there with its acknowledged value, or one whose outcome nobody was told."""
    stored: dict[str, Any] = {}
    page = 0
    while found := http.get(f"/entity/{MODEL}", params={"pageSize": 10_000, "pageNumber": page}).json():
        stored |= {entity["meta"]["id"]: entity["data"]["value"] for entity in found}
        page += 1
    per_batch: dict[Any, int] = {}
    for load in loads:
        for entity_id, value in load.acknowledged.items():
            assert stored[entity_id] in {value} | load.attempted.get(entity_id, set())
    for entity_id in stored:
        history = http.get(f"/entity/{entity_id}/changes").json()
        assert history[-1]["changeType"] == "CREATE"
        per_batch[history[-1]["transactionId"]] = per_batch.get(history[-1]["transactionId"], 0) + 1
    assert set(per_batch.values()) == {BATCH}, "a batch is there in part"


@pytest.mark.timeout(180)
def test_what_was_acknowledged_survives_the_death_of_the_node(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    node = NodeProcess(tmp_path, {"CYODA_DATABASE_URL": postgres.url})
    loads: list[Load] = []
    with node:
        token = prepared(node)
        for round_number in range(ROUNDS):
            started = [Load(node.api, token, round_number * 10 + n) for n in range(4)]
            threads = [threading.Thread(target=load.run) for load in started]
            for thread in threads:
                thread.start()
            time.sleep(LOAD_SECONDS * random.random() + 0.3)
            node.kill()
            for load in started:
                load.stopping.set()
            for thread in threads:
                thread.join()
            loads += started
            node.start()
        with client(node.api, token) as http:
            verify(http, loads)
    assert sum(len(load.acknowledged) for load in loads) > 0


@pytest.mark.timeout(180)
def test_a_lost_database_is_a_quick_503_and_everything_goes_on_when_it_is_back(
    tmp_path: Path, postgres: EmbeddedPostgres
) -> None:
    node = NodeProcess(tmp_path, {"CYODA_DATABASE_URL": postgres.url})
    with node:
        token = prepared(node)
        load = Load(node.api, token, 1)
        thread = threading.Thread(target=load.run)
        thread.start()
        time.sleep(1)
        kill_whole(postgres)
        with client(node.api, token) as http:
            started = time.monotonic()
            refused = http.post(f"/entity/JSON/{MODEL}", json={"batch": 0, "value": 0})
            assert time.monotonic() - started < ANSWER_SECONDS
            assert refused.status_code == 503
            assert refused.json()["properties"] == {"errorCode": "STORAGE_UNAVAILABLE", "retryable": True}
            assert httpx.get(f"http://127.0.0.1:{node.admin_port}/readyz").status_code == 503
            postgres.start()
            deadline = time.monotonic() + 30
            while httpx.get(f"http://127.0.0.1:{node.admin_port}/readyz").status_code != 200:
                assert time.monotonic() < deadline
                time.sleep(0.1)
            http.post(f"/entity/JSON/{MODEL}", json=[{"batch": 0, "value": 0}] * BATCH).raise_for_status()
            load.stopping.set()
            thread.join()
            verify(http, [load])
