"""A whole installation for tests: `manage.py up` or `dev` as a process, on free ports, in a temporary folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil

from cyoda.embedded.home import free_port

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60


class Up:
    """Started by `start`; its output is collected, its processes end with it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.output = home.with_name(f"{home.name}-output")
        self.ports = {name: free_port() for name in ("CYODA_HTTP_PORT", "CYODA_GRPC_PORT", "CYODA_ADMIN_PORT")}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CYODA_")}
        self.environ = clean | {name: str(port) for name, port in self.ports.items()} | {"CYODA_HOME": str(home)}
        self.api = f"http://127.0.0.1:{self.ports['CYODA_HTTP_PORT']}/api"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *command: str) -> str:
        """Returns what it printed when it is up."""
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", *(command or ("up", "--without-story"))],
                cwd=ROOT,
                env=self.environ,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self.until("Ctrl-C stops everything")

    def until(self, text: str) -> str:
        """Wait until a text has been printed; returns all that was."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in (printed := self.output.read_text()):
            assert self.process
            assert self.process.poll() is None, f"it ended early:\n{printed}"
            assert time.monotonic() < deadline, f"{text!r} is not printed:\n{printed}"
            time.sleep(0.02)
        return printed

    def end(self, number: signal.Signals) -> int:
        """Send a signal, wait for the end and for that of everything it started; returns the exit code."""
        assert self.process
        started = psutil.Process(self.process.pid).children(recursive=True)
        assert len(started) >= 5
        self.process.send_signal(number)
        self.process.wait(PATIENCE_S)
        _, alive = psutil.wait_procs(started, timeout=5)
        assert not alive
        return self.process.returncode

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def secret(self) -> str:
        return (self.home / "secrets" / "bootstrap-client-secret").read_text()

    def token(self) -> str:
        answer = httpx.post(
            f"{self.api}/oauth/token", auth=("demo", self.secret()), data={"grant_type": "client_credentials"}
        )
        assert answer.status_code == 200
        return answer.json()["access_token"]
