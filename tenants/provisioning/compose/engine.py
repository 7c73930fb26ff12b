"""Docker or Podman, asked through their command lines."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

ASK_SECONDS = 10.0
UP_SECONDS = 15
_LAST_LINES = 5


class EngineFailed(Exception):
    """The container engine could not do it; the text is the end of what it said."""


class Engine:
    """One engine (`docker`, `podman`) that is on the PATH, with its `compose` subcommand."""

    def __init__(self, program: str) -> None:
        self.program = program

    def check(self) -> Sequence[str]:
        """What keeps it from starting containers, a sentence each; the first thing hides the others."""
        if shutil.which(self.program) is None:
            return (f"{self.program} is not installed on the machine of the workers.",)
        if self._failure("compose", "version") is not None:
            return (f"{self.program} has no compose command: install its Compose plugin.",)
        failure = self._failure("info")
        return () if failure is None else (f"{self.program} does not answer: {failure}.",)

    def has_compose(self) -> bool:
        return shutil.which(self.program) is not None and self._failure("compose", "version") is None

    def validate(self, name: str, file: Path) -> None:
        """Raises EngineFailed."""
        self._run("compose", "-p", name, "-f", str(file), "config", "--quiet")

    def begin_up(self, name: str, file: Path) -> None:
        """Fetch images and start containers, in a process that outlives this one; nothing when one is at it.

        The process holds a lock on `up.lock` beside the file, where its id is.
        """
        descriptor = _locked(file.parent)
        if descriptor is None:
            return
        try:
            with (file.parent / "up.log").open("wb") as log:
                process = subprocess.Popen(
                    [self.program, "compose", "-p", name, "-f", str(file), "up", "--detach"],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=(descriptor,),
                )
            os.pwrite(descriptor, b"%d\n" % process.pid, 0)
            threading.Thread(target=process.wait, daemon=True).start()  # else it stays as a zombie
        finally:
            os.close(descriptor)

    def finish_up(self, name: str, file: Path) -> None:
        """Return when everything runs and is healthy. Raises EngineFailed when it is not so yet."""
        descriptor = _locked(file.parent)
        if descriptor is None:
            raise EngineFailed("images are fetched, or containers started")
        up = ("up", "--detach", "--wait", "--wait-timeout", str(UP_SECONDS - 5))
        try:
            self._run("compose", "-p", name, "-f", str(file), *up, seconds=UP_SECONDS, kept=(descriptor,))
        finally:
            os.close(descriptor)

    def down(self, name: str, folder: Path) -> None:
        """Remove containers, networks and volumes, also when the project's file is gone. Raises EngineFailed."""
        _end_up(folder)
        self._run(
            *("compose", "-p", name, "down", "--volumes", "--remove-orphans", "--timeout", "15"), seconds=40.0, cwd="/"
        )

    def execute(self, name: str, service: str, command: Sequence[str], *, given: str) -> str:
        """What a command in a running container prints. Raises EngineFailed."""
        return self._run("compose", "-p", name, "exec", "-T", service, *command, given=given, seconds=30.0)

    def _failure(self, *arguments: str) -> str | None:
        try:
            self._run(*arguments)
        except EngineFailed as failure:
            return str(failure)
        return None

    def _run(
        self,
        *arguments: str,
        seconds: float = ASK_SECONDS,
        given: str = "",
        cwd: str | None = None,
        kept: tuple[int, ...] = (),
    ) -> str:
        """`kept` are open files that the program holds, too."""
        command = [self.program, *arguments]
        try:
            done = subprocess.run(
                command, input=given, capture_output=True, text=True, timeout=seconds, cwd=cwd, pass_fds=kept
            )
        except subprocess.TimeoutExpired:
            raise EngineFailed(f"no end within {seconds:g} s") from None
        except OSError as error:
            raise EngineFailed(f"{self.program}: {error.strerror}") from None
        if done.returncode:
            raise EngineFailed(_end_of(done.stderr or done.stdout) or f"it ended with {done.returncode}")
        return done.stdout


def _locked(folder: Path) -> int | None:
    """The open lock file, emptied, or None while a process that begins the project holds it."""
    descriptor = os.open(folder / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    os.ftruncate(descriptor, 0)
    return descriptor


def _end_up(folder: Path) -> None:
    """End the process that begins the project, if one does: what it still started would stay.

    Raises EngineFailed while another one holds the lock for a moment.
    """
    if not folder.exists():
        return
    descriptor = _locked(folder)
    if descriptor is not None:
        os.close(descriptor)
        return
    with closing((folder / "up.lock").open()) as lock:
        holder = lock.read().strip()
    if not holder:
        raise EngineFailed("containers are being started")
    try:
        os.killpg(int(holder), signal.SIGKILL)
    except ProcessLookupError:
        return


def _end_of(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines()[-_LAST_LINES:] if line.strip()).rstrip(".")
