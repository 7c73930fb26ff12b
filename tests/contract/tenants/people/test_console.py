"""Whose environments the pages show, and to whom (ui: 4.2; contract: identity 14)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser
from django.urls import reverse

from tenants.models import Environment, Organisation, Role
from tenants.ui.console.place import slug_of
from tenants.ui.console.urls import urlpatterns
from tests.contract.tenants.people.conftest import Make, sign_in

VALUES = {
    "model": "a/b", "version": 1, "entity_id": uuid4(), "tab": "data", "client_id": "x", "workflow": "a/b",
    "provider_id": uuid4(), "key_id": "..", "form": "csv", "draft": uuid4(), "number": 1,
    "transaction_id": uuid4(), "message_id": uuid4(), "application": "x",
    "view_id": uuid4(), "job_id": uuid4(), "export_id": uuid4(),
}  # fmt: skip
OF_READERS = {"view_act", "search_start", "search_act", "export_start", "export_cancel"}
"""Posted by whoever may look: what it changes is no data."""
POSTED = OF_READERS | {
    "sample", "draft_begin", "draft_act", "draft_check", "workflow_switch", "fire", "model_act",
    "model_keys", "model_indexes", "application_act",
    "client_env", "provisioning_act", "provider_reload", "provider_reactivate",
}  # fmt: skip
OF_OWNERS = {
    "member_token", "application_act",
    "clients", "client_new", "client_secret", "client_env", "client_delete", "provisioning_act", "delete",
    "providers", "provider_new", "provider", "provider_reload", "provider_invalidate", "provider_reactivate",
    "provider_delete", "trusted_keys", "trusted_key_new", "trusted_key_invalidate", "trusted_key_reactivate",
    "trusted_key_delete", "provider_sign_in", "provider_signed_in", "audit", "audit_export", "settings",
}  # fmt: skip
SHOWN_ALWAYS = {"provisioning", "provisioning_act", "delete", "client_env", "audit", "audit_export", "settings"}
"""Also of an environment that is not ready."""


def pages(environment: Environment, tenant: str | None = None) -> dict[str, str]:
    """The addresses of all pages of an environment, by their names."""
    where = {"tenant": tenant or slug_of(environment.organisation), "name": environment.name}
    wanted = {str(p.name): [name for name in VALUES if f":{name}>" in str(p.pattern)] for p in urlpatterns}
    return {
        name: reverse(f"console:{name}", kwargs={**where, **{value: VALUES[value] for value in values}})
        for name, values in wanted.items()
    }


def ask(browser: Browser, name: str, path: str) -> Any:
    return browser.post(path) if name in POSTED else browser.get(path)


@pytest.fixture
def ann(browser: Browser, somebody: Make, acme: Organisation) -> Browser:
    somebody("ann@example.org", acme, Role.DEVELOPER)
    sign_in(browser, "ann@example.org")
    return browser


def test_no_page_of_another_organisation_is_found(browser: Browser, somebody: Make, dev: Environment) -> None:
    somebody("eve@example.org", Organisation.objects.create(name="Eve's"), Role.OWNER)
    sign_in(browser, "eve@example.org")
    answers = {name: ask(browser, name, path).status_code for name, path in pages(dev).items()}
    assert len(answers) > 5
    assert set(answers.values()) == {404}


def test_nor_is_an_environment_that_was_never_there(ann: Browser, dev: Environment) -> None:
    for path in pages(dev).values():
        assert ann.get(path.replace("/e/dev/", "/e/prod/")).status_code == 404
        assert ann.get(path.replace("/e/dev/", "/e/a%00b/")).status_code == 404


@pytest.mark.parametrize("tenant", ["acme", "0123456789ab", "acme-0123", "acme-0123456789AB", "-"])
def test_nor_is_a_tenant_that_nobody_is(ann: Browser, dev: Environment, tenant: str) -> None:
    assert ann.get(pages(dev, tenant)["overview"]).status_code == 404


def test_an_organisation_that_was_renamed_is_found_by_its_old_address(
    ann: Browser, dev: Environment, acme: Organisation
) -> None:
    before = pages(dev)["models"]
    acme.name = "Acme & Sons"
    acme.save()
    after = pages(Environment.objects.get(pk=dev.pk))["models"]
    assert after.startswith("/t/acme-sons-")
    assert ann.get(f"{before}?page=2")["Location"] == f"{after}?page=2"


@pytest.mark.parametrize("name", ["日本", "!!!", "x" * 300])
def test_any_name_makes_an_address(ann: Browser, dev: Environment, acme: Organisation, name: str) -> None:
    acme.name = name
    acme.save()
    assert ann.get(pages(Environment.objects.get(pk=dev.pk))["overview"]).status_code == 503  # nobody serves data here


def test_a_viewer_changes_nothing(browser: Browser, somebody: Make, dev: Environment, acme: Organisation) -> None:
    somebody("vic@example.org", acme, Role.VIEWER)
    sign_in(browser, "vic@example.org")
    changing = {
        "entity_new", "entity_edit", "entity_delete", "model_new", "workflow_import", "workflow_restore",
        "workflow_delete", "draft_new", "draft", "draft_json", "draft_steps", "draft_part", "draft_criterion",
        "draft_publish", "message_new", "message_delete",
    }  # fmt: skip
    for name in (POSTED - OF_READERS) | OF_OWNERS | changing:
        answer = ask(browser, name, pages(dev)[name])
        assert answer.status_code == 403
        assert b"You are here as Viewer" in answer.content


@pytest.mark.parametrize("state", [state for state in Environment.State if state != Environment.State.READY])
def test_of_an_environment_that_is_not_ready_its_state_is_shown(ann: Browser, dev: Environment, state: str) -> None:
    Environment.objects.filter(pk=dev.pk).update(state=state)
    for name, path in pages(dev).items():
        if name not in SHOWN_ALWAYS:
            assert ask(ann, name, path).status_code == 409
    assert ann.get(pages(dev)["provisioning"]).status_code == 200


def test_of_a_suspended_organisation_nothing_is_shown(ann: Browser, dev: Environment, acme: Organisation) -> None:
    Organisation.objects.filter(pk=acme.pk).update(state=Organisation.State.SUSPENDED)
    answer = ann.get(pages(dev)["overview"])
    assert (answer.status_code, b"is suspended" in answer.content) == (409, True)


def test_a_data_plane_that_does_not_answer_is_said_to(ann: Browser, dev: Environment) -> None:
    answer = ann.get(pages(dev)["models"])
    assert answer.status_code == 503
    assert b"Nothing is lost" in answer.content
