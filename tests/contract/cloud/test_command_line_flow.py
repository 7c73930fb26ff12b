"""The command line against a whole installation behind TLS, call by call (contract: control plane 4.7, 4.8)."""

from __future__ import annotations

import html
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit
from uuid import uuid4

import httpx
import psutil
import pytest

from tests.contract.cloud.sign_in.conftest import CALLBACK, CHALLENGE_OF_IT, DEVICE_GRANT, SCOPE, VERIFIER
from tests.contract.cloud.test_events import events_in
from tests.tls_front import TlsFront, tls_front
from tests.up import Up

PASSWORD = "what the operator chose, 7"
HEADERS = {"Cyoda-Cloud-CLI-Version": "0.4.0", "User-Agent": "cyoda-cloud-cli/0.4.0 (linux amd64)"}
LONGEST_POLL_S, PATIENCE_S = 30.0, 60.0
ADDRESS = re.compile(r"\bhttps?://[^\s\"'<>]+")


@dataclass
class Installation:
    front: TlsFront
    up: Up

    def worker(self) -> int:
        assert self.up.process
        children = psutil.Process(self.up.process.pid).children(recursive=True)
        [worker] = [child.pid for child in children if "worker" in child.cmdline()]
        return worker


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """`make up` with the settings of production, which is reached through the front only."""
    folder = tmp_path_factory.mktemp("flow")
    up = Up(folder / "home")
    with tls_front(folder) as front:
        front.behind = up.ports["CYODA_HTTP_PORT"]
        up.environ |= {
            "CYODA_ENV": "production",
            "CYODA_PUBLIC_URL": front.url,
            "CYODA_ALLOWED_HOSTS": "localhost",
            "CYODA_TRUSTED_PROXIES": "1",
            "CYODA_SECRET_KEY": "k" * 50,
            "CYODA_ADMIN_PASSWORD": PASSWORD,
        }
        try:
            up.start()
            yield Installation(front, up)
        finally:
            if up.process is not None and up.process.poll() is None:
                up.end(signal.SIGTERM)


@dataclass
class Person:
    """Somebody with a browser, signed in as the owner of the demo organisation."""

    http: httpx.Client
    cookies: list[str] = field(default_factory=list)

    def get(self, address: str) -> httpx.Response:
        return self._kept(self.http.get(address))

    def post(self, page: httpx.Response, values: dict[str, str]) -> httpx.Response:
        """The form of a page, sent as browsers do."""
        token = _value(page, "csrfmiddlewaretoken")
        origin = str(page.url.copy_with(raw_path=b"/")).rstrip("/")
        data = {"csrfmiddlewaretoken": token, **values}
        return self._kept(self.http.post(page.url, data=data, headers={"Origin": origin, "Referer": str(page.url)}))

    def sign_in(self, address: str) -> httpx.Response:
        """Go to a page that only people who are signed in see; the page."""
        answer = self.get(address)
        assert answer.status_code == 302
        form = self.get(_inside(answer))
        answer = self.post(form, {"login": "admin", "password": PASSWORD, "next": _value(form, "next")})
        assert answer.status_code == 302, answer.text
        return self.get(_inside(answer))

    def allow(self, page: httpx.Response) -> httpx.Response:
        assert page.status_code == 200, page.text
        return self.post(page, {"decision": "allow", "place": _value(page, "place")})

    def _kept(self, answer: httpx.Response) -> httpx.Response:
        self.cookies += answer.headers.get_list("set-cookie")
        return answer


@pytest.fixture
def person(installation: Installation) -> Iterator[Person]:
    with httpx.Client(verify=installation.front.trust, timeout=30) as http:
        yield Person(http)


@dataclass
class CommandLine:
    """What the binary does: it finds, signs in, calls, and polls."""

    discovery: str
    http: httpx.Client
    found: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)

    def find(self) -> None:
        answer = self.http.get(self.discovery)
        self.found = answer.json()
        assert self.found.keys() == {"api_url", "auth0_domain", "auth0_client_id", "auth0_audience"}
        assert all(value and not value.startswith("REPLACE_WITH_") for value in self.found.values())

    def oauth(self, path: str, **values: str) -> httpx.Response:
        data = {"client_id": self.found["auth0_client_id"], **values}
        return self.http.post(f"https://{self.found['auth0_domain']}{path}", data=data)

    def login_by_device(self, person: Person) -> dict[str, Any]:
        begun = self.oauth("/oauth/device/code", scope=SCOPE, audience=self.found["auth0_audience"]).json()
        poll = {"grant_type": DEVICE_GRANT, "device_code": begun["device_code"]}
        assert self.oauth("/oauth/token", **poll).json()["error"] == "authorization_pending"
        assert "signed in" in person.get(_inside(person.allow(person.sign_in(begun["verification_uri_complete"])))).text
        time.sleep(begun["interval"])
        self._keep(self.oauth("/oauth/token", **poll))
        return begun

    def refresh(self) -> None:
        self._keep(self.oauth("/oauth/token", grant_type="refresh_token", refresh_token=self.tokens["refresh_token"]))

    def _keep(self, answer: httpx.Response) -> None:
        assert answer.status_code == 200, answer.text
        self.tokens |= answer.json()

    def call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> httpx.Response:
        """One refresh and one retry on 401."""
        for attempt in range(2):
            headers = {"Authorization": f"Bearer {self.tokens['access_token']}"}
            if key is not None:
                headers["Idempotency-Key"] = key
            answer = self.http.request(method, f"{self.found['api_url']}/v2{path}", json=body, headers=headers)
            if answer.status_code != 401 or attempt:
                return answer
            self.refresh()
        raise AssertionError("unreachable")

    def up(self, name: str) -> dict[str, Any]:
        answer = self.call("POST", "/envs", {"env_name": name, "backend": "local"}, key=str(uuid4()))
        assert answer.status_code == 202, answer.text
        return answer.json()

    def waited(self, name: str, *ends: str) -> str:
        """At once, then after 1 s, doubling to 30 s; the first refusal aborts, and 404 ends a deletion."""
        pause, deadline = 1.0, time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answer = self.call("GET", f"/envs/{name}")
            if answer.status_code == 404:
                return "gone"
            assert answer.is_success, answer.text
            if (state := answer.json()["state"]) in ends:
                return state
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_POLL_S)
        raise AssertionError(f"{name} is not {ends} in time")

    def listed(self, query: str = "") -> list[tuple[str, str]]:
        return [(row["env_name"], row["state"]) for row in self.call("GET", f"/envs{query}").json()]


@pytest.fixture
def cli(installation: Installation) -> Iterator[CommandLine]:
    with httpx.Client(verify=installation.front.trust, headers=HEADERS, timeout=60) as http:
        cli = CommandLine(f"{installation.front.url}/.well-known/cyoda-cloud-cli.json", http)
        cli.find()
        yield cli


def test_from_login_by_device_to_logout(installation: Installation, cli: CommandLine, person: Person) -> None:
    base = installation.front.url
    begun = cli.login_by_device(person)
    assert begun["verification_uri"].startswith(f"{base}/")
    whoami = cli.call("GET", "/me").json()
    assert {"read:builds", "deploy:env", "cancel:env", "delete:env"} <= set(whoami["scopes"])

    shown = cli.up("dev")
    assert cli.waited("dev", "Ready", "Job_Failed") == "Ready"
    status = cli.call("GET", "/envs/dev").json()
    assert (status["env_id"], status["cyoda_env_url"]) == (shown["env_id"], base)
    assert (bool(status["m2m_client_id"]), status["build_id"]) == (True, shown["build_id"])
    with cli.http.stream("GET", f"{base}/v2/builds/{shown['build_id']}/events", headers=_bearer(cli)) as stream:
        assert stream.headers["content-type"] == "text/event-stream"
        assert events_in(stream.read().decode())[-1].data["state"] == "SUCCESS"

    worker = installation.worker()
    os.kill(worker, signal.SIGSTOP)
    second = cli.up("second")
    address = f"{base}/v2/builds/{second['build_id']}/events"
    with cli.http.stream("GET", address, headers=_bearer(cli)) as stream:
        parts = stream.iter_text()
        told = next(parts)
        assert ("second", "Queued") in cli.listed()
        assert cli.call("POST", "/envs/second:cancel").status_code == 202
        os.kill(worker, signal.SIGCONT)
        told += "".join(parts)
    assert events_in(told)[-1].data["state"] == "CANCELLED"
    assert cli.waited("second", "Job_Cancelled") == "Job_Cancelled"
    assert ("second", "Job_Cancelled") not in cli.listed()
    assert ("second", "Job_Cancelled") in cli.listed("?include_terminal=true")

    used = cli.tokens["refresh_token"]
    cli.tokens["access_token"] += "x"
    assert cli.call("DELETE", "/envs/dev").status_code == 202, "after a refresh"
    assert cli.tokens["refresh_token"] != used
    assert cli.waited("dev", "Env_Torn_Down") in {"Env_Torn_Down", "gone"}
    assert "dev" not in dict(cli.listed())

    assert cli.oauth("/oauth/revoke", token=cli.tokens["refresh_token"]).status_code == 200
    again = cli.oauth("/oauth/token", grant_type="refresh_token", refresh_token=cli.tokens["refresh_token"])
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_by_the_browser_the_code_comes_back_to_this_machine_and_everything_else_is_https(
    installation: Installation, cli: CommandLine, person: Person
) -> None:
    base = installation.front.url
    asked = {
        "response_type": "code",
        "client_id": cli.found["auth0_client_id"],
        "redirect_uri": CALLBACK,
        "scope": SCOPE,
        "audience": cli.found["auth0_audience"],
        "state": "s-1",
        "code_challenge": CHALLENGE_OF_IT,
        "code_challenge_method": "S256",
    }
    page = person.sign_in(f"{base}/authorize?{urlencode(asked)}")
    answer = person.allow(page)
    assert answer.status_code == 302, answer.text
    called = urlsplit(answer.headers["location"])
    assert f"{called.scheme}://{called.netloc}{called.path}" == CALLBACK
    brought = {name: value for name, [value] in parse_qs(called.query).items()}
    openid = cli.http.get(f"{base}/.well-known/openid-configuration")
    assert (brought["state"], brought["iss"]) == ("s-1", openid.json()["issuer"])
    exchange = {"grant_type": "authorization_code", "code": brought["code"], "redirect_uri": CALLBACK}
    cli._keep(cli.oauth("/oauth/token", **exchange, code_verifier=VERIFIER))
    assert cli.call("GET", "/me").status_code == 200

    assert {cookie.partition("=")[0] for cookie in person.cookies} >= {"sessionid", "csrftoken"}
    assert [cookie for cookie in person.cookies if "; Secure" not in cookie] == []
    for text in (openid.text, str(cli.found), cli.http.get(f"{base}/v2/.well-known/openapi.json").text):
        assert {urlsplit(address).scheme for address in ADDRESS.findall(text)} <= {"https"}, text
    plain = httpx.get(f"http://127.0.0.1:{installation.front.behind}/login", headers={"Host": urlsplit(base).netloc})
    assert (plain.status_code, plain.headers["location"]) == (301, f"{base}/login")


def _bearer(cli: CommandLine) -> dict[str, str]:
    return {"Authorization": f"Bearer {cli.tokens['access_token']}"}


def _inside(answer: httpx.Response) -> str:
    """Where a redirect leads; people are kept on https."""
    assert answer.status_code in (301, 302, 303), answer.text
    target = urljoin(str(answer.url), answer.headers["location"])
    assert target.startswith("https://"), target
    return target


def _value(page: httpx.Response, name: str) -> str:
    for tag in re.findall(r"<input[^>]*>", page.text):
        if f'name="{name}"' in tag and (found := re.search(r'value="([^"]*)"', tag)):
            return html.unescape(found[1])
    raise AssertionError(f"no {name} in {page.text}")
