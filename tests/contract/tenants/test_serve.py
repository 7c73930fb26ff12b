"""`manage.py serve` as an operator runs it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import psycopg
import pytest
from psycopg import sql

from cyoda.embedded.credentials import signing_key
from cyoda.embedded.processes import working_in

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60.0
SECOND_START_S = 5.0
IDLE_MEMORY_MB = 150


@dataclass
class Served:
    """A node in a process of its own, on free ports."""

    environ: dict[str, str]
    process: subprocess.Popen[str] = field(init=False)
    lines: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __post_init__(self) -> None:
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"], cwd=ROOT, env=self.environ, stderr=subprocess.PIPE, text=True
        )
        self._started = threading.Event()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self._began = began

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line)
            if "node started" in line:
                self.seconds = time.monotonic() - self._began
                self._started.set()
        self._started.set()

    def started(self) -> Served:
        assert self._started.wait(PATIENCE_S)
        assert self.process.poll() is None, self.output
        assert "node started" in self.output
        return self

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def port(self, name: str) -> int:
        found = re.search(rf"\b{name}=127\.0\.0\.1:(\d+)", self.output)
        assert found
        return int(found[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port('http')}"

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        code = self.process.wait(PATIENCE_S)
        self._reader.join()
        assert self.process.stderr
        self.process.stderr.close()
        return code


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CYODA_")}
    ports = dict.fromkeys(("CYODA_HTTP_PORT", "CYODA_GRPC_PORT", "CYODA_ADMIN_PORT"), "0")
    hosts = dict.fromkeys(("CYODA_HTTP_BIND_ADDRESS", "CYODA_GRPC_BIND_ADDRESS"), "127.0.0.1")
    nodes: list[Served] = []

    def serve(**environ: str) -> Served:
        nodes.append(Served(clean | ports | hosts | {"CYODA_HOME": str(tmp_path / "home")} | environ))
        return nodes[-1]

    yield serve
    for node in nodes:
        if node.process.poll() is None:
            node.end(signal.SIGKILL)


@pytest.fixture
def empty_database(postgres_url: str) -> Iterator[str]:
    """The URL of a database without any table."""
    name = "serve_test"
    with psycopg.connect(postgres_url, autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield postgres_url.rpartition("/")[0] + f"/{name}"
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def test_several_nodes_migrate_one_empty_database_at_once_and_serve_it(serve: Serve, empty_database: str) -> None:
    nodes = [serve(CYODA_DATABASE_URL=empty_database) for _ in range(2)]
    for node in nodes:
        assert httpx.get(f"{node.started().url}/api/health").json() == {"status": "UP"}
        assert httpx.get(f"http://127.0.0.1:{node.port('admin')}/readyz").status_code == 200
    made = httpx.post(f"{nodes[0].url}/api/model/import/JSON/SAMPLE_DATA/note/1", json={"title": "first"})
    assert made.status_code == 200
    assert [model["modelName"] for model in httpx.get(f"{nodes[1].url}/api/model/").json()] == ["note"]
    assert [node.end() for node in nodes] == [0, 0]
    assert sum("public schema migrated" in node.output for node in nodes) == 1

    again = serve(CYODA_DATABASE_URL=empty_database).started()
    memory_mb = psutil.Process(again.process.pid).memory_info().rss / 2**20
    print(f"second start {again.seconds:.2f} s, resident {memory_mb:.0f} MB")
    assert again.seconds < SECOND_START_S
    assert memory_mb < IDLE_MEMORY_MB
    assert httpx.get(f"{again.url}/login").status_code == 200
    assert again.end() == 0
    assert "Traceback" not in again.output


def test_without_a_database_an_embedded_one_is_started_and_ends_with_the_node(serve: Serve, tmp_path: Path) -> None:
    node = serve().started()
    assert httpx.get(f"{node.url}/api/health").status_code == 200
    assert node.end() == 0
    assert not working_in(tmp_path / "home" / "postgres")
    again = serve().started()
    print(f"second start with embedded PostgreSQL {again.seconds:.2f} s")
    servers = psutil.Process(again.process.pid).children(recursive=True)
    again.end(signal.SIGKILL)
    assert not psutil.wait_procs(servers, timeout=15)[1]


def test_a_request_in_flight_at_sigterm_is_answered(serve: Serve, empty_database: str) -> None:
    node = serve(CYODA_DATABASE_URL=empty_database).started()
    body = b'{"title": "slow"}'
    head = (
        f"POST /api/model/import/JSON/SAMPLE_DATA/note/1 HTTP/1.1\r\nHost: node\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", node.port("http"))) as caller:
        caller.sendall(head.encode())
        assert b"100 Continue" in caller.recv(100)  # the node waits for the body
        node.process.send_signal(signal.SIGTERM)
        while True:
            with socket.socket() as other:
                if other.connect_ex(("127.0.0.1", node.port("http"))) != 0:
                    break
        caller.sendall(body)
        assert caller.recv(1000).startswith(b"HTTP/1.1 200")
    assert node.ended() == 0


def test_stored_clients_get_tokens_in_jwt_mode_and_no_banner_is_shown(serve: Serve, empty_database: str) -> None:
    node = serve(CYODA_DATABASE_URL=empty_database, CYODA_IAM_MODE="jwt", CYODA_JWT_SIGNING_KEY=signing_key()).started()
    assert "MOCK MODE" not in node.output
    provisioned = subprocess.run(
        [sys.executable, "-c", _PROVISION], env=node.environ, cwd=ROOT, capture_output=True, text=True, check=True
    )
    client, secret = provisioned.stdout.split()
    grant = {"grant_type": "client_credentials"}
    token = httpx.post(f"{node.url}/api/oauth/token", auth=(client, secret), data=grant).json()["access_token"]
    assert httpx.get(f"{node.url}/api/model/", headers={"Authorization": f"Bearer {token}"}).json() == []
    assert httpx.post(f"{node.url}/api/oauth/token", auth=(client, "wrong"), data=grant).status_code == 401
    assert node.end() == 0


_PROVISION = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "cyoda.settings"
import django
django.setup()
from tenants.provisioning.saga import Progress, Saga
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import provision_environment
order = provision_environment(PLATFORM, "Acme")
while Saga().advance(order.run.pk) is Progress.MORE:
    pass
print(order.client_id, order.client_secret)
"""


def test_mock_mode_warns_unless_it_is_told_not_to(serve: Serve, empty_database: str) -> None:
    loud = serve(CYODA_DATABASE_URL=empty_database).started()
    quiet = serve(CYODA_DATABASE_URL=empty_database, CYODA_SUPPRESS_BANNER="true").started()
    assert "MOCK MODE" in loud.output
    assert "MOCK MODE" not in quiet.output


@pytest.mark.parametrize(
    ("environ", "sentence"),
    [
        ({"CYODA_TX_TTL": "soon"}, "cyoda: CYODA_TX_TTL must be a duration"),
        ({"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": "x"}, "cyoda: CYODA_JWT_SIGNING_KEY must be "),
        ({"CYODA_DATABASE_URL": "postgresql://a@127.0.0.1:1/b"}, "CommandError: The database of CYODA_DATABASE_URL "),
        (
            {"CYODA_QUOTAS_ENABLED": "true", "CYODA_DEFAULT_TIER": "gold"},
            "CommandError: CYODA_DEFAULT_TIER must name a",
        ),
        ({"CYODA_HTTP_BIND_ADDRESS": "192.0.2.1"}, "CommandError: 192.0.2.1:0 (CYODA_HTTP_PORT) cannot be opened"),
    ],
)
def test_what_stops_a_start_is_said_in_one_sentence(
    serve: Serve, empty_database: str, environ: dict[str, str], sentence: str
) -> None:
    node = serve(**{"CYODA_DATABASE_URL": empty_database, "CYODA_SUPPRESS_BANNER": "true"} | environ)
    assert node.ended() == 1
    said = [line for line in node.lines if "[info" not in line]
    assert len(said) == 1
    assert said[0].startswith(sentence)


@pytest.mark.parametrize("variable", ["CYODA_HTTP_PORT", "CYODA_GRPC_PORT", "CYODA_ADMIN_PORT"])
def test_a_busy_port_is_one_sentence(serve: Serve, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        node = serve(CYODA_SUPPRESS_BANNER="true", **{variable: port})
        assert node.ended() == 1
    assert node.lines == [
        f"CommandError: Port {port} is used by another program: stop that one, or set {variable} to a free port.\n"
    ]


def test_two_nodes_hold_a_tenant_to_one_limit(serve: Serve, empty_database: str) -> None:
    settings = {"CYODA_DATABASE_URL": empty_database, "CYODA_QUOTAS_ENABLED": "true", "CYODA_SUPPRESS_BANNER": "true"}
    nodes = [serve(**settings).started() for _ in range(2)]
    assert httpx.post(f"{nodes[0].url}/api/model/import/JSON/SAMPLE_DATA/order/1", json={}).status_code == 200

    def statuses(node: Served) -> list[int]:
        with httpx.Client(base_url=f"{node.url}/api") as client:
            return [client.get("/model/").status_code for _ in range(300)]

    first_minute = time.time() // 60
    with ThreadPoolExecutor() as threads:
        answers = [status for found in threads.map(statuses, nodes) for status in found]
    minutes = int(time.time() // 60 - first_minute) + 1
    assert set(answers) <= {200, 429}
    let_in = answers.count(200)
    assert let_in <= 300 * minutes
    assert let_in >= 270 or minutes > 1


def test_without_an_administrator_a_link_on_the_console_makes_one(serve: Serve, empty_database: str) -> None:
    node = serve(CYODA_DATABASE_URL=empty_database).started()
    (link,) = re.findall(r"http://\S+/setup/\S+", node.output)
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(link)
        (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text))
        form = {"username": "root", "email": "root@example.org", "password": "a long passphrase 7"}
        answer = browser.post(link, data=form | {"csrfmiddlewaretoken": token}, headers={"Referer": link})
        assert (answer.status_code, answer.url.path) == (200, "/setup/")
        assert browser.get(link).status_code == 410
    assert node.end() == 0
    again = serve(CYODA_DATABASE_URL=empty_database).started()
    assert "/setup/" not in again.output
    assert again.end() == 0
