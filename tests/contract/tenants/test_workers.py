"""Real workers over a real broker that lost everything. Killed ones are in tests/cluster/test_saga_kills.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import redis

from tenants.models import Environment, Provisioning
from tenants.provisioning.saga import CLAIM_LEASE
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import provision_environment
from tests.contract.tenants.conftest import EVERYTHING, traces_of
from tests.contract.tenants.drivers import Halts

ROOT = Path(__file__).parents[3]
PATIENCE_S = 40 + CLAIM_LEASE.total_seconds()


@dataclass
class Workers:
    """Celery processes with an embedded beat on the test's database and broker, one after the other."""

    environ: dict[str, str]
    folder: Path
    process: subprocess.Popen[bytes] | None = None
    settings: str = "tests.contract.tenants.halting_settings"
    threads: int = 2

    @property
    def halts(self) -> Halts:
        return Halts(self.folder)

    def start(self) -> None:
        log = (self.folder / "worker.log").open("ab")
        pool = ["--pool", "threads", "--concurrency", str(self.threads)]
        command = ["worker", *pool, "--without-gossip", "--without-mingle"]
        with log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "celery", "--app", "cyoda.celery", *command,
                 "--beat", "--schedule", str(self.folder / "schedule"), "--loglevel", "WARNING"],
                cwd=ROOT, stdout=log, stderr=log,
                env=self.environ
                | {"DJANGO_SETTINGS_MODULE": self.settings, "CYODA_TEST_HALT_FOLDER": str(self.folder)},
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL it; what it has started, as its clock, ends with it."""
        if self.process is not None:
            started = psutil.Process(self.process.pid).children(recursive=True)
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None
            assert not psutil.wait_procs(started, timeout=5)[1]

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
    environ = clean | {"CYODA_DATABASE_URL": database, "CYODA_BROKER_URL": valkey_url}
    workers = Workers(environ, tmp_path)
    yield workers
    workers.kill()


def finished(run: Provisioning) -> Callable[[], bool]:
    def is_finished() -> bool:
        run.refresh_from_db()
        return run.finished_at is not None

    return is_finished


def test_a_broker_that_lost_everything_loses_no_run(workers: Workers, valkey_url: str) -> None:
    workers.halts.at("Acme", "create tables")
    order = provision_environment(PLATFORM, "Acme")
    workers.start()
    wait_until(lambda: workers.halts.are_reached("Acme"), workers.log)
    workers.kill()
    redis.Redis.from_url(valkey_url).flushall()
    workers.start()
    wait_until(finished(order.run), workers.log)
    assert (order.run.state, traces_of(Environment.objects.get())) == ("succeeded", EVERYTHING)
