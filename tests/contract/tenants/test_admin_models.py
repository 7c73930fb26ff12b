"""Models and workflows in the back office: the data plane's own rules and messages, in force at once, audited."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser
from django.urls import reverse

from cyoda.data_plane import OperatorsDataPlane
from cyoda.errors import BadRequest, CyodaError
from cyoda.principal import Principal
from tenants.models import AuditEvent, Environment
from workflows.core.entity import ModelKey
from workflows.services import models, workflow_documents
from workflows.services.entities import create_entity

TENANT = "a b/ü"
CALLER = Principal(tenant=TENANT, user_id="caller", kind="user")
NAME = "or/der ü"
KEY = ModelKey(NAME, 1)
REASON = {"reason": "ticket 4711"}
WORKFLOW = {
    "version": "1.1",
    "name": "life",
    "initialState": "NEW",
    "active": True,
    "states": {"NEW": {"transitions": [{"name": "CLOSE", "next": "CLOSED", "manual": True}]}, "CLOSED": {}},
}


@pytest.fixture
def model(office: Browser, data_plane: OperatorsDataPlane) -> OperatorsDataPlane:
    """A tenant's model, unlocked."""
    body, platform = b'{"total": 1.10, "note": "x"}', data_plane.platform
    made = models.import_model(
        CALLER, KEY, body, data_format="JSON", converter="SAMPLE_DATA", platform=platform
    )  # fmt: skip
    data_plane.runs.run(made)
    return data_plane


def url(page: str) -> str:
    environment = Environment.objects.get()
    arguments: list[Any] = [environment.pk] if page == "models" else [environment.pk, 1, NAME]
    return reverse(f"admin:tenants_environment_{page}", args=arguments)


def shown(browser: Browser, page: str) -> str:
    answer = browser.get(url(page))
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def seen(browser: Browser) -> str:
    [digest] = re.findall(r'name="seen" value="(\w+)"', shown(browser, "model_workflows"))
    return digest


def saved(browser: Browser, workflows: Any, mode: str = "REPLACE", **values: str) -> Any:
    document = workflows if isinstance(workflows, str) else json.dumps(workflows)
    values = REASON | {"document": document, "mode": mode, "seen": seen(browser)} | values
    return browser.post(url("model_workflows"), values)


def workflows_of(data_plane: OperatorsDataPlane) -> list[Any]:
    return json.loads(data_plane.model(TENANT, NAME, 1).workflows)


def test_an_environments_models_are_listed_with_their_states(office: Browser, model: OperatorsDataPlane) -> None:
    page = reverse("admin:tenants_environment_change", args=[Environment.objects.get().pk])
    assert url("models") in office.get(page).content.decode()
    text = shown(office, "models")
    assert NAME in text
    assert "unlocked" in text
    assert url("model") in text


def test_a_models_page_shows_its_schema_and_workflows(office: Browser, model: OperatorsDataPlane) -> None:
    saved(office, [WORKFLOW])
    text = shown(office, "model")
    assert '"$.total"' in text or '".total"' in text or '"total"' in text
    assert '"CLOSE"' in text


def test_saved_workflows_are_in_force_in_the_same_node_at_once(office: Browser, model: OperatorsDataPlane) -> None:
    model.runs.run(models.lock_model(CALLER, KEY, platform=model.platform))

    def state_of_a_new_entity() -> str:
        made = model.runs.run(create_entity(CALLER, KEY, b'{"total": 1}', data_format="JSON", platform=model.platform))
        [version] = model.runs.run(model.platform.storage.read(TENANT, made.entity_ids)).values()
        return version.state

    assert saved(office, [WORKFLOW]).status_code == 302
    assert state_of_a_new_entity() == "NEW"
    other = WORKFLOW | {"initialState": "CLOSED"}
    assert saved(office, [other]).status_code == 302
    assert state_of_a_new_entity() == "CLOSED"


@pytest.mark.parametrize(
    "workflows",
    [
        [WORKFLOW | {"initialState": "NOWHERE"}],
        [WORKFLOW | {"version": "9.9"}],
        [WORKFLOW | {"colour": "red"}],
        [WORKFLOW | {"states": {}}],
        {"not": "an array"},
    ],
)
def test_refusals_are_the_apis_and_change_nothing(office: Browser, model: OperatorsDataPlane, workflows: Any) -> None:
    saved(office, [WORKFLOW])
    before, events = workflows_of(model), AuditEvent.objects.count()
    body = json.dumps({"importMode": "REPLACE", "workflows": workflows}).encode()
    with pytest.raises(CyodaError) as refusal:
        model.runs.run(workflow_documents.import_workflows(CALLER, KEY, body, platform=model.platform))
    answer = saved(office, workflows)
    assert answer.status_code == 200
    text = html.unescape(answer.content.decode())
    assert refusal.value.detail in text
    assert "ticket 4711" in text, "what was typed is still there"
    assert (workflows_of(model), AuditEvent.objects.count()) == (before, events)


def test_a_text_that_is_no_json_is_refused(office: Browser, model: OperatorsDataPlane) -> None:
    for text in ("[", '[], "importMode": "MERGE"', "[1e]"):
        answer = saved(office, text)
        assert f"{BadRequest.code}: invalid JSON" in html.unescape(answer.content.decode())


def test_numbers_keep_their_spelling(office: Browser, model: OperatorsDataPlane) -> None:
    criterion = '{"type":"simple","jsonPath":"$.total","operatorType":"GREATER_THAN","value":1.10}'
    document = json.dumps([WORKFLOW | {"criterion": None}]).replace("null", criterion)
    assert saved(office, document).status_code == 302
    assert "1.10" in shown(office, "model_workflows")


def test_a_save_over_somebody_elses_is_refused(office: Browser, model: OperatorsDataPlane) -> None:
    stale = seen(office)
    saved(office, [WORKFLOW])
    answer = saved(office, [], seen=stale)
    assert "Somebody else changed the workflows" in answer.content.decode()
    assert workflows_of(model) != []


def test_modes_merge_replace_and_activate(office: Browser, model: OperatorsDataPlane) -> None:
    saved(office, [WORKFLOW])
    saved(office, [WORKFLOW | {"name": "second"}], "MERGE")
    assert [one["name"] for one in workflows_of(model)] == ["life", "second"]
    saved(office, [WORKFLOW | {"name": "second"}], "ACTIVATE")
    assert [one["active"] for one in workflows_of(model)] == [False, True]
    saved(office, [WORKFLOW], "REPLACE")
    assert [one["name"] for one in workflows_of(model)] == ["life"]


def test_every_change_is_in_the_audit_log_with_what_was_before(office: Browser, model: OperatorsDataPlane) -> None:
    saved(office, [WORKFLOW])
    for page, values in (("lock", {}), ("unlock", {}), ("level", {"level": "TYPE"})):
        assert office.post(url(f"model_{page}"), REASON | values).status_code == 302
    events = list(AuditEvent.objects.filter(target_type="model").order_by("id"))
    assert [event.action for event in events] == [
        "workflows imported", "model locked", "model unlocked", "change level set",
    ]  # fmt: skip
    assert {(event.tenant_id, event.target_id, event.reason) for event in events} == {
        (TENANT, f"{NAME}/1", "ticket 4711")
    }
    assert events[0].before == {"workflows": "[]"}
    assert '"CLOSE"' in events[0].after["workflows"]
    assert events[3].after == {"change level": "TYPE"}
    assert "[]" in office.get(reverse("admin:tenants_auditevent_change", args=[events[0].pk])).content.decode()


def test_what_the_data_plane_refuses_is_said(office: Browser, model: OperatorsDataPlane) -> None:
    office.post(url("model_lock"), REASON)
    model.runs.run(create_entity(CALLER, KEY, b'{"total": 1}', data_format="JSON", platform=model.platform))
    events = AuditEvent.objects.count()
    answer = office.post(url("model_unlock"), REASON)
    assert "MODEL_HAS_ENTITIES" in answer.content.decode()
    assert AuditEvent.objects.count() == events


def test_an_unknown_model_leads_back_with_the_refusal(office: Browser, model: OperatorsDataPlane) -> None:
    page = reverse("admin:tenants_environment_model", args=[Environment.objects.get().pk, 7, "nothing"])
    answer = office.get(page, follow=True)
    assert "MODEL_NOT_FOUND" in answer.content.decode()


def test_staff_without_more_rights_look_and_do_not_edit(office: Browser, model: OperatorsDataPlane) -> None:
    browser = Browser()
    browser.force_login(User._default_manager.create_user("looker", is_staff=True))
    assert url("model_workflows") not in shown(browser, "model")
    for page in ("model_workflows", "model_lock", "model_unlock", "model_level"):
        assert browser.get(url(page)).status_code == 403
        assert browser.post(url(page), REASON).status_code == 403


def test_in_production_the_environment_has_to_be_typed(office: Browser, model: OperatorsDataPlane) -> None:
    Environment.objects.update(kind="production")
    assert saved(office, [WORKFLOW]).status_code == 200
    assert workflows_of(model) == []
    assert saved(office, [WORKFLOW], typed="development").status_code == 302
