"""Asynchronous searches by real workers: a killed one, a broker that forgot, pages read while the data changes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis

from cyoda.embedded import EmbeddedPostgres, EmbeddedValkey
from tests.nodes import ROOT, NodeProcess

MODEL = "parcel/1"
ENTITIES = 20_000
PATIENCE_SECONDS = 45
MATCH_ALL = {"type": "group", "operator": "AND", "conditions": []}

pytestmark = pytest.mark.timeout(180)


@dataclass
class Installation:
    """A node with its database and broker, 20,000 entities, and no worker."""

    node: NodeProcess
    database_url: str
    broker_url: str
    folder: Path
    http: httpx.Client
    ids: list[str]

    @contextmanager
    def running(self, *command: str) -> Generator[subprocess.Popen[bytes]]:
        """A Celery process in the installation's environment, killed at the end."""
        line = [sys.executable, "-m", "celery", "--app", "cyoda.celery", *command]
        with (self.folder / f"{command[0]}.log").open("ab") as log:
            process = subprocess.Popen(line, cwd=ROOT, env=self.node.settings(), stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def worker(self) -> Any:
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        return self.running("worker", "--pool", "threads", "--concurrency", "2", *quiet)

    def submit(self, query: str = "") -> str:
        answer = self.http.post(f"/search/async/{MODEL}{query}", json=MATCH_ALL)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self, job_id: str) -> dict[str, Any]:
        return self.http.get(f"/search/async/{job_id}/status").json()

    def finished(self, job_id: str) -> dict[str, Any]:
        until(lambda: self.status(job_id)["searchJobStatus"] != "RUNNING")
        return self.status(job_id)

    def page(self, job_id: str, number: int, size: int = 1000) -> list[dict[str, Any]]:
        answer = self.http.get(f"/search/async/{job_id}", params={"pageNumber": number, "pageSize": size})
        assert answer.status_code == 200, answer.text
        assert answer.json()["page"]["totalElements"] == ENTITIES
        return answer.json()["content"]

    def pages(self, job_id: str) -> list[dict[str, Any]]:
        return [entity for number in range(ENTITIES // 1000) for entity in self.page(job_id, number)]

    def progress(self, job_id: str) -> tuple[str, int, int]:
        """Status, ids stored and attempts, from the row."""
        with psycopg.connect(self.database_url) as connection:
            schemas = connection.execute("SELECT schema_name FROM public.cyoda_schema").fetchall()
            assert len(schemas) == 1
            query = f'SELECT status, found, attempts FROM "{schemas[0][0]}".search_job WHERE id = %s'
            row = connection.execute(query, [job_id]).fetchone()  # type: ignore[arg-type]
        assert row is not None
        return row


def until(is_so: Callable[[], bool], pause: float = 0.05) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(pause)


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("searches")
    with (
        EmbeddedPostgres(folder / "postgres", durable=False) as postgres,
        EmbeddedValkey(folder / "valkey") as valkey,
        NodeProcess(folder, {"CYODA_DATABASE_URL": postgres.url, "CYODA_BROKER_URL": valkey.url}) as node,
        httpx.Client(base_url=node.api, headers={"Authorization": f"Bearer {node.token()}"}, timeout=30) as http,
    ):
        http.post(f"/model/import/JSON/SAMPLE_DATA/{MODEL}", json={"number": 1, "value": 1}).raise_for_status()
        http.put(f"/model/{MODEL}/lock").raise_for_status()
        ids: list[str] = []
        for start in range(0, ENTITIES, 1000):
            batch = [{"number": number, "value": 0} for number in range(start, start + 1000)]
            answer = http.post(f"/entity/JSON/{MODEL}", params={"transactionWindow": 1000}, json=batch)
            answer.raise_for_status()
            ids += answer.json()[0]["entityIds"]
        installation = Installation(node, postgres.url, valkey.url, folder, http, ids)
        schedule = str(folder / "schedule")
        with installation.running("beat", "--schedule", schedule, "--pidfile", "", "--loglevel", "INFO"):
            yield installation


def test_a_search_of_a_killed_worker_is_finished_by_another(installation: Installation) -> None:
    with installation.worker() as worker:
        job_id = installation.submit("?sort=number:desc")
        plain = installation.submit()
        until(lambda: installation.progress(plain)[1] > 0, pause=0.005)
        worker.kill()
        worker.wait()
    status, found, attempts = installation.progress(plain)
    assert (status, attempts) == ("RUNNING", 1)
    assert 0 < found < ENTITIES
    with installation.worker():
        for one in (plain, job_id):
            assert installation.finished(one)["searchJobStatus"] == "SUCCESSFUL"
            assert installation.status(one)["entitiesCount"] == ENTITIES
    assert installation.progress(plain)[2] == 2
    assert [entity["meta"]["id"] for entity in installation.pages(plain)] == sorted(installation.ids)
    numbers = [entity["data"]["number"] for entity in installation.pages(job_id)]
    assert numbers == list(reversed(range(ENTITIES)))


def test_a_search_is_found_by_the_workers_when_the_broker_has_forgotten_it(installation: Installation) -> None:
    job_id = installation.submit()
    with redis.Redis.from_url(installation.broker_url) as broker:
        until(lambda: bool(broker.llen("cyoda")))
        broker.flushall()
    with installation.worker():
        assert installation.finished(job_id)["entitiesCount"] == ENTITIES


def test_pages_are_complete_and_stable_while_entities_change(installation: Installation) -> None:
    with installation.worker():
        job_id = installation.submit("?sort=number")
        late = installation.submit()
        assert installation.finished(job_id)["searchJobStatus"] == "SUCCESSFUL"
        assert installation.finished(late)["searchJobStatus"] == "SUCCESSFUL"
    stopping = threading.Event()
    changes = threading.Thread(target=change, args=(installation, stopping))
    changes.start()
    try:
        first = installation.pages(job_id)
        second = installation.pages(job_id)
        by_id = installation.pages(late)
    finally:
        stopping.set()
        changes.join()
    assert [entity["data"] for entity in first] == [{"number": number, "value": 0} for number in range(ENTITIES)]
    assert first == second
    assert sorted(first, key=lambda entity: entity["meta"]["id"]) == by_id
    gone = installation.http.get(f"/entity/{installation.ids[0]}")
    changed = installation.http.get(f"/entity/{installation.ids[1]}")
    assert (gone.status_code, changed.json()["data"]["value"]) == (404, 1)


def change(installation: Installation, stopping: threading.Event) -> None:
    """Delete every other entity and update the rest, in the order of the pages."""
    token = installation.http.headers["Authorization"]
    with httpx.Client(base_url=installation.node.api, headers={"Authorization": token}, timeout=30) as http:
        for number, entity_id in enumerate(installation.ids):
            if number > 1 and stopping.is_set():
                return
            if number % 2:
                http.put(f"/entity/JSON/{entity_id}", json={"number": number, "value": 1}).raise_for_status()
            else:
                http.delete(f"/entity/{entity_id}").raise_for_status()
