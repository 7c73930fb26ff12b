"""What the embedded servers share: one folder, one lock, a port and a password that outlive restarts."""

from __future__ import annotations

import secrets
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from cyoda.embedded.home import EmbeddedError, Home, free_port, is_free
from cyoda.embedded.processes import tail, wait_until_left


class EmbeddedServer(ABC):
    """A server below CYODA_HOME; start and stop it from the main thread."""

    name: ClassVar[str]
    label: ClassVar[str]
    start_patience_s: ClassVar[float] = 120.0

    def __init__(self, home: Path) -> None:
        self.home = Home(home)
        self.process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self.password = ""
        self._lock = self.home.lock(self.name)

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect, password included."""

    @abstractmethod
    def _launch(self) -> subprocess.Popen[bytes]: ...

    @abstractmethod
    def _is_ready(self) -> bool: ...

    @abstractmethod
    def _terminate(self, process: subprocess.Popen[bytes]) -> None: ...

    @property
    def folder(self) -> Path:
        return self.home.path / self.name

    def start(self) -> str:
        """Start the server and wait until it answers; returns its URL.

        Raises EmbeddedError: the folder is in use by another process, or the server does not come up.
        """
        self.home.prepare()
        self._lock.take(f"{self.label} of {self.home.path} is already run by another process: stop that one first.")
        try:
            self.home.folder(self.name)
            wait_until_left(self.folder, self.label)
            self._choose_port()
            self.process = self._launch()
            self._wait_until_ready(self.process)
            self._remember()
        except BaseException:
            self.stop()
            raise
        return self.url

    def stop(self) -> None:
        """Stop the server, keeping its data; harmless when it does not run."""
        if self.process is not None:
            self._terminate(self.process)
            self.process = None
        self._lock.release()

    def _choose_port(self) -> None:
        kept = self.home.remembered(self.name)
        self.password = kept.get("password") or secrets.token_hex(24)
        port = kept.get("port", 0)
        self.port = port if port and is_free(port) else free_port()
        self._remember()

    def _remember(self) -> None:
        self.home.remember(self.name, {"port": self.port, "password": self.password, "url": self.url})

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.start_patience_s
        while not self._is_ready():
            if process.poll() is not None:
                raise EmbeddedError(f"{self.label} did not start:\n{tail(self.home.log_path(self.name))}")
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{self.label} does not answer after {self.start_patience_s:.0f} s.")
            time.sleep(0.01)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
