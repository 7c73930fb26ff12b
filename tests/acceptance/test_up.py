"""`make up` as a person runs it: from an empty folder to a call, killed, started again, stopped, removed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from cyoda.embedded.home import free_port

ROOT = Path(__file__).parents[2]
START_PATIENCE_S = 60
SECOND_START_S = 5.0


class Up:
    """`manage.py up` in a process of its own, on free ports, in a temporary folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.ports = {name: free_port() for name in ("CYODA_HTTP_PORT", "CYODA_GRPC_PORT", "CYODA_ADMIN_PORT")}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CYODA_")}
        self.environ = clean | {name: str(port) for name, port in self.ports.items()} | {"CYODA_HOME": str(home)}
        self.api = f"http://127.0.0.1:{self.ports['CYODA_HTTP_PORT']}/api"
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> str:
        """Returns what it printed up to its last line."""
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--without-story"],
            cwd=ROOT,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self.process.stdout
        printed = ""
        for line in self.process.stdout:
            printed += line
            if "Ctrl-C stops everything" in line:
                return printed
        raise AssertionError(f"up ended early:\n{printed}")

    def end(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end and for that of everything it started; returns the exit code."""
        assert self.process
        started = psutil.Process(self.process.pid).children(recursive=True)
        assert len(started) >= 5
        self.process.send_signal(number)
        self.process.communicate(timeout=60)
        _, alive = psutil.wait_procs(started, timeout=5)
        assert not alive
        return self.process.returncode

    def token(self) -> str:
        secret = (self.home / "secrets" / "bootstrap-client-secret").read_text()
        answer = httpx.post(f"{self.api}/oauth/token", auth=("demo", secret), data={"grant_type": "client_credentials"})
        assert answer.status_code == 200
        return answer.json()["access_token"]


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    up = Up(tmp_path / "home")
    yield up
    if up.process is not None and up.process.poll() is None:
        up.process.kill()
        up.process.communicate()


def test_a_killed_start_leaves_nothing_running_and_the_second_start_is_quick_and_has_the_data(up: Up) -> None:
    printed = up.start()
    assert up.api in printed
    client = httpx.Client(base_url=up.api, headers={"Authorization": f"Bearer {up.token()}"})
    with client:
        assert client.post("/model/import/JSON/SAMPLE_DATA/note/1", json={"title": "first"}).status_code == 200
    assert up.end(signal.SIGKILL) == -signal.SIGKILL

    began = time.monotonic()
    up.start()
    assert time.monotonic() - began < SECOND_START_S
    with httpx.Client(base_url=up.api, headers={"Authorization": f"Bearer {up.token()}"}) as client:
        assert [model["modelName"] for model in client.get("/model/").json()] == ["note"]
    assert up.end(signal.SIGINT) == 0


def test_the_printed_login_is_an_owner_of_the_demo(up: Up) -> None:
    up.start()
    password = (up.home / "secrets" / "admin-password").read_text()
    login = httpx.post(f"{up.api}/auth/login", json={"username": "admin", "password": password})
    assert (login.status_code, login.json()["legalEntityId"]) == (200, "demo")
    caller = {"Authorization": f"Bearer {login.json()['token']}"}
    account = httpx.get(f"{up.api}/account", headers=caller).json()["userAccountInfo"]
    assert account["roles"] == [{"id": "ROLE_OWNER"}]
    assert up.end(signal.SIGTERM) == 0


def test_no_secret_stands_in_arguments_or_logs(up: Up) -> None:
    up.start()
    up.token()
    assert up.process
    secrets = [file.read_text().strip() for file in (up.home / "secrets").iterdir() if file.suffix != ".json"]
    arguments = " ".join(
        " ".join(process.cmdline()) for process in psutil.Process(up.process.pid).children(recursive=True)
    )
    assert up.end(signal.SIGTERM) == 0
    logs = "".join(file.read_text() for file in (up.home / "logs").iterdir())
    for secret in secrets:
        assert secret not in arguments
        assert secret not in logs
