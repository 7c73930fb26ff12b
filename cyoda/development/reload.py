"""The member of a folder while its code changes: the new one joins, then the old one finishes its work and leaves."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cyoda.development.command import MemberCommand
from cyoda.development.output import Screen
from cyoda.embedded.processes import signal_group, spawn_heard, stop

Connected = Callable[[], frozenset[str] | None]
"""The ids of the members that are connected now; None while nobody can tell."""


@dataclass(slots=True, eq=False)
class _Run:
    """One process of the member; `known` are the members that were connected before it."""

    number: int
    process: subprocess.Popen[bytes]
    known: frozenset[str]
    hint_at: float | None
    kill_at: float = 0.0

    @property
    def name(self) -> str:
        return f"member {self.number}"


@dataclass(slots=True)
class Reloader:
    """At most one member serves, one is starting, and any number finish their work; use it from the main thread."""

    command: MemberCommand
    connected: Connected
    screen: Screen
    restart_pause_s: float = 2.0
    drain_patience_s: float = 60.0
    join_hint_s: float = 10.0
    give_up_s: float = 3.0
    _serving: _Run | None = None
    _starting: _Run | None = None
    _leaving: list[_Run] = field(default_factory=list[_Run])
    _start_at: float | None = 0.0
    _started: int = 0

    def code_changed(self) -> None:
        """Start the member anew; one that has not joined yet is given up."""
        if self._starting is not None:
            self._give_up(self._starting)
            self._starting = None
        self._start_at = 0.0

    def look(self) -> None:
        """See once to every process; call it several times a second."""
        for run in list(self._leaving):
            self._see_off(run)
        if self._starting is not None:
            self._await_join(self._starting)
        if self._serving is not None and self._serving.process.poll() is not None:
            self._lose(self._serving)
        if self._start_at is not None and time.monotonic() >= self._start_at:
            self._start()

    def stop(self) -> None:
        """Let every process finish its work, and wait for them."""
        runs = [run for run in (self._serving, self._starting, *self._leaving) if run is not None]
        if any(run.process.poll() is None for run in runs):
            self.screen.say("The member finishes its work.")
        for run in runs:
            signal_group(run.process, signal.SIGTERM)
        for run in runs:
            stop(run.process, signal.SIGTERM, patience_s=self.drain_patience_s)

    def _start(self) -> None:
        known = self.connected()
        if known is None:
            return
        self._start_at = None
        self._started += 1
        heard = self.screen.voice(f"member {self._started}", self._started)
        process = spawn_heard(self.command.line, env=self.command.environ, cwd=self.command.folder, heard=heard)
        self._starting = _Run(self._started, process, known, hint_at=time.monotonic() + self.join_hint_s)

    def _await_join(self, run: _Run) -> None:
        code = run.process.poll()
        if code is not None:
            self._starting = None
            others = f" {self._serving.name} goes on." if self._serving else ""
            self.screen.say(f"{run.name} ended with code {code} before it joined.{others} The next change tries again.")
        elif (self.connected() or frozenset()) - run.known:
            self._starting, old = None, self._serving
            self._serving = run
            if old is None:
                self.screen.say(f"{run.name} has joined.")
            else:
                self.screen.say(f"{run.name} has joined; {old.name} finishes its work.")
                self._dismiss(old)
        elif run.hint_at is not None and time.monotonic() >= run.hint_at:
            run.hint_at = None
            self.screen.say(f"{run.name} has not joined yet: does it connect to CYODA_GRPC_TARGET?")

    def _give_up(self, run: _Run) -> None:
        """Wait for the end: a member that joined late would be taken for the next one."""
        signal_group(run.process, signal.SIGTERM)
        stop(run.process, signal.SIGTERM, patience_s=self.give_up_s)
        self.screen.say(f"{run.name} is given up.")

    def _dismiss(self, run: _Run) -> None:
        signal_group(run.process, signal.SIGTERM)
        run.kill_at = time.monotonic() + self.drain_patience_s
        self._leaving.append(run)

    def _see_off(self, run: _Run) -> None:
        if run.process.poll() is not None:
            self._leaving.remove(run)
            self.screen.say(f"{run.name} has left.")
        elif time.monotonic() >= run.kill_at:
            self.screen.say(f"{run.name} has not left after {self.drain_patience_s:.0f} s and is killed.")
            signal_group(run.process, signal.SIGKILL)
            run.process.wait()

    def _lose(self, run: _Run) -> None:
        self._serving = None
        self.screen.say(f"{run.name} has ended with code {run.process.returncode}.")
        if self._starting is None and self._start_at is None:
            self.screen.say("It is started again.")
            self._start_at = time.monotonic() + self.restart_pause_s
