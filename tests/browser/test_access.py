"""Who gets in, in a real browser: a client's first call, a provider that is tried by signing in, how the pages look."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest

from tenants.identity.keys import load_key_pair
from tests.browser.conftest import ADMIN, ADMIN_PASSWORD, PASSWORD, Site, Visit, Visits, invite, operator
from tests.browser.looks import check
from tests.browser.provider import CLIENT_ID, CLIENT_SECRET

ROOM = str(uuid4())
"""A tenant of its own: providers need one whose id is a UUID."""


@pytest.fixture(scope="module")
def room(site: Site) -> str:
    """The organisation of the tenant, which is there since the first call with a token of it."""
    now, key = int(time.time()), load_key_pair(site.node.key)
    claims = {"iss": "cyoda", "sub": "x", "caas_org_id": ROOM, "scopes": ["ROLE_M2M"], "iat": now, "exp": now + 60}
    token = jwt.encode(claims, site.node.key, algorithm="RS256", headers={"kid": key.kid})
    httpx.get(f"{site.node.api}/model", headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    return ROOM


KNOWN: dict[str, Any] = {}
"""The session of the first test's owner, and where its environment is."""


@pytest.fixture
def owner(visit: Visits, room: str) -> Visit:
    """An owner of it, at the overview of its environment."""
    if not KNOWN:
        link = invite(operator(visit), "access@example.org", "Owner", room)
        browser = visit()
        browser.open(link)
        browser.send(first_name="Olga", last_name="Lee", password=PASSWORD)
        browser.open("/")
        KNOWN["path"] = browser.page.locator("main .rows a").first.get_attribute("href")
        KNOWN["session"] = browser.page.context.storage_state()
    browser = visit(storage_state=KNOWN["session"])
    browser.open(KNOWN["path"])
    return browser


def test_a_new_client_makes_its_first_call_as_its_page_says(owner: Visit, tmp_path: Path) -> None:
    owner.open(f"{owner.path}clients/new")
    owner.page.locator("[name=label]").fill("Nightly reports")
    owner.page.get_by_role("button", name="Make it").click()
    owner.page.get_by_text("The secret is shown only now.").wait_for()
    command = owner.page.locator("main pre").first.inner_text()
    with owner.page.expect_download() as downloading:
        owner.page.get_by_role("button", name="Download").click()
    downloading.value.save_as(tmp_path / downloading.value.suggested_filename)
    answer = subprocess.run(["bash", "-euc", command], cwd=tmp_path, capture_output=True, timeout=20, check=True)
    assert ROOM in json.dumps(json.loads(answer.stdout))
    owner.click("I have kept it")
    assert "Nightly reports" in owner.text
    assert "by access@example.org" in owner.text


def test_a_provider_is_tried_by_signing_in_there_and_registered(owner: Visit) -> None:
    form = owner.page
    owner.open(f"{owner.path}providers/new")
    form.locator("[name=uri]").fill(f"{owner.site.provider.url}/.well-known/openid-configuration")
    form.locator("[name=audiences]").fill("another")
    form.locator("[name=client_id]").fill(CLIENT_ID)
    for audience, said in (("another", "The token would be refused"), (CLIENT_ID, "The token would be accepted")):
        form.locator("[name=audiences]").fill(audience)
        owner.click("Sign in there")
        form.get_by_role("link", name="Go to").click()
        form.locator("[name=email]").fill("jane@example.org")
        form.locator("[name=ok]").click()
        form.locator("[name=secret]").fill(CLIENT_SECRET)
        owner.click("Fetch the token and try it")
        assert said in owner.text
    assert "id of jane@example.org" in owner.text
    owner.click("Register it")
    assert "tokens that it issues from now on are accepted" in owner.text
    assert "1 key" in owner.text


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_the_pages_of_access_fit_and_can_be_read(visit: Visits, owner: Visit, width: int, scheme: str) -> None:
    begin, look = owner.path, {"viewport": {"width": width, "height": 700}, "color_scheme": scheme}
    browser = visit(scripts=True, storage_state=KNOWN["session"], **look)
    house = begin.partition("/e/")[0]
    browser.open(f"{house}/people/")
    member = str(browser.page.locator("main tbody th a").first.get_attribute("href"))
    pages = [f"{begin}{page}" for page in ("clients/", "clients/new", "providers/", "providers/new", "trusted-keys/",
                                           "trusted-keys/new", "audit/", "audit/?who=nobody")]  # fmt: skip
    pages += [f"{house}/{page}" for page in ("people/", "people/roles", "people/leave", "audit/")]
    for path in [*pages, f"{member}?role=ROLE_VIEWER"]:
        check(browser, path)
    office = visit(scripts=True, **look)
    office.open("/login")
    office.send(login=ADMIN, password=ADMIN_PASSWORD)
    for path in ("/platform/keys/", "/platform/keys/new"):
        check(office, path)
