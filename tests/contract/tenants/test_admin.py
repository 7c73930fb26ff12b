"""The back office's pages: every list and every row, what they cost, whom they refuse, and what they never show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test import Client as Browser
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

import cyoda.urls  # noqa: F401 - the pages are registered with it
from tenants.models import (
    Application,
    ApplicationProcess,
    Backend,
    Client,
    Domain,
    Environment,
    Invitation,
    Membership,
    Notice,
    NoticeDelivery,
    OidcProvider,
    Organisation,
    Orphan,
    Outbox,
    Provisioning,
    SigningKey,
    Tier,
    TrustedKey,
    UsagePeriod,
    Webhook,
)
from tenants.services.audit import PLATFORM
from tenants.services.clients import create_client
from tenants.services.provisioning import Order
from tenants.services.tiers import assign_tier

SECRETS = (b"private half", b"token digest", b"public bytes")


def another(number: int) -> None:
    """One more row of everything that has a page."""
    now = timezone.now()
    organisation = Organisation.objects.create(name=f"Owner {number}")
    environment = Environment.of_tenant(f"tenant-{number}", organisation=organisation, state="ready")
    environment.save()
    user = User._default_manager.create_user(
        f"user-{number}", email=f"u{number}@example.org", password="a long password"
    )
    Membership.objects.create(user=user, organisation=organisation)
    create_client(PLATFORM, environment, roles=["ROLE_M2M"], label=f"label {number}")
    worker = Application.objects.create(
        environment=environment, name=f"worker-{number}", image="worker:1", client_secret=SECRETS[0]
    )
    ApplicationProcess.objects.create(application=worker, replica=0, revision=1, state="running")
    Domain.objects.create(domain=f"h{number}.example.org", tenant=environment, is_primary=True)
    Provisioning.objects.create(environment=environment, kind="create", not_before=now)
    Outbox.objects.create(topic="provisioning", payload=str(number))
    SigningKey.objects.create(
        kid=f"kid-{number}", audience="client", public_key=SECRETS[2], private_key=SECRETS[0], valid_from=now
    )
    TrustedKey.objects.create(
        key_id=f"key/{number}", environment=environment, jwk="{}", audience="human", valid_from=now
    )
    OidcProvider.objects.create(environment=environment, well_known_uri=f"https://idp.example.org/{number}")
    Invitation.objects.create(
        organisation=organisation, email=f"i{number}@example.org", token_digest=SECRETS[1] + bytes([number]),
        invited_by="operator", expires_at=now + timedelta(days=1),
    )  # fmt: skip
    Group.objects.create(name=f"group {number}")
    Backend.objects.create(slug=f"backend-{number}", title=f"Back end {number}", driver="local")
    Orphan.objects.create(name=f"t_{number}", seen_at=now)
    tier = Tier.objects.create(name=f"tier-{number}", title=f"Tier {number}")
    assign_tier(PLATFORM, organisation, tier)
    hook = Webhook.objects.create(
        organisation=organisation, name=f"hook {number}", format="slack", host=f"c{number}.example.org", url=SECRETS[0]
    )
    notice = Notice.objects.create(
        environment=environment, entitlement="DISK_USAGE", threshold=80, used=8, limit=10, period_started_at=now,
        created_at=now,
    )  # fmt: skip
    NoticeDelivery.objects.create(notice=notice, webhook=hook, not_before=now)
    UsagePeriod.objects.create(environment=environment, span="day", started_at=now)


@pytest.fixture
def rows(office: Browser) -> Browser:
    another(1)
    return office


MODELS = list(admin.site._registry)


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote(row.pk)])


def text(browser: Browser, url: str) -> str:
    answer = browser.get(url)
    assert answer.status_code == 200, url
    return answer.content.decode()


def test_only_what_operators_need_has_a_page() -> None:
    """Pages of libraries would show second factors and tokens of providers."""
    assert {model._meta.app_label for model in MODELS} == {"tenants", "auth"}
    assert len(MODELS) == 21


def test_every_list_and_every_row_has_a_page_without_secrets(rows: Browser) -> None:
    hashes = [*Client.objects.values_list("secret_hash", flat=True), *User.objects.values_list("password", flat=True)]
    secrets = (*hashes, *(secret.decode() for secret in SECRETS), "argon2", "previous_secret_hash", "token_digest")
    for model in MODELS:
        found = list(model._default_manager.all())
        assert found, model
        for shown in (text(rows, list_of(model)), *(text(rows, page_of(row)) for row in found)):
            assert not [secret for secret in secrets if secret in shown], model


def queries(browser: Browser, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        text(browser, url)
    return len(captured)


def test_a_list_costs_the_same_with_more_rows(rows: Browser) -> None:
    before = {model: queries(rows, list_of(model)) for model in MODELS}
    for number in range(2, 6):
        another(number)
    after = {model: queries(rows, list_of(model)) for model in MODELS}
    assert {model: number for model, number in after.items() if number > before[model]} == {}
    assert max(before.values()) <= 25


def test_every_list_is_searched(rows: Browser) -> None:
    for model in MODELS:
        for query in ("acme", "a%b_c", "'"):
            text(rows, f"{list_of(model)}?q={query}")


def test_lists_find_rows_by_what_operators_know(rows: Browser) -> None:
    assert "tenant-1" in text(rows, list_of(Environment) + "?q=Owner 1")
    assert "a b/ü" not in text(rows, list_of(Environment) + "?q=Owner 1")
    assert "kid-1" in text(rows, list_of(SigningKey) + "?q=kid-1")
    assert "label 1" in text(rows, list_of(Client) + "?q=tenant-1")


# --- who may ----------------------------------------------------------------------------------------------------


def operation_pages(order: Order) -> Iterable[str]:
    for model, model_admin in admin.site._registry.items():
        row = model._default_manager.first()
        for operation in getattr(model_admin, "operations", ()):
            name = f"admin:{model._meta.app_label}_{model._meta.model_name}_{operation.attribute}"
            yield reverse(name, args=[] if operation.makes_row else [quote(row.pk)])


def logged_in(**values: Any) -> Browser:
    browser = Browser()
    browser.force_login(User._default_manager.create_user("other", password="a long password", **values))
    return browser


@pytest.mark.parametrize("who", [Browser, logged_in], ids=["a stranger", "a login that is not staff"])
def test_no_page_opens_to(rows: Browser, order: Order, who: Callable[[], Browser]) -> None:
    browser = who()
    pages = [reverse("admin:index"), *map(list_of, MODELS), *operation_pages(order)]
    pages += [reverse("admin:tenants_auditevent_export", args=["csv"])]
    pages += [reverse("admin:tenants_environment_models", args=[order.run.environment.pk])]
    for page in pages:
        for answer in (browser.get(page), browser.post(page, {})):
            assert answer.status_code == 302
            assert "login" in answer.headers["Location"]


def test_staff_without_more_rights_see_everything_and_change_nothing(rows: Browser, order: Order) -> None:
    browser = logged_in(is_staff=True)
    for model in MODELS:
        text(browser, list_of(model))
        row = model._default_manager.first()
        shown = text(browser, page_of(row))
        assert 'name="_save"' not in shown
        assert browser.post(page_of(row), {}).status_code == 403
    for page in operation_pages(order):
        assert browser.get(page).status_code == 403
        assert browser.post(page, {"reason": "x"}).status_code == 403
        assert page not in text(browser, page.rsplit("/", 2)[0] + "/change/") if "/change/" in page else True


def test_what_services_write_is_not_edited_even_by_superusers(rows: Browser) -> None:
    for model in MODELS:
        if model._meta.app_label == "tenants":
            row = model._default_manager.first()
            assert rows.post(page_of(row), {}).status_code == 403
            assert rows.get(list_of(model) + "add/").status_code in {302, 403}


def test_a_staff_login_that_may_change_logins_cannot_change_one_with_rights(rows: Browser) -> None:
    browser = logged_in(is_staff=True)
    other = User.objects.get(username="other")
    other.user_permissions.add(Permission.objects.get(codename="change_user"))
    chief, plain = User.objects.get(username="operator"), User.objects.get(username="user-1")
    colleague = User._default_manager.create_user("colleague", is_staff=True)
    for above in (chief, colleague):
        assert browser.get(f"/admin/auth/user/{above.pk}/password/").status_code == 403
        assert browser.post(page_of(above), {"username": "mine", "reason": "x"}).status_code == 403
    browser.post(
        page_of(plain), {"username": plain.username, "is_superuser": "on", "is_staff": "on", "reason": "x"} | NO_INLINES
    )
    plain.refresh_from_db()
    assert (plain.is_superuser, plain.is_staff) == (False, False)


NO_INLINES = {"memberships-TOTAL_FORMS": "0", "memberships-INITIAL_FORMS": "0"}
