"""Workflows in a real browser: a draft changed and undone in one click, the code pane, the graph, and their looks."""

from __future__ import annotations

from typing import Literal

import httpx
import pytest

from tests.browser.conftest import WORKFLOW, Site, Visits
from tests.browser.looks import check
from tests.browser.test_console import enter

GUARDED = {
    **WORKFLOW,
    "name": "letter-life",
    "states": {
        "PACKED": {
            "transitions": [
                {
                    "name": "SEND", "next": "SENT", "manual": False,
                    "criterion": {
                        "type": "group", "operator": "AND", "conditions": [
                            {"type": "simple", "jsonPath": "$.weight", "operatorType": "BETWEEN", "value": [1, 2.5]},
                            {"type": "function", "function": {"name": "isFine", "config": {}}},
                        ],
                    },
                    "processors": [{"type": "externalized", "name": "stamp", "config": {"calculationNodesTags": "x"}}],
                },
            ]
        },
        "SENT": {},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def letters(site: Site) -> None:
    """A model with a letter, a workflow, and a version before it."""
    headers = {"Authorization": f"Bearer {site.node.token()}"}
    with httpx.Client(base_url=site.node.api, headers=headers) as api:
        api.post("/model/import/JSON/SAMPLE_DATA/letter/1", json={"weight": 1.5}).raise_for_status()
        api.put("/model/letter/1/lock").raise_for_status()
        for definition in ({**WORKFLOW, "name": "letter-life"}, GUARDED):
            body = {"importMode": "REPLACE", "workflows": [definition]}
            api.post("/model/letter/1/workflow/import", json=body).raise_for_status()
        api.post("/entity/JSON/letter/1", json={"weight": 9}).raise_for_status()


def test_a_workflow_is_changed_with_and_without_scripts_and_every_page_of_it_can_be_read(
    visit: Visits, letters: None
) -> None:
    plain = enter(visit, "Owner")
    home = plain.path
    plain.open(f"{home}workflows/letter/1/letter-life/")
    plain.click("Edit")
    draft = plain.path
    plain.page.locator("#new-state").fill("LOST")
    plain.click("Add")
    assert "state LOST added" in plain.text

    browser = visit(scripts=True, storage_state=plain.page.context.storage_state())
    page = browser.page
    browser.open(f"{draft}json?at=/states/LOST")
    page.locator("code-pane .cm-activeLine", has_text='"LOST"').wait_for()
    page.keyboard.press("End")
    page.keyboard.type(' "x"')
    page.locator(".pane-issues", has_text="This is no JSON").wait_for()
    page.keyboard.press("Control+z")
    page.locator(".pane-issues", has_text="no transition leads here").wait_for()
    page.get_by_role("button", name="▲", exact=False).first.click()

    combinations: list[tuple[int, Literal["light", "dark"]]] = [(320, "dark"), (1280, "light")]
    transition = "?at=/states/PACKED/transitions/0"
    pages = [
        "workflows/", "workflows/new", "workflows/letter/1/letter-life/", "workflows/letter/1/versions",
        "workflows/letter/1/import", "workflows/letter/1/simulate", "workflows/letter/1/versions/1/restore",
    ]  # fmt: skip
    parts = ["", "part", f"part{transition}", f"criterion{transition}", "json", "steps?step=2", "publish"]
    for width, scheme in combinations:  # what fits depends on the width only, what can be read on the theme only
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        for path in (*(home + each for each in pages), *(draft + each for each in parts)):
            check(browser, path)

    plain.open(f"{draft}publish")
    plain.page.get_by_label("I have seen the warnings").check()
    plain.page.get_by_role("button", name="Publish", exact=True).click()
    assert "Published as version 3" in plain.text
    plain.page.get_by_role("button", name="Undo that").click()
    assert "as they were, as a new version" in plain.text
    plain.open(f"{home}workflows/letter/1/letter-life/")
    assert "LOST" not in plain.text

    browser.open(f"{home}workflows/letter/1/letter-life/")
    page.locator(".graph .state").first.wait_for()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save as SVG").click()
    assert "PACKED" in saved.value.path().read_text()
    page.get_by_role("link", name="1 entities in PACKED").click()
    assert "1 entit" in browser.text
    page.locator("tbody th a").first.click()
    browser.open(browser.path.rstrip("/") + "/workflow")
    page.locator(".graph .here", has_text="PACKED").wait_for()
