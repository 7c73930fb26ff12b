"""The back office in a real browser, and what running nodes do after an operator changed something there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.browser.conftest import ADMIN, ADMIN_PASSWORD, Site, Visit, Visits
from tests.nodes import TENANT

IN_FORCE_S = 1.5
"""A second for nodes to hear of it, and the time of the look itself."""
WORKFLOW = {
    "version": "1.1",
    "name": "life",
    "initialState": "DRAFT",
    "active": True,
    "states": {"DRAFT": {"transitions": [{"name": "CLOSE", "next": "CLOSED", "manual": True}]}, "CLOSED": {}},
}


@pytest.fixture
def office(visit: Visits) -> Visit:
    browser = visit(scripts=True)
    browser.open("/admin/")
    browser.send(login=ADMIN, password=ADMIN_PASSWORD)
    browser.page.wait_for_url("**/admin/")
    browser.page.wait_for_load_state("networkidle")  # its fonts are in: nothing is broken off by the next page
    return browser


@pytest.fixture
def api(site: Site) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {site.node.token()}"}
    with httpx.Client(base_url=site.node.api, headers=headers) as client:
        client.post("/model/import/JSON/SAMPLE_DATA/order/1", json={"total": 1})
        yield client


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + IN_FORCE_S
    while not holds():
        assert time.monotonic() < deadline


def go(office: Visit, list_name: str, search: str) -> None:
    office.open(f"/admin/tenants/{list_name}/?q={search}")
    office.page.locator("#result_list tbody a").first.click()


def operate(office: Visit, button: str, *, confirm: str = "", **fields: str) -> None:
    office.page.locator("a", has_text=button).first.click()  # its icon is text too
    for name, value in fields.items():
        office.page.locator(f"[name={name}]").fill(value)
    office.page.get_by_role("button", name=confirm or button, exact=True).click()


def test_a_suspended_organisation_is_refused_within_a_second(office: Visit, api: httpx.Client) -> None:
    go(office, "organisation", TENANT)
    operate(office, "Suspend", reason="unpaid")
    office.page.get_by_text(f"{TENANT} is suspended.").wait_for()
    until(lambda: api.get("/model/").status_code == 403)
    operate(office, "Activate", reason="paid")
    until(lambda: api.get("/model/").status_code == 200)
    office.open("/admin/tenants/auditevent/?actor=admin&action__icontains=suspended")
    assert "unpaid" in office.text


def test_saved_workflows_are_in_force_at_once_and_refused_ones_stay_on_the_page(
    office: Visit, api: httpx.Client
) -> None:
    api.put("/model/order/1/lock")
    go(office, "environment", TENANT)
    office.page.locator("a", has_text="Entity models and workflows").click()
    office.page.get_by_role("link", name="order").click()
    wrong = json.dumps([WORKFLOW | {"initialState": "NOWHERE"}])
    operate(office, "Edit workflows", confirm="Save", document=wrong, reason="ticket 1")
    office.page.get_by_text("VALIDATION_FAILED").wait_for()
    assert office.page.locator("[name=document]").input_value() == wrong
    office.page.locator("[name=document]").fill(json.dumps([WORKFLOW]))
    office.page.get_by_role("button", name="Save").click()
    office.page.get_by_text("The workflows are saved and in force.").wait_for()
    made = api.post("/entity/JSON/order/1", json={"total": 2}).json()
    entity = api.get(f"/entity/{made[0]['entityIds'][0]}").json()
    assert entity["meta"]["state"] == "DRAFT"


def test_a_new_clients_secret_is_shown_once_and_gets_tokens_at_once(office: Visit, site: Site) -> None:
    office.open("/admin/tenants/client/")
    office.page.locator("a", has_text="New client").click()
    office.page.locator("[name=environment]").fill(TENANT)
    office.page.locator("[name=reason]").fill("a partner")
    office.page.get_by_role("button", name="Create").click()
    office.page.get_by_text("The client is made.").wait_for()
    office.page.wait_for_load_state()
    client, secret = office.page.locator("dd code").all_inner_texts()
    grant = {"grant_type": "client_credentials"}
    assert httpx.post(f"{site.node.api}/oauth/token", auth=(client, secret), data=grant).status_code == 200
    office.click("I have copied it")
    assert client in office.text
    assert secret not in office.html
    office.page.go_back()
    assert secret not in office.html
    assert secret not in site.node.log.read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_of_the_back_office_show_in_both_themes(office: Visit, scheme: str) -> None:
    office.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    for page in ("", "tenants/organisation/", "tenants/environment/", "tenants/auditevent/", "auth/user/"):
        office.open(f"/admin/{page}")
        assert office.page.locator("h1, h2").first.is_visible()
    dark = office.page.evaluate("document.documentElement.classList.contains('dark')")
    assert dark == (scheme == "dark")
