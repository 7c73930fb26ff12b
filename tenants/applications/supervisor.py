"""The supervisor of applications: twice a second it compares what shall run with what does.

It holds no truth: processes end with it, and a new one starts what the rows say. One runs at a time, the one that
holds the lock; it is used from the main thread of a process of its own.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from uuid import UUID

import structlog
from django.db import connection, transaction

from cyoda.clock import Clock, system_clock
from cyoda.conf import Conf
from cyoda.embedded.processes import signal_group, spawn_heard
from tenants.applications.launching import MARK, CannotRun, Launch, launch_of, remove_containers
from tenants.applications.lines import Lines
from tenants.identity.cipher import Undecryptable
from tenants.models import Application, ApplicationProcess, Environment, LogLine, Organisation

LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 10.0
"""Between being asked to stop and being killed."""
SETTLED_SECONDS = 1.0
"""A replica that has run for so long counts as running."""
WELL_SECONDS = 60.0
"""After so long its earlier ends are forgiven."""
LONGEST_PAUSE_SECONDS = 30.0
_LOCK = 0x61707073

State = ApplicationProcess.State
Key = tuple[UUID, int]
Seen = dict[str, object]
"""Fields of an ApplicationProcess."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Replica:
    """A process, or the pause before the next one. Times are of the monotonic clock."""

    revision: int = 0
    process: subprocess.Popen[bytes] | None = None
    began: float = 0.0
    started_at: datetime | None = None
    killed_from: float | None = None
    """When it is killed, once it was asked to stop."""
    ends: int = 0
    next_at: float = 0.0
    last_exit: str = ""
    launch: Launch | None = None
    """How the process was started."""

    def state(self, now: float) -> State:
        if self.process is None:
            return State.WAITING if self.ends else State.STARTING
        if self.killed_from is not None:
            return State.STOPPING
        return State.RUNNING if now - self.began >= SETTLED_SECONDS else State.STARTING


class Supervisor:
    """`look` until `stop`. A database that does not answer ends it: whoever started it starts it again."""

    def __init__(self, conf: Conf, *, seconds: Callable[[], float] = monotonic, clock: Clock = system_clock) -> None:
        self._conf = conf
        self._seconds = seconds
        self._clock = clock
        self._lines = Lines(clock)
        self._replicas: dict[Key, Replica] = {}
        self._written: dict[Key, Seen] = {}

    @staticmethod
    def take_lock() -> bool:
        """Whether this process is the one that runs applications, for as long as its connection lives."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
            return cursor.fetchone() == (True,)

    def take_over(self) -> None:
        """End what a supervisor that was killed has left, and forget what it wrote of its processes."""
        ids = set(map(str, Application.objects.values_list("pk", flat=True)))
        for group in left_over(ids):
            with suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)
        remove_containers(self._conf.platform.home)
        ApplicationProcess.objects.all().delete()

    def look(self) -> None:
        """Once: notice ends, stop what shall not run, start what shall, write down what is seen."""
        wanted = _wanted()
        now = self._seconds()
        for key, replica in list(self._replicas.items()):
            self._notice_end(replica, now)
            if not _is_wanted(key, wanted):
                self._end(key, replica, now)
        for application in wanted.values():
            self._replace_one(application, now)
            for number in range(application.replicas):
                self._keep_running(application, number, now)
        seen = {key: self._seen(replica) for key, replica in self._replicas.items()}
        if seen == self._written and not self._lines.are_waiting:
            return
        with transaction.atomic():
            standing = set(Application.objects.select_for_update(no_key=True).values_list("pk", flat=True))
            self._write({key: fields for key, fields in seen.items() if key[0] in standing})
            self._lines.store(standing)
        self._written = seen

    def stop(self) -> None:
        """Ask everything to stop, and kill what has not when the patience is over."""
        running = [(one.process, one.launch) for one in self._replicas.values() if one.process is not None]
        for process, _ in running:
            signal_group(process, signal.SIGTERM)
        deadline = self._seconds() + PATIENCE_SECONDS
        for process, launch in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(deadline - self._seconds(), 0.0))
            signal_group(process, signal.SIGKILL)
            process.wait()
            _clear_away(process, launch)
        ApplicationProcess.objects.all().delete()

    def _notice_end(self, replica: Replica, now: float) -> None:
        process = replica.process
        if process is None:
            return
        if replica.killed_from is not None and now >= replica.killed_from:
            signal_group(process, signal.SIGKILL)
        code = process.poll()
        if code is None:
            return
        _clear_away(process, replica.launch)
        was_asked, ran = replica.killed_from is not None, now - replica.began
        replica.process, replica.killed_from, replica.started_at = None, None, None
        replica.last_exit = f"code {code}" if code >= 0 else signal.Signals(-code).name
        replica.ends = 0 if was_asked else 1 if ran >= WELL_SECONDS else replica.ends + 1
        replica.next_at = now if was_asked else now + min(2.0 ** (replica.ends - 1), LONGEST_PAUSE_SECONDS)

    def _end(self, key: Key, replica: Replica, now: float) -> None:
        if replica.process is None:
            del self._replicas[key]
        elif replica.killed_from is None:
            signal_group(replica.process, signal.SIGTERM)
            replica.killed_from = now + PATIENCE_SECONDS

    def _replace_one(self, application: Application, now: float) -> None:
        """The first replica of an earlier revision makes way, once all the others run."""
        mine = {n: one for n in range(application.replicas) if (one := self._replicas.get((application.pk, n)))}
        old = {n: one for n, one in mine.items() if one.process is not None and one.revision != application.revision}
        if not old:
            return
        first = min(old)
        others = [one for n, one in mine.items() if n != first]
        if len(mine) == application.replicas and all(one.state(now) == State.RUNNING for one in others):
            self._end((application.pk, first), old[first], now)

    def _keep_running(self, application: Application, number: int, now: float) -> None:
        replica = self._replicas.setdefault((application.pk, number), Replica())
        if replica.process is None and replica.revision != application.revision:
            replica.ends, replica.next_at = 0, now
        if replica.process is not None or now < replica.next_at:
            return
        replica.revision = application.revision
        try:
            launch = launch_of(application, number, self._conf)
        except Undecryptable:
            _fail(application, "Its secrets cannot be read with the key that is set now: roll it out again.")
            return
        except CannotRun as refusal:
            _fail(application, str(refusal))
            return
        heard, errors = [self._lines.listener(application.pk, number, stream) for stream in LogLine.Stream]
        replica.process = spawn_heard(launch.command, env=launch.environ, cwd=launch.folder, heard=heard, errors=errors)
        replica.began, replica.started_at, replica.launch = now, self._clock(), launch

    def _seen(self, replica: Replica) -> Seen:
        return {
            "revision": replica.revision,
            "pid": None if replica.process is None else replica.process.pid,
            "state": replica.state(self._seconds()),
            "restarts": replica.ends,
            "last_exit": replica.last_exit,
            "started_at": replica.started_at,
        }

    def _write(self, seen: Mapping[Key, Seen]) -> None:
        """Only what has changed."""
        for application, number in self._written.keys() - seen.keys():
            ApplicationProcess.objects.filter(application=application, replica=number).delete()
        for key, fields in seen.items():
            if self._written.get(key) != fields:
                ApplicationProcess.objects.update_or_create(application_id=key[0], replica=key[1], defaults=fields)


def left_over(applications: set[str]) -> Iterator[int]:
    """Process groups in which something runs that was started for one of these applications."""
    groups: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # another user's process, or one that just ended
            variables = (entry / "environ").read_bytes().split(b"\0")
            marks = {text.partition(b"=")[2].decode() for text in variables if text.startswith(f"{MARK}=".encode())}
            if marks & applications:
                groups.add(os.getpgid(int(entry.name)))
    yield from groups


def _wanted() -> dict[UUID, Application]:
    """What shall run now, by id."""
    rows = Application.objects.select_related("client", "environment").filter(
        is_stopped=False,
        failure="",
        environment__state=Environment.State.READY,
        environment__organisation__state=Organisation.State.ACTIVE,
    )
    return {row.pk: row for row in rows}


def _is_wanted(key: Key, wanted: Mapping[UUID, Application]) -> bool:
    return key[0] in wanted and key[1] < wanted[key[0]].replicas


def _fail(application: Application, sentence: str) -> None:
    """Unless it was changed since: that is another revision's."""
    Application.objects.filter(pk=application.pk, revision=application.revision).update(failure=sentence)
    log.warning("an application cannot run", application=str(application.pk), reason=sentence)


def _clear_away(process: subprocess.Popen[bytes], launch: Launch | None) -> None:
    """End what a program that has ended leaves running, and delete what it was given."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if launch is None:
        return
    if launch.remove:
        with suppress(subprocess.TimeoutExpired):
            subprocess.run(launch.remove, capture_output=True, check=False, timeout=PATIENCE_SECONDS)
    if launch.secrets is not None:
        launch.secrets.unlink(missing_ok=True)
