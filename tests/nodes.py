"""A real node for tests: `manage.py serve` as a process, from the environment alone, killed at the end."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ROOT = Path(__file__).resolve().parents[1]
START_SECONDS = 60
CLIENT_ID = "tests"
CLIENT_SECRET = "a secret that only the tests know"
TENANT = "acceptance"


def signing_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class NodeProcess:
    """One node in jwt mode on free loopback ports; `environ` adds to or overrides its settings."""

    home: Path
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    key: str = field(default_factory=signing_key)
    http_port: int = field(default_factory=free_port)
    grpc_port: int = field(default_factory=free_port)
    admin_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.http_port}/api"

    @property
    def grpc(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def log(self) -> Path:
        return self.home / f"node-{self.http_port}.log"

    def settings(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("CYODA_")}
        return (
            kept
            | {
                "CYODA_HOME": str(self.home / "cyoda"),
                "CYODA_IAM_MODE": "jwt",
                "CYODA_JWT_SIGNING_KEY": self.key,
                "CYODA_BOOTSTRAP_CLIENT_ID": CLIENT_ID,
                "CYODA_BOOTSTRAP_CLIENT_SECRET": CLIENT_SECRET,
                "CYODA_BOOTSTRAP_TENANT_ID": TENANT,
                "CYODA_HTTP_PORT": str(self.http_port),
                "CYODA_GRPC_PORT": str(self.grpc_port),
                "CYODA_ADMIN_PORT": str(self.admin_port),
                "CYODA_HTTP_BIND_ADDRESS": "127.0.0.1",
                "CYODA_GRPC_BIND_ADDRESS": "127.0.0.1",
            }
            | dict(self.environ)
        )

    def start(self) -> NodeProcess:
        """Start and wait until it answers. Raises RuntimeError with the end of its log."""
        self.home.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "serve"], cwd=ROOT, env=self.settings(), stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the node did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(0.05)
        return self

    def answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.api}/health", timeout=2) as response:
                return response.status == 200
        except OSError:
            return False

    def stop(self) -> int:
        """Ask it to stop; returns its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def __enter__(self) -> NodeProcess:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()

    def token(self) -> str:
        credentials = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        request = urllib.request.Request(
            f"{self.api}/oauth/token", data=b"grant_type=client_credentials",
            headers={"Authorization": f"Basic {credentials}"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=10) as response:
            body: dict[str, Any] = json.load(response)
        return str(body["access_token"])
