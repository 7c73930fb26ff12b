"""The node under measurement, and what its processes cost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cyoda.embedded import Home
from tests.nodes import ROOT, START_SECONDS, NodeProcess

_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_POLL_S = 0.005
_SAMPLED_EVERY_S = 0.02


@dataclass
class BenchNode(NodeProcess):
    """A node whose start is timed; `command` starts it (a profiler may stand in front)."""

    command: tuple[str, ...] = (sys.executable, "manage.py", "serve")
    start_s: float = 0.0

    def start(self) -> BenchNode:
        """Start it and note the seconds to the first healthy answer. Raises RuntimeError with the end of its log."""
        self.home.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.settings(), stdout=log, stderr=log, start_new_session=True
            )
        while not self.answers():
            if self.process.poll() is not None or time.perf_counter() - started > START_SECONDS:
                self.kill()
                raise RuntimeError(f"the node did not start:\n{self.log.read_text()[-3000:]}")
            time.sleep(_POLL_S)
        self.start_s = time.perf_counter() - started
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def database_url(self) -> str:
        """Where the node's embedded PostgreSQL listens."""
        return str(Home(self.home / "cyoda").remembered("postgres")["url"])

    def postmaster(self) -> int | None:
        try:
            return int((self.home / "cyoda" / "postgres" / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError):
            return None


def resident_mb(pid: int) -> float:
    """Resident memory of one process in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(pid)


@contextmanager
def watched(pid: int) -> Generator[list[float]]:
    """The resident memory of a process, sampled while the block runs."""
    samples, over = [resident_mb(pid)], threading.Event()

    def sample() -> None:
        while not over.wait(_SAMPLED_EVERY_S):
            samples.append(resident_mb(pid))

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield samples
    finally:
        over.set()
        thread.join()


@dataclass(frozen=True)
class Memory:
    """Resident MiB of the node: before, at most while it answered, and after."""

    name: str
    before_mb: float
    most_mb: float
    after_mb: float

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.before_mb:.0f} MB before, {self.most_mb:.0f} MB at most, {self.after_mb:.0f} MB after"
        )


@dataclass(frozen=True)
class Cpu:
    """Processor seconds since start, of the node and of all of PostgreSQL."""

    node_s: float
    postgres_s: float

    def __sub__(self, earlier: Cpu) -> Cpu:
        return Cpu(self.node_s - earlier.node_s, self.postgres_s - earlier.postgres_s)


def cpu_of(node_pid: int | None, postmaster: int | None) -> Cpu:
    """Zero for what does not run."""
    node = _cpu_s(node_pid)[0] if node_pid else 0.0
    if postmaster is None:
        return Cpu(node, 0.0)
    own, reaped = _cpu_s(postmaster)
    children = sum(_cpu_s(child)[0] for child in _children(postmaster))
    return Cpu(node, own + reaped + children)


def _stat(pid: int) -> list[str]:
    """The fields after the command's name; none when the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _cpu_s(pid: int) -> tuple[float, float]:
    """Seconds used by a process, and by its children that have ended."""
    fields = _stat(pid)
    if not fields:
        return 0.0, 0.0
    used, system, reaped, reaped_system = (int(field) / _TICKS_A_SECOND for field in fields[11:15])
    return used + system, reaped + reaped_system


def _children(parent: int) -> list[int]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if (fields := _stat(pid)) and int(fields[1]) == parent]
