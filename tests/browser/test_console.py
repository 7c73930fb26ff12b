"""The pages of an environment in a real browser, without scripts: data, history, transitions (ui: 4.2-4.4)."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.browser.conftest import PASSWORD, Site, Visit, Visits, invite, operator
from tests.browser.looks import check

MODEL_TABS = ("fields", "states", "workflows", "schema", "keys", "indexes", "check", "versions", "rules")


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    """The session of the module's developer, once there is one."""
    return {}


@pytest.fixture
def here(visit: Visits, parcels: list[str], kept: dict[str, Any]) -> Visit:
    """A developer of the organisation, at the overview of its environment."""
    if not kept:
        browser = enter(visit, "Developer")
        kept.update(session=browser.page.context.storage_state(), overview=browser.path)
        return browser
    browser = visit(storage_state=kept["session"])
    browser.open(kept["overview"])
    return browser


def enter(visit: Visits, role: str) -> Visit:
    link = invite(operator(visit), f"console-{time.time_ns()}@example.org", role)
    browser = visit()
    browser.open(link)
    browser.send(first_name="Ann", last_name="Lee", password=PASSWORD)
    browser.open("/")
    browser.page.locator("main .rows a").first.click()
    return browser


def tab(browser: Visit, name: str) -> None:
    browser.page.locator(".tabs a", has_text=name).click()
    browser.page.wait_for_load_state()


def test_data_is_found_from_the_overview(here: Visit, parcels: list[str]) -> None:
    assert here.heading == "development"
    assert "PACKED 60" in here.text
    here.page.get_by_role("link", name="parcel", exact=True).click()
    assert "$.stops[*].city" in here.text
    tab(here, "States")
    assert "PACKED" in here.text
    tab(here, "Workflows")
    here.page.get_by_role("link", name="parcel-life").click()
    assert "never: disabled" in here.text
    here.page.go_back()
    tab(here, "Schema")
    assert '"weight"' in here.text
    here.page.get_by_role("link", name="60 entities").click()
    assert "1 to 50 of 60 entities" in here.text
    here.click("Next")
    assert "51 to 60 of 60 entities" in here.text
    here.page.locator("tbody th a").first.click()
    assert here.page.locator("tr", has_text="city").inner_text().split() == ["city", "Berlin"]


def test_a_transition_is_taken_and_the_past_stays_to_be_seen(here: Visit, parcels: list[str]) -> None:
    here.open(f"{here.path}entities/{parcels[0]}/workflow")
    here.page.get_by_role("button", name="SEND").click()
    assert "SEND was taken; the state is SENT." in here.text
    assert here.page.get_by_role("button", name="LOSE").count() == 0
    tab(here, "History")
    assert 'Transition "SEND": PACKED → SENT' in here.text
    here.page.get_by_role("link", name="As it was then").last.click()
    assert "nothing can be changed here" in here.text
    assert here.page.get_by_role("link", name="Change").count() == 0
    tab(here, "Workflow")
    assert "It was in PACKED" in here.text
    here.page.get_by_role("link", name="Version after").click()
    assert here.page.locator(".title .badge").inner_text() == "SENT"
    here.page.get_by_role("link", name="Version before").last.click()
    assert here.page.locator(".title .badge").inner_text() == "PACKED"
    here.click("Show it as it is now")
    assert here.page.locator(".title .badge").inner_text() == "SENT"
    here.click("Look at another moment")
    here.page.locator("[name=at]").fill("2020-01-01T00:00:00")
    here.click("Look")
    assert here.heading == "This entity was not there then"
    here.complaints.clear()  # the browser says of a 404 that it is one
    here.click("Its first version")
    assert here.page.locator(".title .badge").inner_text() == "PACKED"


def test_a_transition_of_a_page_that_is_old_by_now_is_refused(here: Visit, parcels: list[str], site: Site) -> None:
    here.open(f"{here.path}entities/{parcels[1]}/workflow")
    headers = {"Authorization": f"Bearer {site.node.token()}"}
    change = {"to": "Bob", "weight": 1, "stops": [], "note": None}
    httpx.put(f"{site.node.api}/entity/JSON/{parcels[1]}", json=change, headers=headers).raise_for_status()
    here.page.get_by_role("button", name="SEND").click()
    assert "Nothing was done: somebody has changed this entity" in here.text
    assert here.page.locator(".title .badge").inner_text() == "PACKED"
    here.complaints.clear()  # the browser says of a 409 that it is one


def test_an_entity_is_changed_after_its_changes_were_shown(here: Visit, parcels: list[str]) -> None:
    here.open(f"{here.path}entities/{parcels[3]}/")
    here.click("Change")
    here.page.get_by_label("to", exact=True).fill("Bob")
    here.page.get_by_label("weight", exact=True).fill("heavy")
    here.page.get_by_role("button", name="Add an item to stops").click()
    assert "This is no number." in here.text
    here.page.get_by_label("city", exact=True).last.fill("Paris")
    here.page.get_by_label("weight", exact=True).fill("3.50")
    here.page.get_by_label("note", exact=True).fill("fragile")
    here.click("Show the changes")
    here.click("Save")
    assert "not compatible with [NULL]" in here.page.get_by_role("alert").inner_text()
    assert here.page.get_by_label("note", exact=True).get_attribute("aria-invalid") == "true"
    here.page.get_by_label("Kind of note").select_option("null")
    here.page.get_by_role("button", name="JSON").click()
    document = here.page.locator("[name=document]")
    assert '"Paris"' in document.input_value()
    document.fill(document.input_value().replace("Paris", "Rome"))
    here.page.get_by_role("button", name="Form").click()
    here.click("Show the changes")
    changed = {row.inner_text() for row in here.page.locator("tbody tr").all()}
    assert changed == {'$.to\t"Ann"\t"Bob"', "$.weight\t3.25\t3.50", '$.stops[1].city\tnothing\t"Rome"'}
    here.click("Save")
    assert "The change is saved." in here.text
    tab(here, "History")
    assert "changed by Ann Lee" in here.text
    assert "3 fields" in here.text
    here.click("What it changed")
    assert '"Bob"' in here.text
    here.click("As text")
    assert '+   "to": "Bob",' in here.text
    here.page.go_back()
    here.page.go_back()
    for version in here.page.locator("[name=v]").all():
        version.check()
    here.click("Compare the two ticked versions")
    here.click("Everything")
    assert "$.stops[0].city" in here.text
    here.click("Entity")
    tab_path = here.path
    here.open(tab_path)
    assert "3.50" in here.text


def test_a_change_of_what_others_have_changed_is_shown_before_it_is_made(
    here: Visit, parcels: list[str], site: Site
) -> None:
    here.open(f"{here.path}entities/{parcels[4]}/edit")
    here.page.get_by_label("to", exact=True).fill("Bob")
    here.click("Show the changes")
    headers = {"Authorization": f"Bearer {site.node.token()}"}
    theirs = {"to": "Carl", "weight": 9.5, "stops": [{"city": "Berlin"}], "note": None}
    httpx.put(f"{site.node.api}/entity/JSON/{parcels[4]}", json=theirs, headers=headers).raise_for_status()
    here.click("Save")
    assert "Somebody has changed this entity since you began" in here.text
    met = [row.inner_text().split("\t") for row in here.page.locator("tbody tr").all()]
    assert ["$.weight", "4.25", "9.5", "unchanged"] in met
    assert ['"Ann"', '"Carl"', '"Bob"'] in [row[1:] for row in met]
    here.page.get_by_role("button", name="mine where both changed").click()
    assert {row.inner_text() for row in here.page.locator("tbody tr").all()} == {'$.to\t"Carl"\t"Bob"'}
    here.click("Save")
    assert "The change is saved." in here.text
    assert "9.5" in here.text
    assert here.page.locator("tr", has_text="to").first.inner_text().split() == ["to", "Bob"]


@pytest.mark.parametrize(
    ("document", "said"), [("{", "This is no JSON"), ('{"weight": "heavy"}', "weight"), ("[]", "expected object")]
)
def test_a_document_that_cannot_be_is_refused_and_stays(
    here: Visit, parcels: list[str], document: str, said: str
) -> None:
    here.open(f"{here.path}entities/{parcels[5]}/edit?as=json")
    here.page.locator("[name=document]").fill(document)
    here.click("Show the changes")
    if here.page.get_by_role("button", name="Save").count():
        here.click("Save")
    assert said in here.text
    assert here.page.locator("[name=document]").input_value() == document


def test_entities_are_made(here: Visit, parcels: list[str]) -> None:
    here.open(f"{here.path}entities/parcel/1/new?as=json")
    here.page.locator("[name=document]").fill('{"to": "Dora", "weight": "much"}')
    here.page.get_by_role("button", name="Make it").last.click()
    assert "weight" in here.page.locator(".invalid-feedback").inner_text()
    here.page.locator("[name=document]").fill('{"to": "Dora", "weight": 1}')
    here.page.get_by_role("button", name="Form").click()
    here.page.get_by_label("weight", exact=True).fill("2")
    here.page.get_by_label("weight", exact=True).press("Enter")
    assert "1 made." in here.text
    assert "Dora" in here.text
    here.page.get_by_role("link", name="Delete").click()
    here.page.get_by_role("button", name="Delete it").click()
    assert "This entity was deleted" in here.text
    assert "Dora" in here.text
    tab(here, "History")
    assert "deleted by Ann Lee" in here.text
    assert here.page.get_by_role("link", name="Change", exact=True).count() == 0


def test_a_model_is_discovered_gets_a_workflow_and_goes(here: Visit, parcels: list[str]) -> None:
    here.open(f"{here.path}models/new")
    here.page.locator("[name=name]").fill("a/b")
    here.page.locator("[name=text]").fill('{"total": 1.5, ')
    here.click("Show what comes of it")
    assert "parse JSON" in here.text
    sample = {"name": "sample.json", "mimeType": "application/json", "buffer": b'{"total": 1, "lines": [{"n": 1}]}'}
    here.page.locator("[name=file]").set_input_files([sample])  # type: ignore[list-item] - a FilePayload
    here.click("Show what comes of it")
    assert "This makes a new model" in here.text
    here.click("Import it")
    assert here.heading == "a/b 1"
    assert "$.lines[*].n" in here.text
    here.page.get_by_role("link", name="Add a sample").click()
    here.page.locator("[name=format]").select_option("XML")
    here.page.locator("[name=text]").fill("<o><total>1.5</total><code>x</code></o>")
    here.click("Show what comes of it")
    assert "This widens the model" in here.text
    assert {row.inner_text() for row in here.page.locator("tbody tr").all()} == {
        "$.total\tINTEGER\tDOUBLE", "$.code\tnew field\tSTRING"
    }  # fmt: skip
    here.click("Import it")
    declare_and_check(here)
    tab(here, "Workflows")
    here.click("Edit and import")
    document = here.page.locator("[name=workflows]")
    first = document.input_value()
    document.fill(first.replace('"initialState": "NEW"', '"initialState": "NOWHERE"'))
    here.click("Show what it would change")
    assert 'initialState "NOWHERE" is not declared' in here.text
    here.page.locator("[name=workflows]").fill(first)
    here.click("Show what it would change")
    here.page.get_by_role("button", name="Import").click()
    assert "imported and in force" in here.text
    here.page.get_by_role("button", name="Lock", exact=True).click()
    assert "entities can be stored" in here.text
    here.page.get_by_label("STRUCTURAL").check()
    here.click("Set the level")
    assert here.page.locator(".allowed").count() == 4
    assert "It cannot be deleted while it is locked" in here.text
    here.click("Unlock")
    here.click("Delete")
    assert "The model is deleted." in here.text


def declare_and_check(here: Visit) -> None:
    """A unique key and an index of the model whose page is open, and a document tried against it."""
    tab(here, "Unique keys")
    here.page.get_by_label("$.code").check()
    here.page.get_by_role("button", name="Declare").click()
    assert "by-code" in here.text
    tab(here, "Indexes")
    here.page.get_by_label("@state").check()
    here.page.locator("[name=id]").fill("states")
    here.page.get_by_role("button", name="Declare").click()
    assert "states" in here.page.locator(".rows").inner_text()
    here.page.get_by_role("button", name="Drop").click()
    assert "No index is declared" in here.text
    tab(here, "Fields")
    assert "unique: by-code" in here.text
    tab(here, "Check")
    here.click("Check it")
    assert "The document fits the schema." in here.text
    here.page.locator("[name=text]").fill('{"total": "much", "lines": [{"n": 1}, {"m": 1}]}')
    here.click("Check it")
    assert "lines[1].m" in here.text
    assert "value of type STRING is not compatible with [DOUBLE]" in here.text
    tab(here, "Versions")
    here.click("Make another version from this one")
    here.page.locator("[name=version]").fill("2")
    here.click("Show what comes of it")
    here.click("Import it")
    assert here.heading == "a/b 2"
    tab(here, "Versions")
    here.click("Compare")
    assert "They have the same fields with the same types." in here.text
    here.page.get_by_role("link", name="a/b 1").click()


def test_a_model_with_entities_stays_locked(here: Visit, parcels: list[str]) -> None:
    here.open(f"{here.path}models/new?name=parcel&like=1")
    here.click("Show what comes of it")
    assert "The model is locked, so it takes no more samples" in here.text
    here.click("parcel 2")
    assert here.page.locator("[name=version]").input_value() == "2"
    here.page.get_by_role("link", name="Cancel").click()
    here.page.get_by_role("link", name="parcel", exact=True).click()
    tab(here, "Rules")
    assert here.page.get_by_role("button", name="Unlock").is_disabled()
    assert "Delete them first" in here.text


def test_a_workflow_is_a_graph_that_the_keyboard_walks(visit: Visits, parcels: list[str]) -> None:
    state = enter(visit, "Viewer")
    browser = visit(scripts=True, storage_state=state.page.context.storage_state())
    browser.open(f"{state.path}workflows/")
    browser.page.get_by_role("link", name="parcel-life").click()
    graph = browser.page.get_by_role("group", name="parcel-life")
    graph.get_by_role("button").first.wait_for()
    labels = [each.get_attribute("aria-label") for each in graph.get_by_role("button").all()]
    assert [str(label).partition(",")[0] for label in labels] == ["PACKED", "SENT", "LOST"]
    assert "0 in, 1 out" in str(labels[0])
    graph.get_by_role("button").first.focus()
    browser.page.keyboard.press("ArrowRight")
    browser.page.keyboard.press("ArrowRight")
    browser.page.keyboard.press("ArrowLeft")
    browser.page.keyboard.press("Enter")
    assert browser.page.evaluate("document.activeElement.id") == "state-SENT"


def test_a_viewer_sees_everything_and_changes_nothing(visit: Visits, parcels: list[str]) -> None:
    browser = enter(visit, "Viewer")
    browser.open(f"{browser.path}entities/{parcels[2]}/workflow")
    assert "SEND" in browser.text
    assert browser.page.get_by_role("button", name="SEND").count() == 0


def test_what_does_not_exist_is_said_so(here: Visit, parcels: list[str]) -> None:
    overview = here.path
    answer = here.page.goto(f"{here.site.base}{overview}entities/{uuid4()}/")
    assert answer is not None
    assert answer.status == 404
    assert "ENTITY_NOT_FOUND" in here.text
    here.complaints.clear()  # the browser says of a 404 that it is one


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_can_be_read(visit: Visits, parcels: list[str], width: int, scheme: str) -> None:
    session = enter(visit, "Owner")
    state = session.page.context.storage_state()
    browser = visit(scripts=True, viewport={"width": width, "height": 700}, color_scheme=scheme, storage_state=state)
    pages = ["", "models/", *(f"models/parcel/1/{name}" for name in MODEL_TABS), "models/new?name=parcel&like=1"]
    pages += [
        "entities/parcel/1/",
        *(f"entities/{parcels[0]}/{name}" for name in ("data", "workflow", "history", "json", "edit", "compare")),
        "entities/parcel/1/new",
    ]
    pages += [
        "provisioning",
        "connect",
        "settings",
        "../../settings",
        "clients/",
        "clients/new",
        "delete",
        "../../",
        "../../new",
        "../../people/",
        "../../audit/",
    ]
    for page in pages:
        check(browser, f"{session.path}{page}")
    browser.open(f"{session.path}entities/parcel/1/new")
    browser.page.get_by_label("weight", exact=True).fill("1")
    assert browser.page.get_by_label("Kind of weight").input_value() == "number"
