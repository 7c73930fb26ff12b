"""Lists of entities in a real browser: filters built in place, exports that say how far they are (ui: 4.4, 4.8)."""

from __future__ import annotations

import csv
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from tests.browser.conftest import PASSWORD, Site, Visit, Visits, invite, operator
from tests.browser.looks import check

CRATES = 60


@pytest.fixture(scope="module")
def crates(site: Site) -> None:
    headers = {"Authorization": f"Bearer {site.node.token()}"}
    with httpx.Client(base_url=site.node.api, headers=headers) as api:
        sample = {"label": "a", "weight": 1.5, "sealed": True, "stops": [{"city": "Oslo"}]}
        api.post("/model/import/JSON/SAMPLE_DATA/crate/1", json=sample).raise_for_status()
        api.put("/model/crate/1/lock").raise_for_status()
        made = [sample | {"label": f"crate {n}", "weight": n + 0.5, "sealed": n % 2 == 0} for n in range(CRATES)]
        api.post("/entity/JSON/crate/1", json=made).raise_for_status()


@pytest.fixture
def here(visit: Visits, crates: None) -> Visit:
    """A person at the list of crates, with scripts."""
    link = invite(operator(visit), f"lists-{time.time_ns()}@example.org", "Developer")
    browser = visit(scripts=True)
    browser.open(link)
    browser.send(first_name="Ann", last_name="Lee", password=PASSWORD)
    browser.open("/")
    browser.page.locator("main .rows a").first.click()
    browser.page.wait_for_load_state()
    browser.open(f"{browser.path}entities/crate/1/")
    return browser


def test_a_nested_filter_is_built_in_place_and_a_link_to_it_shows_the_same(here: Visit, tmp_path: Path) -> None:
    page = here.page
    page.locator("#filter > summary").click()
    first = page.locator(".condition-row").first
    first.get_by_label("Field").select_option("$.weight")
    assert "contains" not in first.get_by_label("Operator").inner_text()
    first.get_by_label("Operator").select_option("BETWEEN_INCLUSIVE")
    first.get_by_label("Value", exact=True).fill("10")
    first.get_by_label("End of the range").fill("20")
    page.get_by_role("button", name="Add a group").click()
    inner = page.locator(".condition-group .condition-group")
    inner.get_by_label("Field").select_option("$.sealed")
    inner.get_by_label("Value", exact=True).select_option("false")
    inner.get_by_role("button", name="Add a condition").click()
    inner.locator(".condition-row").last.get_by_label("Field").select_option("$.label")
    inner.locator(".condition-row").last.get_by_label("Value", exact=True).fill("crate 12")
    inner.get_by_role("button", name="Add a condition").click()
    inner.get_by_role("button", name="Remove", exact=True).last.click()
    page.get_by_role("button", name="Apply", exact=True).last.click()
    assert "1 to 6 of 6 entities" in here.text
    assert "sealed is false or label is crate 12" in here.text
    again = page.url
    here.open(again)
    page.locator("#filter > summary").click()
    assert inner.locator(".condition-row").count() == 2
    page.get_by_text("Export", exact=True).first.click()
    page.get_by_role("button", name="Export", exact=True).click()
    download = page.get_by_role("link", name="Download the file (CSV)")
    expect(download).to_be_visible()
    with page.expect_download() as sent:
        download.click()
    sent.value.save_as(tmp_path / "crates.csv")
    lines = list(csv.reader((tmp_path / "crates.csv").read_text().splitlines()))
    assert (len(lines), lines[0][:2]) == (7, ["id", "state"])
    assert {line[lines[0].index("label")] for line in lines[1:]} >= {"crate 12", "crate 11"}


def test_every_page_of_lists_fits_and_can_be_read(here: Visit, visit: Visits) -> None:
    page, listed = here.page, here.path
    page.get_by_text("Save as a view").click()
    page.get_by_label("Name").fill("Heavy ones")
    page.get_by_role("button", name="Save", exact=True).click()
    here.open(f"{listed}?view=")
    page.get_by_role("button", name="Search in the background").click()
    page.wait_for_load_state()
    search, environment = here.path, listed.partition("entities/")[0]
    expect(page.get_by_text("1 to 50 of 60 entities")).to_be_visible()
    row = "c.g=OR&c.0.f=$.weight&c.0.o=BETWEEN&c.0.v=1&c.1.g=AND&c.1.0.f=@state&do=apply"
    paths = [
        f"{listed}?{row}", f"{listed}?explain=1&col=@state&col=$.stops[*].city&at=2100-01-01T00:00:00Z",
        f"{listed}?raw=x&do=json", f"{listed}views", f"{environment}searches/", search, f"{environment}jobs/",
    ]  # fmt: skip
    state = page.context.storage_state()
    for scheme, width in (("light", 1280), ("dark", 320)):
        browser = visit(
            scripts=True, viewport={"width": width, "height": 700}, color_scheme=scheme, storage_state=state
        )  # fmt: skip
        for path in paths:
            check(browser, path)
