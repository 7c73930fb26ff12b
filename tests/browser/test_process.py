"""Runs, members and messages in a real browser, and how their pages stay current (ui: 4.2-4.4)."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Site, Visit, Visits, invite, operator
from tests.browser.looks import check

FLOW = {
    "version": "1.3", "name": "box-life", "initialState": "PACKED",
    "states": {
        "PACKED": {"transitions": [{"name": "SEND", "next": "SENT", "manual": True, "processors": [
            {"name": "label", "executionMode": "SYNC", "config": {"calculationNodesTags": "printer"}}]}]},
        "SENT": {},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def api(site: Site) -> Iterator[httpx.Client]:
    """A client of the organisation, with a model and one run."""
    headers = {"Authorization": f"Bearer {site.node.token()}"}
    with httpx.Client(base_url=site.node.api, headers=headers) as api:
        api.post("/model/import/JSON/SAMPLE_DATA/box/1", json={"n": 1}).raise_for_status()
        api.put("/model/box/1/lock").raise_for_status()
        body = {"importMode": "REPLACE", "workflows": [FLOW]}
        api.post("/model/box/1/workflow/import", json=body).raise_for_status()
        send(api)
        yield api


def send(api: httpx.Client) -> str:
    """Make a box; nobody prints its label."""
    box = api.post("/entity/JSON/box/1", json={"n": 1}).json()[0]["entityIds"][0]
    assert api.put(f"/entity/JSON/{box}/SEND", json={"n": 2}).status_code == 503
    return box


@pytest.fixture
def there(visit: Visits) -> tuple[Visit, str]:
    """A developer with scripts, and where the pages of the environment begin."""
    browser = visit(scripts=True)
    browser.open(invite(operator(visit), f"process-{time.time_ns()}@example.org", "Developer"))
    browser.send(first_name="Ann", last_name="Lee", password=PASSWORD)
    browser.open("/")
    return browser, browser.page.locator("main a[href*='/e/']").first.get_attribute("href") or ""


def test_a_page_shows_what_happens_unless_it_is_held_and_asks_when_there_is_no_stream(
    there: tuple[Visit, str], api: httpx.Client
) -> None:
    browser, base = there
    page, rows = browser.page, browser.page.locator(".run-table tbody tr")
    browser.open(f"{base}runs/?model=box")
    status = page.locator("live-status")
    expect(status).to_have_attribute("data-state", "live")
    seen = rows.count()
    page.locator(".run-filter summary").click()
    send(api)
    expect(rows).to_have_count(seen + 2)
    expect(page.locator(".run-filter")).to_have_attribute("open", "")
    status.get_by_role("button", name="Pause").click()
    send(api)
    expect(status).to_have_attribute("data-state", "paused")
    assert rows.count() == seen + 2
    status.get_by_role("button", name="Go on").click()
    expect(rows).to_have_count(seen + 4)
    page.route("**/live/**", lambda route: route.abort())
    page.clock.install()
    page.reload()
    deadline = time.monotonic() + 20
    while status.get_attribute("data-state") != "polling":
        assert time.monotonic() < deadline
        page.clock.run_for(1000)
    send(api)
    while rows.count() < seen + 6:
        assert time.monotonic() < deadline
        page.clock.run_for(1000)
    browser.complaints[:] = [one for one in browser.complaints if "ERR_FAILED" not in one]


def test_each_page_is_as_wide_as_its_window_and_readable_in_both_themes(
    there: tuple[Visit, str], api: httpx.Client
) -> None:
    box = send(api)
    message = api.post("/message/new/boxs.sent", json={"payload": {"n": 1}, "metaData": {"to": "Ann"}}).json()
    browser, base = there
    failed = api.get("/audit/transactions").json()["items"][0]["transactionId"]
    paths = [
        "runs/", "runs/?status=OPEN&model=box", f"runs/{failed}/", "members/", "applications/",
        "messages/", f"messages/{message[0]['entityIds'][0]}/", "messages/new", f"entities/{box}/history",
        "provisioning",
    ]  # fmt: skip
    for scheme, width in (("light", 320), ("dark", 1280)):
        browser.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] - one of two
        browser.page.set_viewport_size({"width": width, "height": 800})
        for path in paths:
            check(browser, base + path)
    browser.open(f"{base}runs/{failed}/")
    assert "no matching calculation member" in browser.text
    assert "No member with the tag printer." in (browser.open(f"{base}members/") or browser.text)
