"""The back office: what operators see of tenants, and what they can change."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client as Browser
from django.urls import reverse

from cyoda.schemas import PostgresSchemas
from tenants.models import Client, Environment, Organisation
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import Progress, Saga
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import Order, provision_environment


@pytest.fixture
def order(database: str) -> Order:
    order = provision_environment(PLATFORM, "Acme & Söhne", tenant_id="a b/ü")
    saga = Saga(driver_of=lambda _: LocalDriver(PostgresSchemas()))
    while saga.advance(order.run.pk) is Progress.MORE:
        pass
    return order


@pytest.fixture
def browser(order: Order, settings: Any) -> Browser:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]  # looks at every asset
    operator = get_user_model()._default_manager.create_superuser("operator", password="a long password")
    browser = Browser()
    browser.force_login(operator)
    return browser


def page(browser: Browser, name: str, *arguments: object) -> str:
    answer = browser.get(reverse(f"admin:tenants_{name}", args=arguments))
    assert answer.status_code == 200
    return answer.content.decode()


@pytest.mark.parametrize("model", ["organisation", "environment", "provisioning", "client"])
def test_every_list_shows_its_rows(browser: Browser, model: str) -> None:
    text = page(browser, f"{model}_changelist")
    assert "Acme &amp; Söhne" in text or "a b/ü" in text


def test_a_run_shows_its_steps_with_states_and_logs_but_not_its_input(browser: Browser, order: Order) -> None:
    text = page(browser, "provisioning_change", order.run.pk)
    for expected in ("create schema", "create bootstrap client", "mark ready", "running, attempt 1"):
        assert expected in text
    assert "argon2" not in text


def test_no_page_shows_a_hash(browser: Browser, order: Order) -> None:
    text = page(browser, "client_change", order.client_id) + page(browser, "client_changelist")
    assert "hash" not in text
    assert "argon2" not in text


@pytest.mark.parametrize("model", ["environment", "provisioning", "client"])
def test_what_provisioning_writes_cannot_be_edited(browser: Browser, order: Order, model: str) -> None:
    keys = {"environment": Environment.objects.get().pk, "provisioning": order.run.pk, "client": order.client_id}
    assert browser.post(reverse(f"admin:tenants_{model}_change", args=[keys[model]]), {}).status_code == 403
    assert (
        browser.post(reverse(f"admin:tenants_{model}_delete", args=[keys[model]]), {"post": "yes"}).status_code == 403
    )
    assert Client.objects.count() == 1


def test_an_operator_suspends_and_activates_an_organisation(browser: Browser) -> None:
    for action, state in (("suspend", "suspended"), ("activate", "active")):
        chosen = {"action": action, "_selected_action": [str(Organisation.objects.get().pk)]}
        assert browser.post(reverse("admin:tenants_organisation_changelist"), chosen).status_code == 302
        assert Organisation.objects.get().state == state


def test_a_stranger_sees_the_login_page(order: Order) -> None:
    assert Browser().get(reverse("admin:tenants_client_changelist")).status_code == 302


def test_the_front_page_looks_like_the_others(browser: Browser) -> None:
    answer = browser.get(reverse("admin:index"))
    sources = [str(template.origin) for template in answer.templates if template.origin is not None]
    assert any("unfold" in source for source in sources)
    assert not any("django_tenants" in source for source in sources)
