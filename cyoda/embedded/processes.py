"""Starting, finding and ending server processes on Linux."""

from __future__ import annotations

import os
import pwd
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

from cyoda.embedded import launch
from cyoda.embedded.home import EmbeddedError

_LAUNCHER = [sys.executable, "-I", "-S", launch.__file__]
_LOG_LIMIT_BYTES = 10_000_000


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    death_signal: signal.Signals = signal.SIGKILL,
    identity: str = "same",
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
) -> subprocess.Popen[bytes]:
    """Start a server that ends when the calling process does; its output is appended to `log`.

    A log that has grown large is set aside first (one old log is kept). The server gets a process group of its
    own, so Ctrl-C reaches only the caller, who stops its servers in order.
    Raises EmbeddedError when the caller's thread could end before its process: the kernel watches the thread.
    """
    require_main_thread()
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "ab") as output:
        return _started(launched(command, death_signal, identity), output, env=env, cwd=cwd, stdin=stdin)


def spawn_heard(
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    heard: Callable[[str], None],
    errors: Callable[[str], None] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program as `spawn` does; each line that it writes is given to `heard`, in a thread of its own.

    With `errors` those of its standard error are given to that, in another thread.
    """
    require_main_thread()
    stderr = subprocess.STDOUT if errors is None else subprocess.PIPE
    process = _started(launched(command, signal.SIGKILL, "same"), subprocess.PIPE, env=env, cwd=cwd, stderr=stderr)
    for stream, listener in ((process.stdout, heard), (process.stderr, errors)):
        if stream is not None and listener is not None:
            threading.Thread(target=_pass_on, args=(stream, listener), daemon=True).start()
    return process


def _pass_on(stream: IO[bytes], heard: Callable[[str], None]) -> None:
    with stream:
        for line in stream:
            heard(line.decode("utf-8", errors="replace").rstrip("\r\n"))


def require_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise EmbeddedError("Servers must be started from the main thread: they end with the thread that starts them.")


def _started(
    command: Sequence[str],
    output: int | IO[bytes],
    *,
    env: Mapping[str, str] | None,
    cwd: Path | None,
    stdin: int | IO[bytes] = subprocess.DEVNULL,
    stderr: int = subprocess.STDOUT,
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        stdin=stdin,
        stdout=output,
        stderr=stderr,
        env=dict(env) if env is not None else None,
        cwd=cwd,
        process_group=0,
    )


def launched(command: Sequence[str], death_signal: signal.Signals, identity: str) -> list[str]:
    """The command line that runs `command` through the launcher."""
    return [*_LAUNCHER, str(os.getpid()), str(int(death_signal)), identity, *command]


def signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a started process and to what it has started; harmless when it has ended."""
    if process.poll() is None:
        os.killpg(process.pid, number)


def stop(process: subprocess.Popen[bytes], *signals: signal.Signals, patience_s: float = 30.0) -> None:
    """Send one signal after the other, waiting `patience_s` for the end after each; the last resort is SIGKILL."""
    for number in (*signals, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(number)
        try:
            process.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue


def server_identity() -> str:
    """How to run a program that refuses to be root: as the caller, in a user namespace, or as another user."""
    known = {entry.pw_uid for entry in pwd.getpwall()}
    if os.geteuid() != 0 and os.geteuid() in known:
        return "same"
    uid = 65534 if 65534 in known else next((uid for uid in sorted(known) if uid), 65534)
    if namespaces_allowed(uid):
        return f"namespace:{uid}"
    if os.geteuid() == 0:
        return f"user:{uid}"
    return "same"


def namespaces_allowed(uid: int) -> bool:
    probe = launched([sys.executable, "-I", "-S", "-c", ""], signal.SIGKILL, f"namespace:{uid}")
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def hand_over(folder: Path, identity: str) -> None:
    """Give a folder and what is in it to the user that the identity's files belong to."""
    kind, _, uid = identity.partition(":")
    owner = int(uid) if kind == "user" else os.geteuid()
    if folder.stat().st_uid == owner:
        return
    for path in [folder, *folder.rglob("*")]:
        os.chown(path, owner, owner, follow_symlinks=False)


def working_in(folder: Path) -> list[int]:
    """Ids of the processes whose working folder this is: a server's, whatever its pid file says."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "cwd").readlink() == folder:
                found.append(int(entry.name))
        except OSError:
            continue  # another user's process, or one that just ended
    return found


def wait_until_left(folder: Path, name: str, patience_s: float = 15.0) -> None:
    """Wait for the servers of a killed launcher to end.

    Raises EmbeddedError when they do not.
    """
    deadline = time.monotonic() + patience_s
    while left := working_in(folder):
        if time.monotonic() > deadline:
            raise EmbeddedError(f"{name} still runs in {folder} (process {left[0]}): stop it first.")
        time.sleep(0.05)


def tail(log: Path, lines: int = 12) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
