"""Developer mode as a person uses it: a folder, edits, a work in progress, mistakes, a tunnel, Ctrl-C."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.up import ROOT, Up

TUNNEL = """#!/bin/sh
echo "see https://tunnel.example.com/terms"
echo "|  https://quick-fox.example.net  |"
read line < "$0.end"
"""
GREETING = """    return person | {"greeting": f"Hello, {person['name']}!"}"""
WAITING = """    while person["name"] == "slow" and not __import__("os").path.exists(%r):
        __import__("time").sleep(0.01)
"""


@dataclass
class Dev:
    """A running developer mode and the folder of its member."""

    up: Up
    folder: Path
    tunnel: Path
    client: httpx.Client

    def edit(self, old: str, new: str, then: str) -> None:
        """Save member.py with other text, and wait until something is said about it."""
        text = (self.folder / "member.py").read_text()
        assert old in text
        (self.folder / "member.py").write_text(text.replace(old, new))
        self.up.until(then)

    def until_in_flight(self) -> None:
        """Wait until a member works on something."""
        metrics = f"http://127.0.0.1:{self.up.ports['CYODA_ADMIN_PORT']}/metrics"
        deadline = time.monotonic() + 20
        while "cyoda_dispatch_in_flight 1.0" not in httpx.get(metrics).text:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def greeting(self, name: str) -> str:
        """What the member answers in a transition."""
        answer = self.client.post("/entity/JSON/person/1", json={"name": name}).raise_for_status()
        entity = self.client.get(f"/entity/{answer.json()[0]['entityIds'][0]}").raise_for_status().json()
        return entity["data"]["greeting"]

    def until_greeted(self, name: str, greeting: str) -> None:
        """Wait until new work goes to the new code: a member that was told to leave has said so to the node."""
        deadline = time.monotonic() + 20
        while self.greeting(name) != greeting:
            assert time.monotonic() < deadline


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dev]:
    base = tmp_path_factory.mktemp("dev")
    up, folder, script = Up(base / "code" / ".cyoda"), base / "code", base / "tunnel"
    script.write_text(TUNNEL)
    script.chmod(0o755)
    os.mkfifo(f"{script}.end")
    folder.mkdir()
    up.output = base / "output"
    up.environ["CYODA_DEV_TUNNEL"] = f"{script} {{http}}"
    try:
        up.start("dev", str(folder), "--new")
        up.until("member 1 has joined")
        with httpx.Client(base_url=up.api, headers={"Authorization": f"Bearer {up.token()}"}, timeout=30) as client:
            yield Dev(up, folder, script, client)
    finally:
        up.kill()


def test_a_newcomer_sees_the_member_at_work_by_what_is_written_and_printed(dev: Dev) -> None:
    printed = dev.up.until("member 1 has joined")
    exports = "\n".join(line.strip() for line in printed.splitlines() if line.strip().startswith("export "))
    assert (dev.up.api in exports, dev.up.secret() in printed) == (True, False)
    tried = subprocess.run(
        ["sh", "-c", f"{exports}\nsh {shlex.quote(str(dev.folder / 'try.sh'))}"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert '"greeting":"Hello, Ada!"' in tried.stdout, tried.stderr


def test_work_under_way_is_finished_by_the_code_that_began_it_and_all_that_is_new_gets_the_new_code(
    dev: Dev, tmp_path: Path
) -> None:
    release = tmp_path / "release"
    dev.edit(GREETING, WAITING % str(release) + GREETING, "member 2 has joined; member 1 finishes its work")
    dev.up.until("member 1 has left")
    with ThreadPoolExecutor() as threads:
        begun = threads.submit(dev.greeting, "slow")
        dev.until_in_flight()
        dev.edit("Hello, ", "Good day, ", "member 3 has joined; member 2 finishes its work")
        dev.until_greeted("new", "Good day, new!")
        assert {dev.greeting("new") for _ in range(20)} == {"Good day, new!"}
        assert not begun.done()
        assert "member 2 has left" not in dev.up.output.read_text()
        release.touch()
        assert begun.result(timeout=30) == "Hello, slow!"
    dev.up.until("member 2 has left")


def test_a_mistake_is_shown_and_the_member_goes_on_until_it_is_mended(dev: Dev) -> None:
    dev.edit("Good day, ", "Good day!, {", "member 4 ended with code 1 before it joined. member 3 goes on.")
    assert "SyntaxError" in dev.up.output.read_text()
    assert dev.greeting("Bob") == "Good day, Bob!"
    dev.edit("Good day!, {", "Bye, ", "member 5 has joined; member 3 finishes its work")
    dev.until_greeted("Bob", "Bye, Bob!")


def test_what_is_no_code_restarts_nothing(dev: Dev) -> None:
    for ignored in (
        "notes.log",
        "venv/lib.py",
        "node_modules/a.js",
        "target/a.json",
        ".git/index",
        "__pycache__/a.py",
    ):
        (dev.folder / ignored).parent.mkdir(exist_ok=True)
        (dev.folder / ignored).touch()
    before = len(dev.up.output.read_text())
    (dev.folder / "rules.yaml").touch()
    printed = dev.up.until("Changed: rules.yaml.")
    assert printed[before:].count("Changed:") == 1
    dev.up.until("member 6 has joined")


def test_the_tunnel_runs_shows_its_address_and_comes_back(dev: Dev) -> None:
    opened = "The tunnel is open at https://quick-fox.example.net; programs elsewhere use CYODA_API_URL="
    printed = dev.up.until(opened + "https://quick-fox.example.net/api")
    assert printed.count(opened) == 1
    Path(f"{dev.tunnel}.end").write_text("over\n")
    dev.up.until("tunnel has ended with code 0. It is started again.")
    deadline = time.monotonic() + 20
    while dev.up.output.read_text().count(opened) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_command_of_the_guide_to_the_first_environment_works(dev: Dev) -> None:
    guide = (ROOT / "docs" / "help" / "first-environment.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 8
    script = "\n".join(("set -euo pipefail", *blocks)).replace("http://127.0.0.1:8080", dev.up.api.removesuffix("/api"))
    environ = dev.up.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert (done.stdout.count('"state":"DONE"'), '"state":"Ready"' in done.stdout) == (1, True)


def test_ctrl_c_ends_everything_in_order_and_no_secret_was_printed(dev: Dev) -> None:
    assert dev.up.end(signal.SIGINT) == 0
    printed = dev.up.output.read_text()
    assert printed.index("The member finishes its work.") < printed.index("Stopping.")
    secrets = [file.read_text().strip() for file in (dev.up.home / "secrets").iterdir() if file.suffix != ".json"]
    assert not [secret for secret in secrets if secret in printed]
