"""Real workers over a real broker: killed at each step, and after all tasks were lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import redis

from tenants.models import Environment, Provisioning
from tenants.provisioning.saga import CLAIM_LEASE
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import Order, delete_environment, provision_environment
from tests.contract.tenants.conftest import EVERYTHING, NOTHING, traces_of
from tests.contract.tenants.drivers import STEPS

ROOT = Path(__file__).parents[3]
PATIENCE_S = 40 + CLAIM_LEASE.total_seconds()


@dataclass
class Workers:
    """Celery processes with an embedded beat on the test's database and broker, one after the other."""

    environ: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    settings: str = "tests.contract.tenants.halting_settings"
    halt: dict[str, str] = field(default_factory=dict)

    def start(self) -> None:
        log = (self.folder / "worker.log").open("ab")
        command = ["worker", "--pool", "threads", "--concurrency", "2", "--without-gossip", "--without-mingle"]
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", "cyoda.celery", *command,
                 "--beat", "--schedule", str(self.folder / "schedule"), "--loglevel", "WARNING"],
                cwd=ROOT, stdout=log, stderr=log,
                env=self.environ | self.halt | {"DJANGO_SETTINGS_MODULE": self.settings},
            )  # fmt: skip

    def halting_at(self, name: str, *, refuse: str = "") -> None:
        self.halt = {"CYODA_TEST_HALT_AT": name, "CYODA_TEST_REFUSE_AT": refuse}
        (self.folder / "reached").unlink(missing_ok=True)

    def kill_when_halted(self) -> None:
        wait_until((self.folder / "reached").exists, self.log)
        self.kill()

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def log(self) -> str:
        return (self.folder / "worker.log").read_text()


def wait_until(happened: Callable[[], bool], explain: Callable[[], str]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


@pytest.fixture
def workers(database: str, valkey_url: str, tmp_path: Path) -> Iterator[Workers]:
    redis.Redis.from_url(valkey_url).flushall()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CYODA_")}
    environ = clean | {
        "CYODA_DATABASE_URL": database,
        "CYODA_BROKER_URL": valkey_url,
        "CYODA_TEST_HALT_FOLDER": str(tmp_path),
        "CYODA_TEST_HALT_AT": "",
    }
    workers = Workers(environ, tmp_path)
    yield workers
    workers.kill()


def finished(run: Provisioning) -> Callable[[], bool]:
    def is_finished() -> bool:
        run.refresh_from_db()
        return run.finished_at is not None

    return is_finished


def through(workers: Workers, run: Provisioning) -> Environment:
    """Kill the worker where it halts, start another, and wait for the end of the run."""
    workers.start()
    workers.kill_when_halted()
    workers.start()
    wait_until(finished(run), workers.log)
    workers.kill()
    return Environment.objects.get()


@pytest.mark.timeout(240)
def test_a_worker_killed_at_any_step_of_making_undoing_or_deleting_is_replaced_by_another(workers: Workers) -> None:
    order: Order | None = None
    for step in STEPS:
        workers.halting_at(step)
        order = provision_environment(PLATFORM, "Acme")
        environment = through(workers, order.run)
        assert (step, order.run.state, environment.state) == (step, "succeeded", "ready")
        assert traces_of(environment) == EVERYTHING
        assert order.run.steps.get(name=step).attempts == 2

        workers.halting_at(f"undo {step}" if step != "create tables" else "undo create schema")
        run = delete_environment(PLATFORM, environment)
        environment = through(workers, run)
        assert (step, run.state, environment.state) == (step, "succeeded", "deleted")
        assert traces_of(environment) == NOTHING


def test_a_worker_killed_while_it_undoes_a_failure_is_replaced_and_nothing_is_left(workers: Workers) -> None:
    workers.halting_at("undo create bootstrap client", refuse="mark ready")
    order = provision_environment(PLATFORM, "Acme")
    environment = through(workers, order.run)
    assert (order.run.state, environment.state) == ("failed", "failed")
    assert order.run.error == "mark ready: as the test wants it"
    assert traces_of(environment) == NOTHING


def test_a_broker_that_lost_everything_loses_no_run(workers: Workers, valkey_url: str) -> None:
    workers.halting_at("create tables")
    order = provision_environment(PLATFORM, "Acme")
    workers.start()
    workers.kill_when_halted()
    redis.Redis.from_url(valkey_url).flushall()
    workers.start()
    wait_until(finished(order.run), workers.log)
    assert (order.run.state, traces_of(Environment.objects.get())) == ("succeeded", EVERYTHING)
