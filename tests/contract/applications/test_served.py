"""A member in Python, rolled out through the API: it joins, computes, and does not outlive its supervisor."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.tenants.test_serve import empty_database
from tests.nodes import ROOT, NodeProcess

__all__ = ["empty_database"]
PATIENCE_SECONDS = 40.0
MEMBER = ROOT / "examples" / "first" / "member.py"
WORKFLOW = ROOT / "examples" / "first" / "workflow.json"


@pytest.fixture
def node(empty_database: str, tmp_path: Path) -> Iterator[NodeProcess]:
    environ = {"CYODA_DATABASE_URL": empty_database, "CYODA_APPLICATIONS_COMMANDS": "true"}
    with NodeProcess(tmp_path, environ) as node:
        yield node


@pytest.fixture
def supervise(node: NodeProcess, tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def supervise() -> subprocess.Popen[bytes]:
        command = [sys.executable, "manage.py", "applications"]
        with (tmp_path / "applications.log").open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=node.settings(), stdout=log, stderr=log)
        started.append(process)
        return process

    yield supervise
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_SECONDS)


def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


def until(look: Callable[[], Any], is_so: Callable[[Any], bool]) -> Any:
    """What is seen at last."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so(seen := look()):
        assert time.monotonic() < deadline, seen
        time.sleep(1.0)  # the rate limit lets one request a second pass
    return seen


def greeting(api: httpx.Client) -> str:
    (chunk,) = ok(api.post("/api/entity/JSON/person/1", json={"name": "Ada", "greeting": ""}))
    return ok(api.get(f"/api/entity/{chunk['entityIds'][0]}"))["data"]["greeting"]


def test_a_member_is_rolled_out_computes_and_ends_with_its_supervisor(
    node: NodeProcess, supervise: Callable[[], subprocess.Popen[bytes]]
) -> None:
    base, headers = node.api.removesuffix("/api"), {"Authorization": f"Bearer {node.token()}"}
    with httpx.Client(base_url=base, headers=headers, timeout=30) as api:
        ok(api.post("/api/model/import/JSON/SAMPLE_DATA/person/1", json={"name": "Ada", "greeting": "Hello!"}))
        ok(api.put("/api/model/person/1/lock"))
        ok(api.post("/api/model/person/1/workflow/import", content=WORKFLOW.read_bytes()))
        (place,) = [one["env_name"] for one in ok(api.get("/v2/envs"))]
        env = {"PYTHONPATH": f"{ROOT}/clients/python/src"}
        order = {"name": "greeter", "command": [sys.executable, str(MEMBER)], "env": env}
        supervisor = supervise()
        ok(api.post(f"/v2/envs/{place}/rollouts", json=order))
        until(lambda: ok(api.get(f"/v2/envs/{place}/members")), lambda seen: len(seen) == 1)
        assert greeting(api) == "Hello, Ada!"
        (pid,) = children(supervisor.pid)
        supervise()  # it waits for the first to go
        supervisor.kill()
        supervisor.wait()
        until(lambda: Path(f"/proc/{pid}").exists(), lambda exists: not exists)
        until(lambda: ok(api.get(f"/v2/envs/{place}/members")), lambda seen: len(seen) == 1)
        assert greeting(api) == "Hello, Ada!"
        ok(api.post(f"/v2/envs/{place}/apps/greeter:stop"))
        until(lambda: ok(api.get(f"/v2/envs/{place}/rollouts/greeter"))["state"], lambda seen: seen == "stopped")
        until(lambda: ok(api.get(f"/v2/envs/{place}/members")), lambda seen: seen == [])


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in listed if os.getpgid(int(child)) == int(child)]
