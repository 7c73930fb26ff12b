"""The supervisor with real processes: what shall run, runs; what shall not, ends."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tenants.applications import lines, supervisor
from tenants.applications.supervisor import Supervisor, left_over
from tenants.models import Application, ApplicationProcess, Environment, LogLine, Organisation
from tenants.services import applications
from tenants.services.applications import Spec
from tenants.services.audit import PLATFORM
from tenants.services.logs import log_page

pytestmark = pytest.mark.django_db
PATIENCE_SECONDS = 20.0
SLEEPER = "import os, sys, time; print('hello', os.environ['GREETING'], flush=True); time.sleep(600)"


@pytest.fixture
def running(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(supervisor, "SETTLED_SECONDS", 0.1)
    conf = replace(settings.CONF, applications=replace(settings.CONF.applications, commands=True))
    conf = replace(conf, iam=replace(conf.iam, encryption_keys=("a key of the tests",)))
    settings.CONF = replace(conf, platform=replace(conf.platform, home=tmp_path))
    running = Supervisor(settings.CONF)
    yield running
    running.stop()


@pytest.fixture
def place() -> Environment:
    organisation = Organisation.objects.create(name="Acme")
    place = Environment.of_tenant("acme", organisation=organisation, state=Environment.State.READY)
    place.save()
    return place


def sleeper(place: Environment, code: str = SLEEPER, **values: Any) -> Application:
    spec = Spec(name="worker", command=[sys.executable, "-c", code], env={"GREETING": "you"}, **values)
    return applications.create(PLATFORM, place, spec)


def until(running: Supervisor, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, list(ApplicationProcess.objects.values())
        running.look()
        time.sleep(0.02)


def state(row: Application) -> applications.Status:
    return applications.status(Application.objects.get(pk=row.pk))


def pids() -> list[int | None]:
    return list(ApplicationProcess.objects.order_by("replica").values_list("pid", flat=True))


def alive(pid: int | None) -> bool:
    return pid is not None and Path(f"/proc/{pid}").exists()


def test_replicas_start_come_back_are_replaced_and_stop(running: Supervisor, place: Environment) -> None:
    row = sleeper(place)
    until(running, lambda: state(row).state == "running")
    until(running, lambda: LogLine.objects.filter(text="hello you").exists())
    applications.scale(PLATFORM, row, 2)
    until(running, lambda: state(row).ready == 2)
    (first, second) = pids()
    assert first is not None
    os.kill(first, signal.SIGKILL)
    until(running, lambda: state(row).state == "waiting")
    assert "SIGKILL" in state(row).message
    until(running, lambda: state(row).ready == 2)
    assert first not in pids()
    assert second in pids()
    before = pids()
    applications.restart(PLATFORM, row)
    fewest = 2

    def is_replaced() -> bool:
        nonlocal fewest
        fewest = min(fewest, sum(map(alive, pids())))
        return state(row).ready == 2

    until(running, is_replaced)
    assert not set(before) & set(pids())
    assert fewest >= 1, "one after the other"
    last = pids()
    applications.stop(PLATFORM, row)
    until(running, lambda: state(row).state == "stopped")
    assert not any(map(alive, last))


def test_a_program_is_given_its_own_variables_and_none_of_the_platform(
    running: Supervisor, place: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CYODA_DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("SOMETHING", "else")
    row = sleeper(place, "import os, time; print(sorted(os.environ), flush=True); time.sleep(600)", tags=["a"])
    until(running, LogLine.objects.exists)
    names = eval(LogLine.objects.get().text)
    given = {"API_URL", "APPLICATION_ID", "CLIENT_ID", "CLIENT_SECRET", "GRPC_TARGET", "MEMBER_TAGS"}
    assert set(names) - {"LC_CTYPE"} == {"PATH", "HOME", "LANG", "GREETING", *(f"CYODA_{name}" for name in given)}
    assert applications.client_secret_of(row) not in str(list(LogLine.objects.values()))


def test_lines_tell_their_stream(running: Supervisor, place: Environment) -> None:
    sleeper(place, "import os, time; os.write(1, b'said\\n'); os.write(2, b'warned\\n'); time.sleep(600)")
    until(running, lambda: LogLine.objects.count() == 2)
    assert dict(LogLine.objects.values_list("text", "stream")) == {"said": "stdout", "warned": "stderr"}
    shown = {(line.text, line.stream) for line in log_page(place, "", 10).lines if line.replica is not None}
    assert shown == {("said", "stdout"), ("warned", "stderr")}


def test_what_a_program_leaves_behind_ends_with_it(running: Supervisor, place: Environment) -> None:
    code = "import subprocess; print(subprocess.Popen(['sleep', '600']).pid, flush=True); raise SystemExit(3)"
    row = sleeper(place, code)
    until(running, LogLine.objects.exists)
    until(running, lambda: state(row).state == "waiting")
    child = int(LogLine.objects.earliest("pk").text)
    assert not alive(child) or Path(f"/proc/{child}/stat").read_text().split()[2] == "Z"


def test_an_application_ends_with_its_row_and_with_its_environment(running: Supervisor, place: Environment) -> None:
    row = sleeper(place)
    until(running, lambda: state(row).state == "running")
    (pid,) = pids()
    Environment.objects.update(state=Environment.State.DELETING)
    until(running, lambda: not alive(pid))
    Environment.objects.update(state=Environment.State.READY)
    until(running, lambda: state(row).state == "running")
    (pid,) = pids()
    applications.remove(PLATFORM, row)
    until(running, lambda: not alive(pid))


def test_what_cannot_run_says_why(
    running: Supervisor, place: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    row = applications.create(PLATFORM, place, Spec(name="boxed", image="worker:1"))
    until(running, lambda: state(row).state == "failed")
    assert "docker or podman" in state(row).message
    command = applications.create(PLATFORM, place, Spec(name="typo", command=["no-such-program"]))
    until(running, lambda: state(command).state == "failed")
    assert "no-such-program" in state(command).message


def test_an_image_runs_in_a_container_that_is_given_its_variables_by_a_file(
    running: Supervisor, place: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stand-in for docker that says how it was called; the variables of others could steer the real one."""
    docker = tmp_path / "docker"
    docker.write_text(
        f"""#!/bin/sh
        echo "$@ at $DOCKER_HOST" >> {tmp_path}/calls
        [ $1 = rm ] && exit
        while [ $1 != --env-file ]; do shift; done
        stat -c %a $2 > {tmp_path}/mode; cp $2 {tmp_path}/variables; env > {tmp_path}/environment
        exec sleep 600
        """
    )
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    env = {"TOKEN": "mine", "DOCKER_HOST": "tcp://elsewhere:1", "LD_PRELOAD": "/x.so"}
    row = applications.create(PLATFORM, place, Spec(name="boxed", image="worker:1", env=env))
    until(running, lambda: state(row).state == "running" and (tmp_path / "environment").exists())
    given = dict(line.split("=", 1) for line in (tmp_path / "variables").read_text().splitlines())
    assert given.items() >= env.items()
    assert given["CYODA_API_URL"].startswith("http://host.docker.internal:")
    assert (tmp_path / "mode").read_text() == "600\n"
    own = (tmp_path / "environment").read_text()
    secret = applications.client_secret_of(row)
    assert all(text not in own for text in (*env, *env.values(), secret))
    assert given["CYODA_CLIENT_SECRET"] == secret
    applications.stop(PLATFORM, row)
    until(running, lambda: state(row).state == "stopped")
    run, removal = (tmp_path / "calls").read_text().splitlines()
    assert run.endswith("worker:1 at ")
    assert secret not in run
    assert removal.startswith(f"rm --force cyoda-{row.pk}-0 ")
    assert not list(tmp_path.rglob("variables-*"))


def test_a_variable_of_several_lines_cannot_be_given_to_a_container(
    running: Supervisor, place: Environment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexec sleep 600\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    row = applications.create(PLATFORM, place, Spec(name="boxed", image="worker:1", env={"KEY": "a\nDOCKER_HOST=b"}))
    until(running, lambda: state(row).state == "failed")
    assert "KEY" in state(row).message


def test_only_the_newest_lines_are_kept(
    running: Supervisor, place: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "KEPT_LINES", 50)
    monkeypatch.setattr(lines, "TRIM_EVERY", 10)
    sleeper(place, "import time; print(*range(200), sep='\\n', flush=True); time.sleep(600)")
    until(running, lambda: LogLine.objects.filter(text="199").exists())
    assert list(LogLine.objects.values_list("text", flat=True)) == [str(n) for n in range(150, 200)]


def test_what_a_killed_supervisor_left_is_found_by_its_mark(running: Supervisor, place: Environment) -> None:
    row = sleeper(place)
    until(running, lambda: state(row).state == "running")
    assert list(left_over({str(row.pk)})) == pids()
    assert list(left_over({"another"})) == []
