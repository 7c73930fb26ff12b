"""A worker, PostgreSQL or the node is killed in the middle of every step of every saga of the `local` driver.

Each environment ends ready or gone, never half. The steps are the driver's: a new one is covered by itself. All steps
stand still at the same time, each in an environment of its own, so that one kill hits them all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import redis
from django.db import connection, connections

from cyoda.databases import use_database
from cyoda.embedded import EmbeddedPostgres
from cyoda.schemas import PostgresSchemas
from tenants.models import Environment, Provisioning, ProvisioningStep
from tenants.provisioning.local import LocalDriver
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import Order, delete_environment, provision_environment
from tests.cluster.test_crash import kill_whole
from tests.contract.tenants.conftest import EVERYTHING, NOTHING, traces_of
from tests.contract.tenants.test_workers import Workers, wait_until
from tests.nodes import NodeProcess

_ALL = LocalDriver(PostgresSchemas()).steps(Environment())
STEPS = [step.name for step in _ALL]
UNDONE = [step.name for step in _ALL if step.undo is not None]
UNDER_WAY = (ProvisioningStep.State.RUNNING, ProvisioningStep.State.UNDOING)


@dataclass
class Stack:
    """PostgreSQL, a node and a worker of their own; `standing` are orders whose environments are ready."""

    server: EmbeddedPostgres
    node: NodeProcess
    workers: Workers
    standing: list[Order] = field(default_factory=list)

    def kill(self, victim: str) -> None:
        match victim:
            case "worker":
                self.workers.kill()
            case "postgres":
                kill_whole(self.server)
                connection.close()
            case _:
                self.node.kill()

    def restart(self, victim: str) -> None:
        match victim:
            case "worker":
                self.workers.start()
            case "postgres":
                self.server.start()
            case _:
                self.node.start()

    def finished(self, runs: list[Provisioning]) -> None:
        left = Provisioning.objects.filter(pk__in=[run.pk for run in runs], finished_at=None)
        wait_until(lambda: not left.exists(), lambda: f"{_shown(runs)}\n{self.workers.log()[-3000:]}")

    def lets_in(self, order: Order) -> bool:
        """Whether the node gives the environment's client a token, and answers it."""
        with httpx.Client(base_url=self.node.api) as http:
            credentials = (order.client_id, order.client_secret)
            token = http.post("/oauth/token", auth=credentials, data={"grant_type": "client_credentials"})
            if token.status_code == 401:
                return False
            bearer = {"Authorization": f"Bearer {token.json()['access_token']}"}
            return http.get("/model/", headers=bearer).status_code == 200

    def others(self) -> Mapping[str, list[str]]:
        """What sagas must leave as it was: roles of the database, and files of the installation."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT rolname FROM pg_roles ORDER BY 1")
            roles = [name for (name,) in cursor.fetchall()]
        home = Path(self.workers.environ["CYODA_HOME"])
        return {"roles": roles, "files": sorted(str(path) for path in home.rglob("*"))}


@pytest.fixture(scope="module")
def stack(valkey_url: str, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: object) -> Iterator[Stack]:
    """The ORM of this process uses the stack's database meanwhile."""
    redis.Redis.from_url(valkey_url).flushall()
    folder, before = tmp_path_factory.mktemp("kills"), dict(connections["default"].settings_dict)
    with EmbeddedPostgres(folder / "postgres") as server:
        own = {"CYODA_DATABASE_URL": server.url, "CYODA_BROKER_URL": valkey_url}
        with NodeProcess(folder, own) as node, django_db_blocker.unblock():  # type: ignore[attr-defined]
            clean = {name: value for name, value in os.environ.items() if not name.startswith("CYODA_")}
            workers = Workers(clean | own | {"CYODA_HOME": str(folder / "cyoda")}, folder, threads=32)
            try:
                use_database(server.url)
                workers.start()
                stack = Stack(server, node, workers)
                stack.standing = [ordered(f"before-{number}") for number in range(len(UNDONE))]
                stack.finished([order.run for order in stack.standing])
                yield stack
            finally:
                workers.kill()
                connections["default"].close()
                connections["default"].settings_dict.update(before)


def ordered(tenant_id: str) -> Order:
    """For an organisation of its own: each has its turns at the workers."""
    return provision_environment(PLATFORM, tenant_id, tenant_id=tenant_id)


@pytest.mark.parametrize("victim", ["worker", "postgres", "node"])
def test_killed_in_the_middle_of_any_step_an_environment_ends_ready_or_gone(stack: Stack, victim: str) -> None:
    halts, before = stack.workers.halts, stack.others()
    halts.hold()
    for number, step in enumerate(STEPS):
        halts.at(f"{victim}-making-{number}", step)
    for number, step in enumerate(UNDONE):
        halts.at(f"{victim}-failing-{number}", f"undo {step}")
        halts.refuse(f"{victim}-failing-{number}", STEPS[-1])
    removed = stack.standing[: len(UNDONE)]
    for order, step in zip(removed, UNDONE, strict=True):
        halts.at(order.run.environment.tenant_id, f"undo {step}")

    making = [ordered(f"{victim}-making-{number}") for number in range(len(STEPS))]
    failing = [ordered(f"{victim}-failing-{number}") for number in range(len(UNDONE))]
    removals = [delete_environment(PLATFORM, order.run.environment) for order in removed]
    runs = [*(order.run for order in making + failing), *removals]
    tenants = [run.environment.tenant_id for run in runs]
    wait_until(lambda: halts.are_reached(*tenants), lambda: f"{_shown(runs)}\n{stack.workers.log()[-3000:]}")
    in_the_middle = ProvisioningStep.objects.filter(run__in=runs, run__finished_at=None, state__in=UNDER_WAY)
    assert in_the_middle.count() == len(runs), _shown(runs)

    stack.kill(victim)
    halts.release()
    stack.restart(victim)
    stack.finished(runs)

    assert [_end_of(order.run) for order in making] == [("succeeded", "ready", EVERYTHING)] * len(making)
    assert [_end_of(order.run) for order in failing] == [("failed", "failed", NOTHING)] * len(failing)
    assert [_end_of(run) for run in removals] == [("succeeded", "deleted", NOTHING)] * len(removals)
    assert {order.run.error for order in failing} == {f"{STEPS[-1]}: as the test wants it"}
    assert [stack.lets_in(order) for order in making] == [True] * len(making)
    assert [stack.lets_in(order) for order in failing + removed] == [False] * len(failing + removed)
    assert stack.others() == before
    stack.standing = making


def _end_of(run: Provisioning) -> tuple[str, str, object]:
    run.refresh_from_db()
    environment = Environment.objects.get(pk=run.environment.pk)
    return run.state, environment.state, traces_of(environment)


def _shown(runs: list[Provisioning]) -> str:
    rows = ProvisioningStep.objects.filter(run__in=runs).values_list(
        "run__environment__tenant_id", "run__state", "name", "state", "attempts", "error"
    )
    return "\n".join(" ".join(str(value) for value in row) for row in rows)
