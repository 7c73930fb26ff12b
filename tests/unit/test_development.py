"""Developer mode's parts: which command, what it is given, how processes follow each other, what tunnels say."""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from rich.console import Console

from cyoda.conf import load
from cyoda.development.command import MemberCommand, NothingToRun, ToBeConfirmed, member_command
from cyoda.development.output import Screen
from cyoda.development.reload import Reloader
from cyoda.development.session import Wanted, require_member
from cyoda.development.snippet import connecting
from cyoda.development.starter import NotWritten, write_starter
from cyoda.development.tunnel import TunnelUnavailable, outside, tunnel

CONF = load(
    {
        "CYODA_BOOTSTRAP_CLIENT_ID": "demo",
        "CYODA_BOOTSTRAP_CLIENT_SECRET": "the client's secret",
        "CYODA_HTTP_PORT": "8123",
        "CYODA_GRPC_PORT": "9123",
    }
)
PATIENCE_S = 20


def chosen(folder: Path, explicit: str | None = None, environ: Mapping[str, str] = os.environ) -> MemberCommand:
    return member_command(folder, explicit, CONF, environ)


@pytest.mark.parametrize(
    ("files", "explicit", "arguments"),
    [
        ({"member.py": "", "main.py": ""}, None, ["member.py"]),
        ({"main.py": "", "Procfile": "member: python x.py"}, None, ["main.py"]),
        ({"Procfile": "web: sh web.sh\nmember: python -m my --tag 'a b'\n"}, None, ["-m", "my", "--tag", "a b"]),
        ({"member.py": ""}, "python -u other.py", ["-u", "other.py"]),
    ],
)  # fmt: skip
def test_the_command_is_the_explicit_one_or_found_in_the_folder(
    tmp_path: Path, files: dict[str, str], explicit: str | None, arguments: list[str]
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    command = chosen(tmp_path, explicit)
    assert (Path(command.line[0]).name, list(command.line[1:])) == ("python", arguments)
    assert Path(command.line[0]).parent == Path(sys.executable).parent


@pytest.mark.parametrize(
    ("files", "explicit", "sentence"),
    [
        ({}, None, "--new"),
        ({"Procfile": "web: x"}, None, "--new"),
        ({}, "no-such-program --x", "no program no-such-program"),
        ({}, "python 'x", "cannot be read"),
        ({"member.py": ""}, " ", "empty"),
    ],
)
def test_what_cannot_be_run_is_a_sentence(
    tmp_path: Path, files: dict[str, str], explicit: str | None, sentence: str
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(NothingToRun, match=sentence):
        chosen(tmp_path, explicit)


@pytest.mark.parametrize(("build", "guess"), [("pom.xml", "mvn"), ("build.gradle.kts", "gradle run")])
def test_of_a_build_it_is_said_what_would_be_run(tmp_path: Path, build: str, guess: str) -> None:
    (tmp_path / build).touch()
    with pytest.raises(ToBeConfirmed, match=guess):
        chosen(tmp_path)
    require_member(Wanted(tmp_path, None, None, None), CONF, {})


def test_a_program_with_a_path_is_looked_for_in_the_folder(tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    with pytest.raises(NothingToRun):
        chosen(tmp_path, "./run.sh")
    (tmp_path / "run.sh").chmod(0o755)
    assert chosen(tmp_path, "./run.sh --x").line == (str(tmp_path / "run.sh"), "--x")


def test_without_a_folder_or_without_credentials_nothing_is_started(tmp_path: Path) -> None:
    with pytest.raises(NothingToRun, match="no folder"):
        require_member(Wanted(tmp_path / "none", None, None, None), CONF, {})
    (tmp_path / "member.py").touch()
    with pytest.raises(NothingToRun, match="jwt"):
        require_member(Wanted(tmp_path, None, None, None), CONF, {"CYODA_IAM_MODE": "mock"})


def test_a_member_gets_its_own_variables_and_none_of_the_platforms(tmp_path: Path) -> None:
    (tmp_path / "member.py").touch()
    environ = {"PATH": "/usr/bin", "MINE": "1", "CYODA_JWT_SIGNING_KEY": "key", "CYODA_DATABASE_URL_FILE": "/x"}
    given = chosen(tmp_path, environ=environ).environ
    assert {name: value for name, value in given.items() if name.startswith("CYODA_")} == {
        "CYODA_API_URL": "http://127.0.0.1:8123/api",
        "CYODA_GRPC_TARGET": "127.0.0.1:9123",
        "CYODA_CLIENT_ID": "demo",
        "CYODA_CLIENT_SECRET": "the client's secret",
    }
    assert given["MINE"] == "1"
    assert (Path(given["PYTHONPATH"]) / "cyoda_member").is_dir()


def test_a_folders_own_virtual_environment_runs_its_member(tmp_path: Path) -> None:
    (tmp_path / "member.py").touch()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    command = chosen(tmp_path, environ={"PATH": "/usr/bin"})
    assert (command.line[0], "PYTHONPATH" in command.environ) == (str(tmp_path / ".venv" / "bin" / "python"), False)


def test_the_snippet_tells_the_secrets_place_and_never_the_secret() -> None:
    text = connecting(CONF, {"CYODA_BOOTSTRAP_CLIENT_SECRET_FILE": "/home/secret"}, None)
    assert "the client's secret" not in text + connecting(CONF, {}, None)
    for expected in ("$(cat '/home/secret')", "http://127.0.0.1:8123/api", "cyoda_member", "java -jar"):
        assert expected in text
    assert "java" not in connecting(CONF, {}, "python")


def test_the_starter_overwrites_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    (folder / "member.py").write_text("mine")
    assert "workflow.json, try.sh" in write_starter(folder)
    assert ((folder / "member.py").read_text(), (folder / "try.sh").exists()) == ("mine", True)
    assert "nothing is written" in write_starter(folder)
    with pytest.raises(NotWritten):
        write_starter(folder / "member.py")


# --- tunnels ----------------------------------------------------------------------------------------------------------


def test_the_placeholders_of_a_tunnels_command_are_filled(screen: Screen) -> None:
    child = tunnel("sh -c 'x {http} {grpc}' {http_port} {grpc_port} {other}", CONF, screen, print)
    assert child.command[1:] == ["-c", "x http://127.0.0.1:8123 127.0.0.1:9123", "8123", "9123", "{other}"]
    assert (child.restarts, child.folder) == (True, Path.cwd())


@pytest.mark.parametrize("template", ["no-such-tunnel --url {http}", "sh 'x", ""])
def test_a_tunnel_that_cannot_be_started_is_a_sentence(screen: Screen, template: str) -> None:
    with pytest.raises(TunnelUnavailable, match="tunnel"):
        tunnel(template, CONF, screen, print)


@pytest.mark.parametrize(
    ("line", "address"),
    [
        ("INF |  https://four-odd-words.trycloudflare.com        |", "https://four-odd-words.trycloudflare.com"),
        ("Forwarding    https://1a2b.ngrok-free.app -> http://localhost:8080", "https://1a2b.ngrok-free.app"),
        ("\x1b[32mhttps://x.example.net/\x1b[0m", "https://x.example.net"),
        ("abc.lhr.life tunneled with tls termination, https://abc.lhr.life", "https://abc.lhr.life"),
        ("open (https://x.example.net:8443)", "https://x.example.net:8443"),
        ("(https://www.cloudflare.com/website-terms/), and more", None),
        ("see https://developers.cloudflare.com/cloudflare-one/connections", None),
        ("http://x.example.net", None),
    ],
)
def test_the_address_of_a_tunnel_is_the_first_without_a_path(screen: Screen, line: str, address: str | None) -> None:
    told: list[str] = []
    child = tunnel("true", CONF, screen, told.append)
    assert child.listener
    for heard in (child.listener(), child.listener()):
        heard(line)
        heard("later: https://other.example.net")
    assert told == [address or "https://other.example.net"] * 2


def test_a_program_elsewhere_comes_to_the_listener_that_the_tunnel_leads_to() -> None:
    address = "https://x.example.net"
    assert outside("t {http}", address, CONF) == {"CYODA_API_URL": "https://x.example.net/api"}
    assert outside("t {grpc_port}", address, CONF) == {
        "CYODA_GRPC_TARGET": "x.example.net:443",
        "CYODA_GRPC_TLS": "true",
    }


# --- processes --------------------------------------------------------------------------------------------------------


@pytest.fixture
def printed() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def screen(printed: io.StringIO) -> Screen:
    return Screen(Console(file=printed))


@pytest.fixture
def begin(tmp_path: Path, screen: Screen) -> Iterator[Callable[[str], Reloader]]:
    """A reloader of a shell script; a process has joined when it has made a file in `joined/`."""
    (tmp_path / "joined").mkdir()
    begun: list[Reloader] = []

    def start(script: str) -> Reloader:
        (tmp_path / "member.sh").write_text(script)
        command = MemberCommand(("/bin/sh", "member.sh"), tmp_path, os.environ)
        reloader = Reloader(
            command,
            lambda: frozenset(os.listdir(tmp_path / "joined")),
            screen,
            restart_pause_s=0.05,
            drain_patience_s=0.3,
            join_hint_s=0.3,
        )
        begun.append(reloader)
        return reloader

    yield start
    for reloader in begun:
        reloader.stop()


JOINS = "touch joined/$$; echo here; "
STAYS = "while :; do sleep 0.05; done"


def until(reloader: Reloader, printed: io.StringIO, text: str) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while text not in printed.getvalue():
        assert time.monotonic() < deadline, printed.getvalue()
        reloader.look()
        time.sleep(0.01)
    return printed.getvalue()


def test_a_member_that_ends_is_started_again(begin: Callable[[str], Reloader], printed: io.StringIO) -> None:
    reloader = begin(JOINS + "sleep 0.2; exit 3")
    until(reloader, printed, "member 1 has joined")
    until(reloader, printed, "member 1 has ended with code 3.")
    until(reloader, printed, "member 2 has joined")
    assert "member 2   here" in printed.getvalue()


def test_the_first_member_that_cannot_start_waits_for_a_change(
    begin: Callable[[str], Reloader], printed: io.StringIO, tmp_path: Path
) -> None:
    reloader = begin("echo 'no such rule' >&2; exit 1")
    text = until(reloader, printed, "member 1 ended with code 1 before it joined. The next change tries again.")
    assert "no such rule" in text
    for _ in range(20):
        reloader.look()
    assert "member 2" not in printed.getvalue()
    (tmp_path / "member.sh").write_text(JOINS + STAYS)
    reloader.code_changed()
    until(reloader, printed, "member 2 has joined.")


def test_while_nobody_can_tell_who_is_connected_nothing_is_started(
    screen: Screen, printed: io.StringIO, tmp_path: Path
) -> None:
    told: list[frozenset[str] | None] = [None]
    reloader = Reloader(MemberCommand(("/bin/sh", "-c", STAYS), tmp_path, os.environ), lambda: told[0], screen)
    try:
        reloader.look()
        told[0] = frozenset({"elsewhere"})
        reloader.look()
        for told[0] in (None, frozenset({"elsewhere"})):
            reloader.look()
        assert printed.getvalue() == ""
        told[0] = frozenset({"elsewhere", "ours"})
        until(reloader, printed, "member 1 has joined.")
    finally:
        reloader.stop()


def test_a_change_gives_up_a_member_that_has_not_joined_yet(
    begin: Callable[[str], Reloader], printed: io.StringIO, tmp_path: Path
) -> None:
    reloader = begin("trap 'exit 0' TERM; " + STAYS)
    until(reloader, printed, "member 1 has not joined yet")
    (tmp_path / "member.sh").write_text(JOINS + STAYS)
    reloader.code_changed()
    assert "member 1 is given up." in printed.getvalue()
    until(reloader, printed, "member 2 has joined.")


def test_a_member_that_does_not_leave_is_killed(
    begin: Callable[[str], Reloader], printed: io.StringIO, tmp_path: Path
) -> None:
    reloader = begin("trap '' TERM; " + JOINS + STAYS)
    until(reloader, printed, "member 1 has joined.")
    (tmp_path / "member.sh").write_text(JOINS + STAYS)
    reloader.code_changed()
    until(reloader, printed, "member 2 has joined; member 1 finishes its work.")
    until(reloader, printed, "member 1 has not left after 0 s and is killed.")
    until(reloader, printed, "member 1 has left.")
