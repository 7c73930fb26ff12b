"""The folder of an installation on one machine (CYODA_HOME): generated secrets, ports, data, logs, locks."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

_MARK = "cyoda-home"


class EmbeddedError(Exception):
    """An embedded service cannot run; the text is a sentence for the person at the terminal."""


class Lock:
    """Held by at most one process for one purpose; the kernel releases it however the holder ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self, refusal: str) -> None:
        """Raises EmbeddedError with `refusal` while another holder lives."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise EmbeddedError(refusal) from None
        self._descriptor = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


class Home:
    """Paths and small kept values below one folder, readable by its owner only."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()

    def prepare(self) -> None:
        """Make the folder; a folder with other things in it is refused.

        Raises EmbeddedError.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_ours and any(self.path.iterdir()):
                raise EmbeddedError(f"{self.path} has other files in it: set CYODA_HOME to an empty or new folder.")
            (self.path / _MARK).touch(mode=0o600)
            self.folder("logs")
            self.folder("secrets")
        except OSError as error:
            raise EmbeddedError(f"{self.path} cannot be used as CYODA_HOME: {error.strerror}.") from None

    def folder(self, name: str) -> Path:
        folder = self.path / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def lock(self, name: str) -> Lock:
        return Lock(self.path / f"{name}.lock")

    def log_path(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def secret_path(self, name: str, make: Callable[[], str]) -> Path:
        """The file of a secret that is made once and kept."""
        path = self.path / "secrets" / name
        if not path.exists():
            write_private(path, make())
        return path

    def remembered(self, name: str) -> dict[str, Any]:
        """What `remember` kept under this name; empty when nothing was."""
        path = self.path / "secrets" / f"{name}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def remember(self, name: str, values: dict[str, Any]) -> None:
        write_private(self.path / "secrets" / f"{name}.json", json.dumps(values))

    @property
    def database_url(self) -> str | None:
        """Where this folder's PostgreSQL listens, or listened last; None before its first start or without access."""
        return self._remembered_url("postgres")

    @property
    def broker_url(self) -> str | None:
        """The same for Valkey."""
        return self._remembered_url("valkey")

    def _remembered_url(self, server: str) -> str | None:
        try:
            return self.remembered(server).get("url")
        except PermissionError:
            return None

    def remove(self) -> None:
        """Delete everything, unless a process still uses it.

        Raises EmbeddedError.
        """
        if not self.path.exists():
            return
        if not self._is_ours:
            raise EmbeddedError(f"{self.path} was not made by this program and is left as it is.")
        for name in ("up", "postgres", "valkey"):
            self.lock(name).take(f"{self.path} is in use: stop `make up` (or `manage.py serve`) first.")
        shutil.rmtree(self.path)

    @property
    def _is_ours(self) -> bool:
        return (self.path / _MARK).exists()


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads; whole or not at all."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def is_free(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a listener could be opened now."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """A port of the loopback address that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
