"""The embedded servers, for real: durable across restarts, gone with their parent, never two on one folder."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from cyoda.embedded import EmbeddedError, EmbeddedPostgres, EmbeddedValkey, Home
from cyoda.embedded.processes import namespaces_allowed, working_in

ROOT = Path(__file__).parents[2]
PARENT = """
import json, sys, time
from pathlib import Path
from cyoda.embedded import EmbeddedPostgres, EmbeddedValkey
postgres, valkey = EmbeddedPostgres(Path(sys.argv[1])), EmbeddedValkey(Path(sys.argv[1]))
print(json.dumps({"postgres": postgres.start(), "valkey": valkey.start()}), flush=True)
sys.stdin.read()
"""
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def until(condition: Callable[[], bool], patience_s: float) -> bool:
    """Whether the condition comes true in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def parent(home: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that has started both servers; its first line of output says where they are."""
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(home)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    process.kill()
    process.communicate()


def test_what_was_committed_is_there_after_a_restart_under_the_same_url(home: Path) -> None:
    with EmbeddedPostgres(home) as first, psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE note AS SELECT 'kept'::text AS body")
        url = first.url
    with EmbeddedPostgres(home) as second, psycopg.connect(second.url) as connection:
        assert second.url == url
        assert connection.execute("SELECT body FROM note").fetchall() == [("kept",)]


def test_the_database_is_utf8_durable_and_asks_for_its_password(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        with psycopg.connect(postgres.url) as connection:
            for name, value in {"server_encoding": "UTF8", "fsync": "on", "synchronous_commit": "on"}.items():
                assert connection.execute(f"SHOW {name}").fetchone() == (value,)
            assert connection.execute("SELECT upper('žluť')").fetchone() == ("ŽLUŤ",)
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(postgres.url.replace(postgres.password, "guess"))


def test_generated_secrets_are_readable_by_their_owner_only_and_in_no_argument(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres, EmbeddedValkey(home) as valkey:
        assert postgres.process
        assert valkey.process
        for server in (postgres, valkey):
            assert server.process
            arguments = Path(f"/proc/{server.process.pid}/cmdline").read_bytes()
            assert server.password.encode() not in arguments
    kept = list((home / "secrets").iterdir())
    assert kept
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in kept)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


def test_valkey_keeps_what_it_was_given_and_asks_for_its_password(home: Path) -> None:
    with EmbeddedValkey(home) as valkey, redis.Redis.from_url(valkey.url) as client:
        client.set("task", "kept")
        port = valkey.port
    with EmbeddedValkey(home) as valkey, redis.Redis.from_url(valkey.url) as client:
        assert valkey.port == port
        assert client.get("task") == b"kept"
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.get("task")


def test_a_killed_parent_leaves_no_server_and_loses_nothing_committed(
    parent: subprocess.Popen[str], home: Path
) -> None:
    assert parent.stdout
    urls = json.loads(parent.stdout.readline())
    folders = [home / "postgres", home / "valkey"]
    assert all(working_in(folder) for folder in folders)
    with psycopg.connect(urls["postgres"]) as connection:
        connection.execute("CREATE TABLE note AS SELECT 'kept'::text AS body")
    with redis.Redis.from_url(urls["valkey"]) as client:
        client.set("task", "kept")
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    with EmbeddedPostgres(home) as postgres, psycopg.connect(postgres.url) as connection:
        assert postgres.url == urls["postgres"]
        assert connection.execute("SELECT body FROM note").fetchall() == [("kept",)]
    with EmbeddedValkey(home) as valkey, redis.Redis.from_url(valkey.url) as client:
        assert client.get("task") == b"kept"


def test_servers_are_gone_within_five_seconds_of_their_parents_death(parent: subprocess.Popen[str], home: Path) -> None:
    assert parent.stdout
    parent.stdout.readline()
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert until(lambda: not working_in(home / "postgres") and not working_in(home / "valkey"), 5.0)


def test_a_second_launcher_on_the_same_folder_is_refused(parent: subprocess.Popen[str], home: Path) -> None:
    assert parent.stdout
    parent.stdout.readline()
    for server in (EmbeddedPostgres(home), EmbeddedValkey(home)):
        with pytest.raises(EmbeddedError, match="already run by another process"):
            server.start()
    with pytest.raises(EmbeddedError, match="is in use"):
        Home(home).remove()
    assert working_in(home / "postgres")


def test_a_pid_file_of_a_killed_server_does_not_prevent_the_start(home: Path) -> None:
    with EmbeddedPostgres(home) as postgres:
        pid_file = (home / "postgres" / "postmaster.pid").read_text()
        assert postgres.process
        stale = pid_file.replace(str(postgres.process.pid), str(os.getpid()), 1)
    (home / "postgres" / "postmaster.pid").write_text(stale)
    with EmbeddedPostgres(home) as postgres, psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_an_interrupted_first_start_is_done_anew(home: Path) -> None:
    Home(home).prepare()
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home) as postgres, psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@needs_root
@pytest.mark.parametrize("identity", ["user:65534", "namespace:65534"])
def test_for_root_the_server_runs_as_nobody_either_way(home: Path, identity: str) -> None:
    if identity.startswith("namespace") and not namespaces_allowed(65534):
        identity = "user:65534"
    for chosen in (identity, "user:65534", None):  # changing the way keeps the data usable
        postgres = EmbeddedPostgres(home, durable=False, identity=chosen)
        with postgres, psycopg.connect(postgres.url) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


async def test_servers_are_started_from_the_main_thread_only(home: Path) -> None:
    with pytest.raises(EmbeddedError, match="main thread"):
        await asyncio.to_thread(EmbeddedValkey(home).start)


def test_a_folder_with_other_files_is_neither_used_nor_removed(home: Path) -> None:
    home.mkdir()
    (home / "thesis.txt").write_text("precious")
    with pytest.raises(EmbeddedError, match="has other files in it"):
        EmbeddedValkey(home).start()
    with pytest.raises(EmbeddedError, match="was not made by this program"):
        Home(home).remove()
    assert (home / "thesis.txt").read_text() == "precious"


def test_a_removed_folder_is_gone(home: Path) -> None:
    with EmbeddedValkey(home):
        pass
    Home(home).remove()
    assert not home.exists()
