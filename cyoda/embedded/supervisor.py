"""`make up`: the whole platform on one machine, from an empty folder, until Ctrl-C (design: processes).

PostgreSQL and Valkey first, then a node, then a Celery worker and its clock; stopped in the opposite order. Each
process ends with this one, whatever ends it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cyoda.addresses import reachable
from cyoda.conf import Conf, load
from cyoda.demo import member_command, member_environment
from cyoda.embedded.assets import VARIABLE as STATIC_VARIABLE
from cyoda.embedded.assets import collected
from cyoda.embedded.credentials import environment
from cyoda.embedded.home import EmbeddedError, Home, is_free, write_private
from cyoda.embedded.launch import die_with_parent
from cyoda.embedded.postgres import EmbeddedPostgres
from cyoda.embedded.processes import launched, signal_group, spawn, spawn_heard, stop, tail
from cyoda.embedded.server import EmbeddedServer
from cyoda.embedded.valkey import EmbeddedValkey

ROOT = Path(__file__).resolve().parents[2]
_READY_PATIENCE_S = 60.0
_RESTART_PAUSE_S = 2.0

Say = Callable[[str], None]


@dataclass(slots=True)
class Child:
    """A process of the platform; `restarts` are those that may die and be started again without harm."""

    name: str
    command: list[str]
    restarts: bool = False
    environ: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it is given beside the platform's environment."""
    folder: Path = ROOT
    listener: Callable[[], Say] | None = None
    """Makes, at each start, what takes the lines that it writes; without, they go to its log."""
    process: subprocess.Popen[bytes] | None = None
    restart_at: float = 0.0


@dataclass(slots=True)
class Supervisor:
    """Starts, watches and stops everything; use it from the main thread."""

    conf: Conf
    environ: Mapping[str, str]
    say: Say
    with_demo: bool = True
    """Whether the compute program of examples/movies runs, too."""
    home: Home = field(init=False)
    servers: list[EmbeddedServer] = field(default_factory=list[EmbeddedServer])
    children: list[Child] = field(default_factory=list[Child])

    def __post_init__(self) -> None:
        self.home = Home(self.conf.platform.home)

    def start(self) -> None:
        """Start everything and wait until the node answers.

        Raises EmbeddedError, with a sentence for the person at the terminal.
        """
        self.home.prepare()
        self.home.lock("up").take(f"{self.home.path} is already in use by another `make up`: stop that one first.")
        self._require_free_ports()
        environ = dict(self.environ)
        if self.conf.storage.database_url is None:
            self._start_server(EmbeddedPostgres(self.home.path), environ, "CYODA_DATABASE_URL")
        if self.conf.storage.broker_url is None:
            self._start_server(EmbeddedValkey(self.home.path), environ, "CYODA_BROKER_URL")
        if self.conf.platform.static_root is None:
            environ[STATIC_VARIABLE] = str(collected(self.home, environ, ROOT))
        self.environ = environment(self.home, environ)
        self.conf = load(self.environ)
        self.start_child(Child("node", [sys.executable, str(ROOT / "manage.py"), "serve"]))
        self._wait_until_ready(self.children[0])
        for child in self._workers():
            self.start_child(child)

    def watch(self) -> None:
        """Return only when the node has ended; a worker that ends is started again.

        Raises EmbeddedError.
        """
        while True:
            self.look()
            time.sleep(0.2)

    def look(self) -> None:
        """See once to everything that runs.

        Raises EmbeddedError when something has ended that must not.
        """
        for server in self.servers:
            if server.process is None or server.process.poll() is not None:
                raise EmbeddedError(f"{server.label} has ended.\n{tail(self.home.log_path(server.name))}")
        for child in self.children:
            self._look_after(child)

    def stop(self) -> None:
        """Stop what runs, last started first."""
        for child in reversed(self.children):
            if child.process is not None:
                if child.listener is not None:  # a command of the user's: perhaps a shell around the program
                    signal_group(child.process, signal.SIGTERM)
                stop(child.process, signal.SIGTERM)
        for server in reversed(self.servers):
            server.stop()

    def start_child(self, child: Child) -> None:
        """Start a process that is looked after and stopped with the others."""
        environ = dict(self.environ) | dict(child.environ)
        if child.listener is None:
            log = self.home.log_path(child.name)
            child.process = spawn(child.command, log=log, env=environ, cwd=child.folder)
        else:
            child.process = spawn_heard(child.command, env=environ, cwd=child.folder, heard=child.listener())
        if child not in self.children:
            self.children.append(child)

    def run(self, command: list[str]) -> int:
        """Run a management command in the platform's environment, its output on the terminal; returns its exit code."""
        line = launched([sys.executable, str(ROOT / "manage.py"), *command], signal.SIGTERM, "same")
        return subprocess.run(line, env=dict(self.environ), cwd=ROOT, check=False).returncode

    def _start_server(self, server: EmbeddedServer, environ: dict[str, str], variable: str) -> None:
        self.servers.append(server)
        file = self.home.path / "secrets" / f"{server.name}-url"
        write_private(file, server.start())
        environ[f"{variable}_FILE"] = str(file)

    def _workers(self) -> list[Child]:
        celery = [sys.executable, "-m", "celery", "--app", "cyoda.celery"]
        quiet = ["--without-gossip", "--without-mingle", "--loglevel", "INFO"]
        schedule = str(self.home.folder("celery") / "schedule")
        children = [
            Child("worker", [*celery, "worker", "--pool", "threads", "--concurrency", "4", *quiet], restarts=True),
            Child(
                "beat", [*celery, "beat", "--schedule", schedule, "--pidfile", "", "--loglevel", "INFO"], restarts=True
            ),
            Child("applications", [sys.executable, str(ROOT / "manage.py"), "applications"], restarts=True),
        ]
        if self.with_demo and self.conf.iam.mode == "jwt":  # elsewhere its credentials mean nothing
            movies = Child("movies", member_command(self.conf), restarts=True, environ=member_environment(self.conf))
            children.append(movies)
        return children

    def _look_after(self, child: Child) -> None:
        if child.process is None:
            if time.monotonic() >= child.restart_at:
                self.start_child(child)
            return
        code = child.process.poll()
        if code is None:
            return
        problem = f"{child.name} has ended with code {code}"
        if child.listener is None:
            problem += f"; its log is {self.home.log_path(child.name)}"
        problem += "."
        if not child.restarts:
            raise EmbeddedError(f"{problem}\n{tail(self.home.log_path(child.name))}")
        self.say(f"{problem} It is started again.")
        child.process, child.restart_at = None, time.monotonic() + _RESTART_PAUSE_S

    def _require_free_ports(self) -> None:
        listeners = {
            "CYODA_HTTP_PORT": (self.conf.http.bind_address, self.conf.http.port),
            "CYODA_GRPC_PORT": (self.conf.grpc.bind_address, self.conf.grpc.port),
            "CYODA_ADMIN_PORT": (self.conf.admin.bind_address, self.conf.admin.port),
        }
        for variable, (address, port) in listeners.items():
            if port == 0:
                raise EmbeddedError(f"{variable} is 0, but `up` needs to know its ports: set it to a free one.")
            if not is_free(port, address):
                raise EmbeddedError(
                    f"Port {port} is used by another program: stop that one, or set {variable} to a free port."
                )

    def _wait_until_ready(self, node: Child) -> None:
        probe = f"http://{reachable(self.conf.admin.bind_address)}:{self.conf.admin.port}/readyz"
        deadline = time.monotonic() + _READY_PATIENCE_S
        while not _answers(probe):
            if node.process is None or node.process.poll() is not None:
                raise EmbeddedError(f"The node did not start:\n{tail(self.home.log_path(node.name))}")
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The node is not ready after {_READY_PATIENCE_S:.0f} s:\n{tail(self.home.log_path(node.name))}"
                )
            time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - always http, to this machine
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def summary(conf: Conf, home: Home) -> str:
    """What a person needs after the start: addresses, login, client, a first call."""
    base = f"http://{reachable(conf.http.bind_address)}:{conf.http.port}"
    api, client, secret = base + conf.http.context_path, conf.bootstrap.client_id, conf.bootstrap.client_secret
    return f"""
  API            {api}
  gRPC           {reachable(conf.grpc.bind_address)}:{conf.grpc.port}
  In a browser   {base}/  (login {conf.platform.admin_user}, password {conf.platform.admin_password})
  Back office    {base}/admin/  (the same login)
  Metrics        http://{reachable(conf.admin.bind_address)}:{conf.admin.port}/metrics
  Client         {client}, secret {secret}  (tenant {conf.bootstrap.tenant_id})
  Data and logs  {home.path}

  A first call:
    TOKEN=$(curl -s -u '{client}:{secret}' -d grant_type=client_credentials {api}/oauth/token \\
      | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
    curl -H "Authorization: Bearer $TOKEN" {api}/model/

  Ctrl-C stops everything; the data stays. `make reset` removes it.
"""


def require_linux() -> None:
    """Raises EmbeddedError elsewhere: the servers are tied to this process by the Linux kernel."""
    if sys.platform != "linux":
        raise EmbeddedError("`up` runs on Linux: elsewhere start `manage.py serve` with CYODA_DATABASE_URL set.")


def stop_with_parent() -> None:
    """End, in order, when the process that started this one is killed (make)."""
    die_with_parent(os.getppid(), signal.SIGTERM)
