"""Every page in a real browser: nothing serious that axe finds, in its window, light enough (ui: 4.7, 4.8, 4.11)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import axe_playwright_python
import httpx
import pytest
from django.urls import Resolver404, resolve

from tenants.ui.console.urls import urlpatterns as of_environments
from tenants.ui.organisation.urls import urlpatterns as of_organisations
from tests.browser.conftest import WORKFLOW, Site, Visit, Visits, operator
from tests.browser.looks import UNNAMED
from tests.browser.test_console import enter
from tests.pages import OPERATOR, Sample

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text()
RULES = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
LIFE = "envelope-life"
STILL: Any = "reduce"
"""A colour on its way to another is no finding."""
SERIOUS = {"serious", "critical"}
BUDGET_BYTES = 150_000
"""Of a first visit: the page and all it loads, as sent."""
GRAPH, CODE = 25_000, 130_000
HEAVIER = {
    **dict.fromkeys(("workflow-graph", "entity-workflow"), GRAPH),
    **dict.fromkeys(("entity-new", "entity-edit", "workflow-import", "workflow-simulate"), CODE),
}
"""What draws a graph may bring its layout, and what edits texts its editor."""
ELSEWHERE = {
    *("application", "client_secret", "draft", "draft_criterion", "draft_json", "draft_part", "draft_publish"),
    *("draft_steps", "export", "member", "message", "provider", "search"),
}
"""Pages of what somebody has to make first: the tests that make it look at them."""
ANSWERS = {
    *("application_act", "client_delete", "draft_act", "draft_begin", "draft_check", "entity_value", "export_cancel"),
    *("export_start", "fire", "member_end", "member_remove", "message_delete", "model_act", "model_indexes"),
    *("model_keys", "provider_delete", "provider_invalidate", "provider_reactivate", "provider_reload"),
    *("provider_sign_in", "provider_signed_in", "provisioning_act", "resend", "revoke", "sample", "search_act"),
    *("search_start", "trusted_key_delete", "trusted_key_invalidate", "trusted_key_reactivate", "view_act"),
    *("workflow_delete", "workflow_restore", "workflow_switch"),
    *("audit_export", "client_env", "entity_download", "export_file", "message_download", "workflow_export"),
}
"""What forms and scripts ask for, and files."""


@pytest.fixture(scope="module")
def entity(site: Site) -> tuple[str, str]:
    """One of sixty, and the transaction that made them."""
    headers = {"Authorization": f"Bearer {site.node.token()}"}
    with httpx.Client(base_url=site.node.api, headers=headers) as api:
        document = {"to": "Ann", "weight": 1.5, "stops": [{"city": "Berlin"}], "note": None}
        api.post("/model/import/JSON/SAMPLE_DATA/envelope/1", json=document).raise_for_status()
        api.put("/model/envelope/1/lock").raise_for_status()
        body = {"importMode": "REPLACE", "workflows": [WORKFLOW | {"name": LIFE}]}
        api.post("/model/envelope/1/workflow/import", json=body).raise_for_status()
        made = api.post("/entity/JSON/envelope/1", json=[document] * 60).json()[0]
        return made["entityIds"][0], made["transactionId"]


@pytest.fixture
def sample(visit: Visits, entity: tuple[str, str]) -> tuple[Visit, Sample]:
    """An owner's browser with scripts, and what it can open."""
    session = enter(visit, "Owner")
    state = session.page.context.storage_state()
    browser = visit(scripts=True, reduced_motion=STILL, storage_state=state)
    entity_id, transaction = entity
    return browser, Sample(
        environment=session.path, model="envelope/1", entity=entity_id, transaction=transaction, workflow=LIFE
    )


def test_every_page_is_accessible_fits_and_is_light(sample: tuple[Visit, Sample]) -> None:
    browser, places = sample
    assert faulty(browser, places.pages()) == {}


def test_so_is_every_page_of_operators(visit: Visits) -> None:
    state = operator(visit).page.context.storage_state()
    browser = visit(scripts=True, reduced_motion=STILL, storage_state=state)
    assert faulty(browser, OPERATOR) == {}


def faulty(browser: Visit, pages: Mapping[str, str]) -> dict[str, list[Any]]:
    """By the names of the pages what is wrong with them."""
    network = browser.page.context.new_cdp_session(browser.page)
    network.send("Network.enable")
    network.send("Network.setCacheDisabled", {"cacheDisabled": True})
    sizes: list[int] = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    faults: dict[str, list[Any]] = {}
    for name, path in pages.items():
        sizes.clear()
        found = list(faults_of(browser, path))
        if sum(sizes) > BUDGET_BYTES + HEAVIER.get(name, 0):
            found.append(f"{sum(sizes)} bytes")
        if found:
            faults[name] = found
    return faults


def faults_of(browser: Visit, path: str) -> Any:
    browser.page.set_viewport_size({"width": 1280, "height": 800})
    browser.open(path)
    browser.page.wait_for_load_state("load")
    page = browser.page
    page.evaluate(AXE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] - one of its literals
        result = page.evaluate("options => axe.run(document, options)", RULES)
        for violation in result["violations"]:
            if violation["impact"] in SERIOUS:
                yield scheme, violation["id"], [node["html"][:200] for node in violation["nodes"][:3]]
    if page.locator("h1").count() != 1 or not page.title().endswith("Cyoda"):
        yield "heading or title"
    yield from page.evaluate(UNNAMED)
    for width in (320, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
            yield f"wider than {width} px"


def test_every_page_is_among_these(sample: tuple[Visit, Sample]) -> None:
    """A page that is new is named in tests/pages.py, or is none."""
    named = {resolved_name(path) for path in sample[1].pages().values()}
    declared = {str(pattern.name) for pattern in (*of_environments, *of_organisations)}
    assert declared - named - ELSEWHERE - ANSWERS == set()


def resolved_name(path: str) -> str | None:
    try:
        return resolve(path).url_name
    except Resolver404:
        return None
