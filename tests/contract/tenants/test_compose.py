"""The compose driver with a container engine that a script stands for: files, steps and undoing are real."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml

from cyoda.clock import ManualClock
from cyoda.conf import load, unknown_names
from cyoda.schemas import PostgresSchemas
from tenants.models import Backend, Client, Environment, Organisation, Provisioning
from tenants.provisioning.base import StepRefused
from tenants.provisioning.compose import ComposeDriver
from tenants.provisioning.compose.project import InvalidProject, validated
from tenants.provisioning.drivers import driver_named
from tenants.provisioning.saga import Progress, Saga
from tenants.services.adoption import adopt_tenant
from tenants.services.audit import PLATFORM
from tenants.services.backends import InvalidBackend, missing_of, save_backend
from tenants.services.environments import Wanted, create_environment
from tenants.services.provisioning import (
    BackendUnavailable,
    Order,
    cancel_run,
    delete_environment,
    provision_environment,
)
from tenants.services.standing import Standing, standing_of

pytestmark = pytest.mark.usefixtures("database")
PLANNED = ("kubernetes", "cassandra", "trino")

ENGINE = """#!/bin/sh
echo "$*" >> {folder}/calls
case "$*" in
  info) test ! -e {folder}/silent || {{ echo 'Cannot connect to the daemon' >&2; exit 1; }} ;;
  *" exec "*) cat > {folder}/given ;;
  *" --wait "*) test ! -e {folder}/sick || {{ echo 'container node is unhealthy' >&2; exit 1; }} ;;
  *" up --detach") test ! -e {folder}/slow || sleep 60 ;;
esac
"""


@dataclass
class EngineScript:
    """What is on the PATH as `docker`: it writes down how it is called, and fails as the test wants."""

    folder: Path

    def will(self, be: str) -> None:
        (self.folder / be).touch()

    def calls(self, word: str) -> list[str]:
        path = self.folder / "calls"
        return [line for line in path.read_text().splitlines() if f" {word}" in line] if path.exists() else []


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EngineScript:
    script = tmp_path / "bin" / "docker"
    script.parent.mkdir()
    script.write_text(ENGINE.format(folder=tmp_path))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return EngineScript(tmp_path)


@pytest.fixture
def backend(engine: EngineScript) -> Backend:
    backend = Backend(slug="own", title="Own containers", driver="compose")
    backend.parameters = {"folder": str(engine.folder / "projects"), "host": "here.example.org"}
    save_backend(PLATFORM, backend)
    return backend


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def ordered(clock: ManualClock, name: str = "Acme $1") -> Order:
    return provision_environment(PLATFORM, name, backend="own", clock=clock)


def finish(run: Provisioning, clock: ManualClock) -> Environment:
    saga = Saga(clock=clock)
    for _ in range(80):
        progress = saga.advance(run.pk)
        if progress is Progress.FINISHED:
            run.refresh_from_db()
            return Environment.objects.select_related("organisation").get(pk=run.environment.pk)
        if progress is Progress.WAITING:
            clock.advance(timedelta(minutes=1))
    raise AssertionError(list(run.steps.values_list("name", "state", "error")))


def project_folder(environment: Environment, engine: EngineScript) -> Path:
    return engine.folder / "projects" / f"cyoda-{environment.name}-{environment.pk.hex[:12]}"


# --- what an operator meets -----------------------------------------------------------------------------------------


def refused(backend: Backend) -> str:
    with pytest.raises(InvalidBackend) as refusal:
        save_backend(PLATFORM, backend)
    return str(refusal.value)


def test_without_an_engine_the_back_end_is_neither_enabled_nor_ordered_from(
    engine: EngineScript, backend: Backend, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.will("silent")
    sentence = "docker does not answer: Cannot connect to the daemon."
    assert missing_of(backend) == (sentence,)
    assert refused(backend) == sentence
    with pytest.raises(BackendUnavailable, match="own cannot make environments now"):
        ordered(clock)
    assert not Environment.objects.exists()
    monkeypatch.setenv("PATH", str(engine.folder))
    assert refused(backend) == "docker is not installed on the machine of the workers."
    backend.is_enabled = False
    save_backend(PLATFORM, backend)


def test_parameters_are_held_to_their_choices_limits_and_places(backend: Backend) -> None:
    for name, value, words in (
        ("engine", "nerdctl", "one of docker, podman"),
        ("first_port", 80, "of at least 1024"),
        ("first_port", 65001, "of at most 65000"),
        ("folder", "relative", "not absolute"),
        ("folder", "/etc/passwd/below", "cannot be written"),
    ):
        assert words in refused(Backend(slug="x", title="X", driver="compose", parameters={name: value}))


@pytest.mark.parametrize("name", PLANNED)
def test_a_driver_that_is_not_built_is_declared_and_neither_enabled_nor_ordered_from(name: str) -> None:
    driver = driver_named(name)
    assert (driver.name, bool(driver.label), bool(driver.parameters)) == (name, True, True)
    backend = Backend(slug=name, title=driver.label, driver=name)
    assert refused(backend) == f"The driver {name} is not built yet."
    backend.save()
    with pytest.raises(BackendUnavailable, match="cannot make environments now"):
        provision_environment(PLATFORM, "Acme", backend=name)
    with pytest.raises(BackendUnavailable, match="cannot make environments now"):
        create_environment(PLATFORM, Organisation.objects.create(name="A"), Wanted(name="dev", backend=name), tier=None)
    with pytest.raises(StepRefused):
        driver.steps(Environment.of_tenant("t"))
    assert not Environment.objects.exists()


def test_the_plan_shows_the_project_and_does_nothing(engine: EngineScript, backend: Backend) -> None:
    environment = Environment.of_tenant("t-1", name="dev", backend=backend)
    plan = ComposeDriver().plan(environment)
    assert "http://here.example.org:20000" in plan[1]
    assert validated("\n".join(plan[4:])).services.keys() == {"node", "worker", "postgres", "valkey"}
    assert not (engine.folder / "projects").exists()


# --- the project ----------------------------------------------------------------------------------------------------


@pytest.fixture
def written(engine: EngineScript, backend: Backend, clock: ManualClock) -> Path:
    """The folder of an environment whose first step is done."""
    order = ordered(clock)
    assert Saga(clock=clock).advance(order.run.pk) is Progress.MORE
    return project_folder(order.run.environment, engine)


def test_the_project_gives_a_node_all_it_needs_and_hides_its_secrets(written: Path) -> None:
    project = yaml.safe_load((written / "compose.yaml").read_text())
    files = sorted(path for path in written.rglob("*") if path.is_file() and path.parent.name == "secrets")
    assert [path.name for path in files] == sorted(project["secrets"])
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    owner = files[0].stat()
    node, worker = project["services"]["node"], project["services"]["worker"]
    assert node["user"] == worker["user"] == f"{owner.st_uid}:{owner.st_gid}" != "0:0"
    text = (written / "compose.yaml").read_text()
    assert not [path.name for path in files if path.read_text() in text]

    environ = {
        name: value.replace("/run/secrets", str(written / "secrets")) for name, value in node["environment"].items()
    }
    assert unknown_names(environ) == []
    conf = load(environ)
    assert (conf.iam.mode, conf.platform.tenant_auto_create) == ("jwt", False)
    password = (written / "secrets" / "postgres-password").read_text()
    assert conf.storage.database_url == f"postgresql://cyoda:{password}@postgres:5432/cyoda"
    assert node["ports"] == ["127.0.0.1:20000:8080", "127.0.0.1:20001:9090"]
    assert node["healthcheck"]["test"] == ["CMD", "python", "-m", "cyoda.health"]
    assert worker["depends_on"] == {"node": {"condition": "service_healthy"}}


def test_a_file_that_is_no_such_project_is_refused_in_words(written: Path) -> None:
    text = (written / "compose.yaml").read_text()
    for old, new, words in (
        ("data:/var/lib", "elsewhere:/var/lib", "volume elsewhere that is not declared"),
        ("- signing-key", "- another-key", "secret another-key that is not declared"),
        ("read_only: true", "privileged: true", "unknown field `privileged`"),
        ("127.0.0.1:20001:", "127.0.0.1:20000:", "published twice"),
        ("services:", "services: [", "."),
    ):
        assert old in text
        with pytest.raises(InvalidProject, match=words):
            validated(text.replace(old, new))


def test_compose_itself_finds_the_project_valid(written: Path) -> None:
    docker = next((path for path in ("/usr/bin/docker", "/usr/local/bin/docker") if Path(path).exists()), None)
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("Docker Compose is not installed on this machine")
    subprocess.run([docker, "compose", "-f", str(written / "compose.yaml"), "config", "--quiet"], check=True)


# --- its life -------------------------------------------------------------------------------------------------------


def test_an_environment_of_its_own_is_made_and_removed_whole(
    engine: EngineScript, backend: Backend, clock: ManualClock
) -> None:
    order = ordered(clock)
    environment = finish(order.run, clock)
    folder = project_folder(environment, engine)
    assert (order.run.state, environment.state) == ("succeeded", "ready"), order.run.error
    assert environment.m2m_client_id == order.client_id
    assert ComposeDriver().address(environment) == "http://here.example.org:20000"
    given = (engine.folder / "given").read_text()
    assert json.loads(given)["client"]["id"] == order.client_id
    kept = [given, *(row for row in order.run.steps.values_list("log", flat=True))]
    assert not [text for text in kept if order.client_secret in text]
    assert (standing_of(environment.tenant_id), Client.objects.count()) == (Standing.GONE, 0), "no node here has it"

    run = delete_environment(PLATFORM, environment, clock=clock)
    environment = finish(run, clock)
    assert (run.state, environment.state, environment.m2m_client_id) == ("succeeded", "deleted", "")
    assert not folder.exists()
    assert engine.calls("down") == [f"compose -p {folder.name} down --volumes --remove-orphans --timeout 15"]


def test_what_never_gets_ready_fails_with_its_cause_and_leaves_nothing(
    engine: EngineScript, backend: Backend, clock: ManualClock
) -> None:
    engine.will("sick")
    order = ordered(clock)
    environment = finish(order.run, clock)
    assert (order.run.state, order.run.failure, environment.state) == ("failed", "bootstrap", "failed")
    assert "container node is unhealthy" in order.run.error
    assert len(engine.calls("up --detach --wait")) == 15
    assert len(engine.calls("down")) == 1
    assert not any((engine.folder / "projects").iterdir())


def test_each_standing_environment_has_ports_of_its_own(
    engine: EngineScript, backend: Backend, clock: ManualClock
) -> None:
    first, second = (finish(ordered(clock, name).run, clock) for name in ("a", "b"))
    assert [row.parameters["port"] for row in (first, second)] == [20000, 20002]
    finish(delete_environment(PLATFORM, first, clock=clock), clock)
    assert finish(ordered(clock, "c").run, clock).parameters["port"] == 20000


def test_a_step_that_runs_again_keeps_port_and_secrets(written: Path, clock: ManualClock) -> None:
    before = {path: path.read_bytes() for path in written.rglob("*") if path.is_file()}
    (written / "secrets" / "secret-key").unlink()
    (step,) = Provisioning.objects.get().steps.filter(name="write project")
    step.state = "failed"
    step.save()
    Saga(clock=clock).advance(step.run.pk)
    after = {path: path.read_bytes() for path in written.rglob("*") if path.is_file()}
    assert [path.name for path in before if before[path] != after[path]] == ["secret-key"]


def test_undoing_ends_a_start_that_is_still_under_way(
    engine: EngineScript, backend: Backend, clock: ManualClock
) -> None:
    engine.will("slow")
    order, saga = ordered(clock), Saga(clock=clock)
    for _ in range(3):
        assert saga.advance(order.run.pk) is Progress.MORE
    assert saga.advance(order.run.pk) is Progress.WAITING
    assert "images are fetched" in order.run.steps.get(name="wait until ready").error
    folder = project_folder(order.run.environment, engine)
    starter = psutil.Process(int((folder / "up.lock").read_text()))
    sleeping = starter.children(recursive=True)
    cancel_run(PLATFORM, order.run, clock=clock)
    assert finish(order.run, clock).state == "cancelled"
    assert not psutil.wait_procs([starter, *sleeping], timeout=5)[1]
    assert not folder.exists()


# --- inside the environment -----------------------------------------------------------------------------------------


def test_an_installation_takes_over_its_tenant_once_and_never_one_that_is_closed() -> None:
    client: dict[str, Any] = {"id": "c-1", "secret_hash": "h", "user_id": "admin", "roles": ["ROLE_M2M"]}
    for _ in range(2):
        adopt_tenant(PLATFORM, "t-1", client, schemas=PostgresSchemas())
    environment = Environment.objects.get()
    assert (environment.state, environment.m2m_client_id) == ("ready", "c-1")
    assert Client.objects.get().environment == environment
    assert standing_of("t-1") is Standing.OPEN
    Environment.objects.update(state=Environment.State.DELETING)
    with pytest.raises(Exception, match="gone here"):
        adopt_tenant(PLATFORM, "t-1", client, schemas=PostgresSchemas())
