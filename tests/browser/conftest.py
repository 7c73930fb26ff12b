"""Chromium against a real node, which sends its mails to a real mail server and trusts a real sign-in provider.

Each browser sees the node, the provider and nothing else; what its console complains of fails the test.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from django.core.management import call_command
from django.test import override_settings
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright
from psycopg import sql

from tests.browser.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.nodes import TENANT, NodeProcess, free_port

CHROMIUM = shutil.which("chromium")
ADMIN, ADMIN_PASSWORD = "admin", "the passphrase of an operator"
PASSWORD = "a long passphrase 7"
PATIENCE_S = 10
STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}


class Mailbox(Message):
    """Takes mails and keeps their texts by their receivers."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: dict[str, str] = {}

    def handle_message(self, message: Any) -> None:
        self.texts[message["X-RcptTo"]] = message.get_payload(decode=True).decode()

    def link(self, receiver: str) -> str:
        deadline = time.monotonic() + PATIENCE_S
        while receiver not in self.texts:
            assert time.monotonic() < deadline, "no mail has come"
            time.sleep(0.02)
        return re.findall(r"http://\S+", self.texts.pop(receiver))[0]


@dataclass
class Site:
    """A node with what is around it; `base` is its address."""

    node: NodeProcess
    mailbox: Mailbox
    provider: Provider

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.node.http_port}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Ended with its module: while it runs, so does an event loop, and no other test could have one."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()


def collect_static(home: Path) -> Path:
    """As an installation serves them: compressed, and named by their content."""
    with override_settings(STATIC_ROOT=home / "static", STORAGES=STORAGES):
        call_command("collectstatic", interactive=False, verbosity=0)
    return home / "static"


@pytest.fixture(scope="session")
def site(postgres_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One node for all tests: each makes people of its own."""
    mailbox, mail_port, name = Mailbox(), free_port(), "browser_test"
    controller = Controller(mailbox, "127.0.0.1", mail_port)
    controller.start()
    with psycopg.connect(postgres_url, autocommit=True) as server, Provider() as provider:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        port = free_port()
        settings = {
            "CYODA_DATABASE_URL": postgres_url.rpartition("/")[0] + f"/{name}",
            "CYODA_ADMIN_USER": ADMIN,
            "CYODA_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "CYODA_SECRET_KEY": "s" * 40,
            "CYODA_PUBLIC_URL": f"http://127.0.0.1:{port}",
            "CYODA_MAIL_URL": f"smtp://127.0.0.1:{mail_port}",
            "CYODA_SIGNIN_OIDC_NAME": "Example SSO",
            "CYODA_SIGNIN_OIDC_URL": provider.url,
            "CYODA_SIGNIN_OIDC_CLIENT_ID": CLIENT_ID,
            "CYODA_SIGNIN_OIDC_CLIENT_SECRET": CLIENT_SECRET,
            "CYODA_OIDC_ALLOW_PRIVATE_NETWORKS": "true",
            "CYODA_OIDC_REQUIRE_HTTPS": "false",
            "CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED": "true",
        }
        home: Path = tmp_path_factory.mktemp("browser")
        settings["CYODA_STATIC_ROOT"] = str(collect_static(home))
        with NodeProcess(home, settings, http_port=port) as node:
            yield Site(node, mailbox, provider)
        server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    controller.stop()


@dataclass
class Visit:
    """One person's browser, without scripts unless it is for the back office."""

    site: Site
    page: Page
    complaints: list[str] = field(default_factory=list[str])

    def open(self, path: str) -> None:
        self.page.goto(path if path.startswith("http") else self.site.base + path)

    def send(self, **fields: str) -> None:
        """Fill fields of the page's own form by their names, and send it."""
        for name, value in fields.items():
            self.page.locator(f"main [name={name}]").fill(value)
        self.page.locator("main form button[type=submit]").first.click()

    def click(self, text: str) -> None:
        self.page.get_by_text(text, exact=True).first.click()

    @property
    def path(self) -> str:
        return self.page.url.removeprefix(self.site.base)

    @property
    def heading(self) -> str:
        return self.page.locator("h1").first.inner_text()

    @property
    def text(self) -> str:
        """Of the whole page: a click is over as soon as the first bytes of the next one are there."""
        self.page.wait_for_load_state()
        return self.page.locator("body").inner_text()

    @property
    def html(self) -> str:
        self.page.wait_for_load_state()
        return self.page.content()


Visits = Callable[..., Visit]


@pytest.fixture
def visit(chromium: Browser, site: Site) -> Iterator[Visits]:
    """Opens browsers that know nothing of each other."""
    opened: list[Visit] = []

    def start(*, scripts: bool = False, **options: Any) -> Visit:
        context = chromium.new_context(java_script_enabled=scripts, **options)
        context.set_default_timeout(PATIENCE_S * 1000)
        visit = Visit(site, context.new_page())
        opened.append(visit)

        def only_here(route: Route) -> None:
            if route.request.url.startswith((site.base, site.provider.url, "data:")):
                route.continue_()
            else:
                visit.complaints.append(f"asked for {route.request.url}")
                route.abort()

        def heard(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning") and "status of 4" not in message.text:
                visit.complaints.append(message.text)

        context.route("**/*", only_here)
        visit.page.on("console", heard)
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        return visit

    yield start
    for each in opened:
        each.page.context.close()
    assert [complaint for each in opened for complaint in each.complaints] == []


WORKFLOW = {
    "version": "1.1",
    "name": "parcel-life",
    "initialState": "PACKED",
    "active": True,
    "states": {
        "PACKED": {"transitions": [{"name": "SEND", "next": "SENT", "manual": True}]},
        "SENT": {"transitions": [{"name": "LOSE", "next": "LOST", "manual": True, "disabled": True}]},
        "LOST": {},
    },
}


@pytest.fixture(scope="session")
def parcels(site: Site) -> list[str]:
    """Sixty parcels with a workflow; their ids."""
    headers = {"Authorization": f"Bearer {site.node.token()}"}
    with httpx.Client(base_url=site.node.api, headers=headers) as api:
        sample = {"to": "Ann", "weight": 1.5, "stops": [{"city": "Berlin"}], "note": None}
        api.post("/model/import/JSON/SAMPLE_DATA/parcel/1", json=sample).raise_for_status()
        api.put("/model/parcel/1/lock").raise_for_status()
        body = {"importMode": "REPLACE", "workflows": [WORKFLOW]}
        api.post("/model/parcel/1/workflow/import", json=body).raise_for_status()
        made = api.post("/entity/JSON/parcel/1", json=[sample | {"weight": n + 0.25} for n in range(60)])
        return made.json()[0]["entityIds"]


OPERATORS_SESSION: Any = {}


def new_operator(visit: Visits) -> Visit:
    """Signed in on the way to the back office."""
    browser = visit(scripts=True)
    browser.open("/admin/")
    assert browser.path.startswith("/login?next=")
    browser.send(login=ADMIN, password=ADMIN_PASSWORD)
    return browser


def operator(visit: Visits) -> Visit:
    """Signed in, by the session of the first test that asks."""
    if not OPERATORS_SESSION:
        OPERATORS_SESSION.update(new_operator(visit).page.context.storage_state())
    return visit(scripts=True, storage_state=OPERATORS_SESSION)


def invite(office: Visit, email: str, role: str = "Developer", organisation: str = TENANT) -> str:
    """The link that is mailed after the operator has invited an address to the tenant's organisation."""
    office.open("/admin/tenants/invitation/")
    office.page.get_by_text("Invite a person").first.click()
    office.page.locator("[name=email]").fill(email)
    office.page.locator("[name=organisation]").fill(organisation)
    office.page.locator("[name=role]").select_option(label=role)
    office.page.locator("[name=reason]").fill("as the test wants it")
    office.page.locator("form:has([name=email]) [type=submit]").click()
    return office.site.mailbox.link(email)
