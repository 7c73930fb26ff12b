"""The Java member of clients/java: built with Maven from the same protocol files, it serves a workflow of a real node.

The first build fetches its parts from Maven Central into a folder that later runs use again.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.clients.conftest import LiveNode, until
from tests.contract.http.steps import model, ok, read, refused, workflow
from tests.nodes import CLIENT_ID, CLIENT_SECRET, ROOT

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cyoda-tests" / "java"
BUILD_SECONDS = 240
OLDEST_JAVA = 17


def java_version() -> int:
    """The major version of the compiler; 0 without one."""
    if shutil.which("javac") is None:
        return 0
    told = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)
    found = re.search(r"javac (\d+)", told.stdout + told.stderr)
    return int(found[1]) if found else 0


pytestmark = [
    pytest.mark.skipif(java_version() < OLDEST_JAVA, reason=f"needs a JDK {OLDEST_JAVA} (openjdk-17-jdk-headless)"),
    pytest.mark.skipif(shutil.which("mvn") is None, reason="needs Maven (maven)"),
    pytest.mark.timeout(BUILD_SECONDS + 60),
]


@pytest.fixture(scope="module")
def jar() -> Path:
    """The built member, its libraries beside it in lib/."""
    command = [
        "mvn", "-q", "-B", "-f", str(ROOT / "clients" / "java" / "pom.xml"),
        f"-Dmaven.repo.local={CACHE / 'repository'}", f"-Dbuild.folder={CACHE / 'target'}", "package",
    ]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS)
    assert built.returncode == 0, built.stdout[-3000:] + built.stderr[-3000:]
    return CACHE / "target" / "cyoda-member.jar"


@pytest.fixture
async def java_member(live: LiveNode, jar: Path, tmp_path: Path) -> AsyncIterator[None]:
    environ = os.environ | {"CYODA_CLIENT_ID": CLIENT_ID, "CYODA_CLIENT_SECRET": CLIENT_SECRET}
    said = tmp_path / "member.log"
    with said.open("w") as log:
        process = subprocess.Popen(
            ["java", "-jar", str(jar), live.settings.api, live.settings.grpc, "java"],
            env=environ, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        await until(lambda: live.members or process.poll() is not None)
        assert process.poll() is None, said.read_text()
        yield
    finally:
        process.kill()
        process.wait()


CONFIG: dict[str, Any] = {"calculationNodesTags": "java", "responseTimeoutMs": 20_000}
PRICE = {"type": "externalized", "name": "price", "executionMode": "SYNC", "config": CONFIG}
IS_LARGE = {"type": "function", "function": {"name": "isLarge", "config": CONFIG}}


async def test_a_transition_runs_the_processor_and_the_criterion_of_the_java_member(
    api: httpx.AsyncClient, java_member: None
) -> None:
    sample = {"quantity": 1, "unitPrice": 1.5, "total": 1.5}
    await model(api, sample=sample)
    states = {
        "NEW": {"transitions": [{"name": "price", "next": "PRICED", "processors": [PRICE]}]},
        "PRICED": {"transitions": [{"name": "enlarge", "next": "LARGE", "manual": True, "criterion": IS_LARGE}]},
        "LARGE": {},
    }
    await workflow(api, definition={"version": "1.3", "name": "java", "initialState": "NEW", "states": states})
    headers = {"Content-Type": "application/json"}
    body = '[{"quantity":3,"unitPrice":0.10},{"quantity":1000000,"unitPrice":1.10}]'
    (chunk,) = ok(await api.post("/entity/JSON/order/1", content=body, headers=headers))
    small, large = chunk["entityIds"]
    assert '{"quantity":3,"unitPrice":0.10,"total":0.30}' in (await api.get(f"/entity/{small}")).text
    assert '"total":1100000.00}' in (await api.get(f"/entity/{large}")).text
    refused(
        await api.put(f"/entity/JSON/{small}/enlarge", json=(await read(api, small))["data"]), 400, "WORKFLOW_FAILED"
    )
    ok(await api.put(f"/entity/JSON/{large}/enlarge", json={"quantity": 200, "unitPrice": 1, "total": 200}))
    assert (await read(api, large))["meta"]["state"] == "LARGE"


async def test_what_the_java_member_throws_fails_the_transition(api: httpx.AsyncClient, java_member: None) -> None:
    await model(api)
    states = {"NEW": {"transitions": [{"name": "price", "next": "PRICED", "processors": [PRICE]}]}, "PRICED": {}}
    await workflow(api, definition={"version": "1.3", "name": "java", "initialState": "NEW", "states": states})
    answer = await api.post("/entity/JSON/order/1", json={"amount": 1})
    refused(answer, 400, "WORKFLOW_FAILED")
    assert "processor dispatch failed: IllegalArgumentException" in answer.json()["detail"]
