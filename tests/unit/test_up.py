"""What `make up` does before it starts a node: credentials, ports, locks, and their sentences."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from cyoda.conf import load
from cyoda.embedded import Home
from cyoda.embedded.credentials import environment
from cyoda.embedded.home import free_port
from cyoda.embedded.processes import working_in
from cyoda.embedded.supervisor import summary

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.prepare()
    return home


def up(home: Home, *options: str, environ: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run `manage.py up` with free ports."""
    ports = {name: str(free_port()) for name in ("CYODA_HTTP_PORT", "CYODA_GRPC_PORT", "CYODA_ADMIN_PORT")}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CYODA_")}
    return subprocess.run(
        [sys.executable, "manage.py", "up", *options],
        cwd=ROOT,
        env=clean | ports | {"CYODA_HOME": str(home.path)} | dict(environ or {}),
        capture_output=True,
        text=True,
    )


def test_credentials_are_made_once_and_kept_for_their_owner_only(home: Home) -> None:
    first, second = load(environment(home, {})), load(environment(home, {}))
    assert first == second
    assert first.iam.mode == "jwt"
    assert (first.jwt.signing_key or "").startswith("-----BEGIN PRIVATE KEY-----")
    assert all((first.platform.secret_key, first.platform.admin_password, first.bootstrap.client_secret))
    files = list((home.path / "secrets").iterdir())
    assert len(files) == 5
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in files)


def test_no_generated_secret_stands_in_an_environment(home: Home) -> None:
    completed = environment(home, {})
    kept = [file.read_text() for file in (home.path / "secrets").iterdir()]
    assert not set(kept) & set(completed.values())


def test_what_the_caller_has_set_stays(home: Home, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("my own secret")
    given = {
        "CYODA_IAM_MODE": "mock",
        "CYODA_ADMIN_PASSWORD": "chosen",
        "CYODA_BOOTSTRAP_CLIENT_ID": "me",
        "CYODA_BOOTSTRAP_CLIENT_SECRET_FILE": str(tmp_path / "mine"),
    }
    conf = load(environment(home, given))
    assert (conf.iam.mode, conf.platform.admin_password) == ("mock", "chosen")
    assert (conf.bootstrap.client_id, conf.bootstrap.client_secret) == ("me", "my own secret")


def test_the_summary_names_addresses_login_client_and_a_call(home: Home) -> None:
    conf = load(environment(home, {"CYODA_HTTP_PORT": "8123"}))
    text = summary(conf, home)
    for expected in ("http://127.0.0.1:8123/api", "127.0.0.1:9090", conf.platform.admin_password, "curl", "demo"):
        assert expected is not None
        assert expected in text


@pytest.mark.parametrize("variable", ["CYODA_HTTP_PORT", "CYODA_GRPC_PORT", "CYODA_ADMIN_PORT"])
def test_a_busy_port_is_explained_in_one_sentence_and_nothing_is_left_running(home: Home, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        done = up(home, environ={variable: port})
    assert done.returncode == 1
    assert f"Port {port} is used by another program" in done.stderr
    assert variable in done.stderr
    assert "Traceback" not in done.stderr
    assert not working_in(home.path / "postgres")


def test_a_second_start_and_a_reset_are_refused_while_one_runs(home: Home) -> None:
    running = home.lock("up")
    running.take("busy")
    for options, sentence in (((), "already in use by another `make up`"), (("--reset",), "is in use: stop")):
        done = up(home, *options)
        assert (done.returncode, home.path.exists()) == (1, True)
        assert sentence in done.stderr
    running.release()
    assert up(home, "--reset").returncode == 0
    assert not home.path.exists()


def test_a_setting_that_is_not_allowed_is_one_sentence(home: Home) -> None:
    done = up(home, environ={"CYODA_TX_TTL": "soon"})
    assert done.returncode == 1
    assert done.stderr.startswith("cyoda: CYODA_TX_TTL must be a duration")
    assert len(done.stderr.splitlines()) == 1
