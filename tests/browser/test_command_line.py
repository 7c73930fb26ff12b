"""A command line is signed in through a browser: on the same machine, and as a device."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.browser.conftest import PASSWORD, Visit, Visits
from tests.browser.test_people import email_of, member
from tests.nodes import TENANT

__all__ = ["member"]

VERIFIER = "v" * 64
CLIENT = "cyoda-cloud-cli"
SCOPE = "openid offline_access read:builds"


@contextmanager
def listening() -> Iterator[tuple[str, list[str]]]:
    """The command line's own address, and what is asked for there."""
    asked: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b'<link rel="icon" href="data:,"><h1>Signed in</h1>')

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = HTTPServer(("127.0.0.1", 0), Listener)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/callback", asked
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_command_line_on_this_machine(member: Visit) -> None:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    with listening() as (callback, asked):
        query = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": callback,
            "scope": SCOPE,
            "state": "s-1",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        member.open(f"/authorize?{urlencode(query)}")
        assert member.heading == "Allow Cyoda Cloud CLI?"
        assert "See environments and builds" in member.text
        member.click("Allow")
        assert member.heading == "Signed in"
    back = parse_qs(urlsplit(asked[0]).query)
    assert back["state"] == ["s-1"]
    exchange = {"grant_type": "authorization_code", "client_id": CLIENT, "redirect_uri": callback}
    answer = httpx.post(
        f"{member.site.base}/oauth/token", data={**exchange, "code": back["code"][0], "code_verifier": VERIFIER}
    )
    assert answer.status_code == 200, answer.text
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert httpx.get(f"{member.site.base}/v2/me", headers=headers).json()["scopes"] == ["read:builds"]
    entities = httpx.get(f"{member.site.base}/api/entity/stats", headers=headers)
    assert entities.status_code == 200, entities.text


def test_a_device(member: Visit, visit: Visits) -> None:
    email, base = email_of(member), member.site.base
    begun = httpx.post(f"{base}/oauth/device/code", data={"client_id": CLIENT, "scope": SCOPE}).json()
    browser = visit()
    browser.open(begun["verification_uri_complete"])
    browser.send(login=email, password=PASSWORD)
    assert browser.heading == "Allow Cyoda Cloud CLI?"
    assert begun["user_code"] in browser.text
    assert TENANT in browser.text
    browser.click("Allow")
    assert browser.heading == "It is signed in"
    grant = {"grant_type": "urn:ietf:params:oauth:grant-type:device_code", "device_code": begun["device_code"]}
    answer = httpx.post(f"{base}/oauth/token", data={**grant, "client_id": CLIENT})
    assert answer.status_code == 200, answer.text
    assert answer.json()["scope"] == SCOPE

    browser.open("/activate")
    assert browser.heading == "Sign a device in"
    browser.send(user_code="bcdf ghjk")
    assert "No device waits with this code" in browser.text
