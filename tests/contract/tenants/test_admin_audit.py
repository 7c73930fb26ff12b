"""The audit log's pages and exports, and the dashboard."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import AsyncClient
from django.test import Client as Browser
from django.utils import timezone

from cyoda.data_plane import OperatorsDataPlane
from tenants.models import AuditEvent, Client, Environment, Organisation, Outbox, SigningKey
from tenants.services.audit import PLATFORM, Doer, Source, record
from tenants.services.audit_export import CHUNK_ROWS, harmless
from tenants.services.provisioning import provision_environment

LIST = "/admin/tenants/auditevent/"
ANN = Doer(id="ann-1", name="Ann", kind="user", source=Source.API, request_id="r-1", reason="=1+1")


def three_events() -> None:
    acme = Organisation.objects.create(name="Acme Ltd")
    record(
        ANN, "suspended", ("organisation", str(acme.pk)), owner=acme, before={"state": "active"}, after={"state": "x"}
    )
    record(PLATFORM, "deleted", ("client", "c-1"), before={"roles": ["A"], "label": "<b>"})
    old = timezone.now() - timedelta(days=30)
    record(PLATFORM, "configured", ("key pair", "k-1"), clock=lambda: old)


@pytest.fixture
def events(office: Browser) -> Browser:
    three_events()
    return office


def found(browser: Browser, query: str) -> list[str]:
    """The actions that the list shows, newest first."""
    answer = browser.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return [event.action for event in answer.context["cl"].result_list]


def test_events_are_found_by_actor_owner_action_target_time_and_text(events: Browser) -> None:
    assert found(events, "actor=Ann") == ["suspended"]
    assert found(events, "actor=ann-1") == ["suspended"]
    assert found(events, "owner=Acme Ltd") == ["suspended"]
    assert "ordered" in found(events, "owner=a b/ü")
    assert found(events, "action__icontains=configur") == ["configured"]
    assert found(events, "target_type__icontains=client&source__exact=platform") == ["deleted"]
    month_ago, week_ago = (timezone.now() - timedelta(days=days) for days in (31, 7))
    span = f"at_from_0={month_ago:%Y-%m-%d}&at_from_1=00:00:00&at_to_0={week_ago:%Y-%m-%d}"
    assert found(events, span) == ["configured"]
    assert events.get(f"{LIST}?at_from_0=yesterday").headers["Location"] == f"{LIST}?e=1"
    assert found(events, "q=r-1") == ["suspended"]
    assert found(events, "target_type=client&target_id=c-1") == ["deleted"]
    assert found(events, "actor=nobody") == []


def test_an_event_shows_before_and_after_of_each_field(events: Browser) -> None:
    event = AuditEvent.objects.get(action="suspended")
    text = events.get(f"{LIST}{event.pk}/change/").content.decode()
    for expected in ("Acme Ltd", "active", "<strong>x</strong>", "r-1", "ann-1"):
        assert expected in text
    text = events.get(f"{LIST}{AuditEvent.objects.get(action='deleted').pk}/change/").content.decode()
    assert "&lt;b&gt;" in text
    assert "<b>" not in text


def test_events_cannot_be_changed_or_removed_by_any_page(events: Browser) -> None:
    event = AuditEvent.objects.latest("id")
    assert events.post(f"{LIST}{event.pk}/change/", {"reason": "x"}).status_code == 403
    assert events.post(f"{LIST}{event.pk}/delete/", {"post": "yes"}).status_code == 403
    assert events.get(f"{LIST}add/").status_code == 403


def test_a_rows_page_leads_to_its_events(events: Browser) -> None:
    environment = Environment.objects.get()
    answer = events.get(f"/admin/tenants/environment/{environment.pk}/audit-log/", follow=True)
    assert {event.action for event in answer.context["cl"].result_list} == {"ordered", "provisioned"}


# --- exports ----------------------------------------------------------------------------------------------------


@pytest.fixture
async def exporter(database: str) -> AsyncIterator[AsyncClient]:
    """An operator whose requests run as in a node, with an event loop."""
    browser = AsyncClient()

    def prepared() -> None:
        three_events()
        browser.force_login(User._default_manager.create_superuser("operator"))

    await sync_to_async(prepared)()
    yield browser
    await sync_to_async(connections.close_all)()


async def exported(browser: AsyncClient, form: str, query: str = "") -> str:
    answer = await browser.get(f"{LIST}export.{form}?{query}")
    assert answer.status_code == 200
    assert answer.streaming
    assert answer.headers["Content-Disposition"] == f'attachment; filename="audit.{form}"'
    return b"".join([part async for part in answer.streaming_content]).decode()


async def test_the_filtered_list_is_exported_as_json_lines(exporter: AsyncClient) -> None:
    lines = [json.loads(line) for line in (await exported(exporter, "jsonl")).splitlines()]
    assert [line["action"] for line in lines] == ["configured", "deleted", "suspended"]
    assert lines[1]["before"] == {"roles": ["A"], "label": "<b>"}
    [line] = (await exported(exporter, "jsonl", "actor=Ann")).splitlines()
    assert json.loads(line) | {"id": 0, "at": "", "organisation_id": "", "target_id": ""} == {
        "id": 0, "at": "", "actor_id": "ann-1", "actor_name": "Ann", "actor_kind": "user", "source": "api",
        "action": "suspended", "target_type": "organisation", "target_id": "", "organisation_id": "", "tenant_id": "",
        "before": {"state": "active"}, "after": {"state": "x"}, "request_id": "r-1", "reason": "=1+1",
    }  # fmt: skip


async def test_csv_has_a_head_and_no_formulas(exporter: AsyncClient) -> None:
    rows = list(csv.DictReader(io.StringIO(await exported(exporter, "csv", "q=Ann"))))
    assert [row["action"] for row in rows] == ["suspended"]
    assert rows[0]["reason"] == "'=1+1"
    assert json.loads(rows[0]["after"]) == {"state": "x"}


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "\tx", "\rx"])
def test_what_a_spreadsheet_would_calculate_is_quoted(cell: str) -> None:
    assert harmless(cell) == "'" + cell
    assert harmless("1=" + cell) == "1=" + cell


async def test_an_export_comes_in_parts_while_it_is_read(exporter: AsyncClient) -> None:
    def many() -> None:
        one = AuditEvent.objects.latest("id")
        one.pk = None
        AuditEvent.objects.bulk_create([AuditEvent(**event_values(one)) for _ in range(CHUNK_ROWS)])

    await sync_to_async(many)()
    answer = await exporter.get(f"{LIST}export.jsonl")
    parts = [part async for part in answer.streaming_content]
    assert len(parts) == 2
    assert sum(part.count(b"\n") for part in parts) == CHUNK_ROWS + 3


def event_values(event: AuditEvent) -> dict[str, object]:
    return {field.name: getattr(event, field.name) for field in AuditEvent._meta.fields if field.name != "id"}


async def test_an_unknown_format_is_refused(exporter: AsyncClient) -> None:
    assert (await exporter.get(f"{LIST}export.xml")).status_code == 403


# --- dashboard --------------------------------------------------------------------------------------------------


def front_page(browser: Browser) -> str:
    answer = browser.get("/admin/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_front_page_says_when_nothing_needs_attention(office: Browser) -> None:
    Outbox.objects.all().delete()
    text = front_page(office)
    assert "Nothing does." in text
    assert "test-node" in text
    assert "provisioned" in text


def test_the_front_page_says_first_what_needs_attention(office: Browser) -> None:
    now = timezone.now()
    provision_environment(PLATFORM, "Second").run.steps.filter(position=0).update(state="failed")
    Environment.objects.filter(tenant_id="Second").update(state="failed")
    Organisation.objects.filter(name="Second").update(state="suspended")
    Client.objects.update(expires_at=now + timedelta(days=13))
    SigningKey.objects.create(
        kid="k", audience="client", public_key=b"", valid_from=now, valid_to=now + timedelta(days=1)
    )
    SigningKey.objects.create(
        kid="l", audience="client", public_key=b"", valid_from=now, valid_to=now + timedelta(days=15)
    )
    Outbox.objects.update(created_at=now - timedelta(minutes=1))
    text = front_page(office)
    for expected in (
        "1 environment has failed",
        "1 run waits after a failure",
        "1 organisation is suspended",
        "1 client expires within 14 days",
        "1 signing key expires within 14 days",
        "wake-up",
    ):
        assert expected in text
    for link in office.get("/admin/").context["notices"]:
        if link.url:
            assert office.get(link.url).status_code == 200, link
            assert len(office.get(link.url).context["cl"].result_list) >= 1, link


def test_late_timers_are_noticed(office: Browser, data_plane: OperatorsDataPlane) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO public.cyoda_pending_work (schema_name, kind, id, tenant, due_at)"
            " VALUES ('t', 'timer', gen_random_uuid(), 'x', now() - interval '1 minute')"
        )
    assert "Timers are late" in front_page(office)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM public.cyoda_pending_work")
