"""Report definitions and runs in every backend (contract: control plane 9.5)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from msgspec.structs import replace as changed

from cyoda.principal import Actor
from tests.conformance.home import NOON, TICK, Home
from tests.conformance.test_search_jobs import Jobs
from workflows.core.report.plan import Column, Function, ReportDefinition, ReportPlan, Summary
from workflows.core.search_job import JobStatus, SearchJob
from workflows.storage.base import DefinitionChanges, ReportFilter, StoredDefinition

ANNA, BERT = Actor("anna", "user"), Actor("bert", "service")
AMOUNT = Column("amount", "$.amount")
PLAN = ReportPlan(
    definition_id="sales", request_class="order.1", description="Ü\0", columns=(AMOUNT,), grouping=(AMOUNT,),
    summaries=(Summary(AMOUNT, (Function.SUM, Function.COUNT_UNIQUE)),), hierarchical=True,
)  # fmt: skip


def definition(name: str, text: str = "{}") -> ReportDefinition:
    return ReportDefinition(id=name, document=text.encode(), owner=ANNA, created_at=NOON)


async def put(home: Home, *new: ReportDefinition) -> None:
    ids = [each.id for each in new]
    await home.store.change_report_definitions(home.tenant, ids, lambda _stored: {each.id: each for each in new})


async def test_definitions_are_listed_by_id_and_replaced_whole(home: Home, stranger: Home) -> None:
    first, second = definition("b", '{"ü":"\\u0000"}'), definition("Ä")
    await put(home, first, second)
    assert await home.store.report_definitions(home.tenant) == [first, second]
    assert await home.store.report_definitions(home.tenant, ["b", "ghost"]) == [first]
    assert await home.store.report_definitions(home.tenant, []) == []
    assert await stranger.store.report_definitions(stranger.tenant) == []
    new = changed(first, document=b"[1]", owner=BERT, created_at=NOON + TICK)
    await put(home, new)
    assert await home.store.report_definitions(home.tenant) == [new, second]
    await home.store.change_report_definitions(home.tenant, ["b"], lambda _stored: {"b": None})
    assert await home.store.report_definitions(home.tenant) == [second]


async def test_a_refused_change_of_definitions_leaves_all_of_them(home: Home) -> None:
    await put(home, definition("a"))

    def decide(stored: Mapping[str, StoredDefinition]) -> DefinitionChanges:
        assert stored == {"a": StoredDefinition(definition("a"), 0)}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await home.store.change_report_definitions(home.tenant, ["a", "b"], decide)
    assert await home.store.report_definitions(home.tenant) == [definition("a")]


async def test_of_changes_at_once_each_sees_the_ones_before(home: Home) -> None:
    def add(stored: Mapping[str, StoredDefinition]) -> DefinitionChanges:
        text = stored["a"].definition.document + b"x" if stored else b"x"
        return {"a": changed(definition("a"), document=text)}

    await asyncio.gather(*(home.store.change_report_definitions(home.tenant, ["a"], add) for _ in range(5)))
    (found,) = await home.store.report_definitions(home.tenant)
    assert found.document == b"xxxxx"


@pytest.fixture
def jobs(home: Home) -> Jobs:
    return Jobs(home, NOON)


async def texts(home: Home, job: SearchJob) -> tuple[bytes, bytes]:
    return await home.store.report_texts(home.tenant, job.id)


async def test_a_run_keeps_its_plan_its_definition_and_its_groups(jobs: Jobs, stranger: Home) -> None:
    home = jobs.home
    job = await jobs.add(report=PLAN, definition=b'{"a":1}')
    assert (await jobs.get(job)).report == PLAN
    assert await texts(home, job) == (b'{"a":1}', b"")
    lease = await jobs.held(job)
    assert await home.store.finish_search_job(
        home.tenant, job.id, lease.holder, status=JobStatus.SUCCESSFUL, at=NOON, due_at=NOON, groups=b'["\xc3\xbc"]'
    )
    assert await texts(home, job) == (b'{"a":1}', b'["\xc3\xbc"]')
    assert await texts(stranger, job) == (b"", b"")
    await home.store.remove_search_job(home.tenant, job.id)
    assert await texts(home, job) == (b"", b"")


async def test_runs_are_found_by_what_they_are_and_when_they_began(jobs: Jobs, stranger: Home) -> None:
    home = jobs.home
    await jobs.add()
    first = await jobs.add(report=PLAN)
    second = await jobs.add(report=changed(PLAN, request_class="sale.1"), created_at=NOON + TICK, submitter=BERT)
    third = await jobs.add(report=changed(PLAN, definition_id="other"), created_at=NOON + 2 * TICK)
    await jobs.cancel(third)

    async def found(**wanted: Any) -> tuple[list[int], int]:
        values: dict[str, Any] = {"limit": 9, **wanted}
        page = await home.store.reports(home.tenant, ReportFilter(**values))
        return [[first.id, second.id, third.id].index(job.id) for job in page.jobs], page.total

    assert await found() == ([2, 1, 0], 3)
    assert await found(oldest_first=True) == ([0, 1, 2], 3)
    assert await found(limit=1, offset=1) == ([1], 3)
    assert await found(limit=1, offset=3) == ([], 3)
    assert await found(definition_id="sales") == ([1, 0], 2)
    assert await found(request_class="sale.1") == ([1], 1)
    assert await found(submitter="anna") == ([2, 0], 2)
    assert await found(statuses=(JobStatus.CANCELLED, JobStatus.FAILED)) == ([2], 1)
    assert await found(since=NOON + TICK, until=NOON + TICK) == ([1], 1)
    assert await found(definition_id="ghost") == ([], 0)
    assert await stranger.store.reports(stranger.tenant, ReportFilter(limit=9)) == ([], 0)
    await put(home, definition("sales"))
    seen: list[int] = []

    def decide(stored: Mapping[str, StoredDefinition]) -> DefinitionChanges:
        seen.extend(each.runs for each in stored.values())
        return {}

    await home.store.change_report_definitions(home.tenant, ["sales"], decide)
    assert seen == [2]
