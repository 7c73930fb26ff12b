"""Runs of reports: a search in the background whose result is shown as rows and groups (contract: control plane 9.5).

A run is a search job (docs/adr/0006) with a plan; docs/adr/0016 says why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from cyoda import jsonio
from cyoda.errors import BadRequest, InvalidReportDefinition, ReportNotFound
from cyoda.jsonio import Json
from cyoda.principal import Principal
from workflows.core.report.definition import Asked, ReadInstant, asked_by, definition_object, requested_model
from workflows.core.report.grouping import ReportGroup, groups_of
from workflows.core.report.plan import ReportPlan, column_reader
from workflows.core.search_job import JobStatus, SearchJob
from workflows.services.configurations import View
from workflows.services.platform import Platform
from workflows.services.report_definitions import get_definition
from workflows.services.search_jobs import PageRequest, end_search, start_search
from workflows.storage.base import FoundReports, ReportFilter

Row = dict[str, Json]


class Report(NamedTuple):
    """One run."""

    job: SearchJob
    plan: ReportPlan


async def run_report(
    principal: Principal, definition_id: str, *, read_instant: ReadInstant, platform: Platform
) -> UUID:
    """Start a run of a definition as it is now, over what is committed now or was at its point in time.

    What is wrong with the definition is found here. Raises ReportDefinitionNotFound, InvalidReportDefinition.
    """
    stored = await get_definition(principal, definition_id, platform=platform)
    definition = definition_object(stored.document)
    key = requested_model(definition)

    async def attempt(view: View) -> Asked:
        configured = await view.get(key)
        if configured.stored.model is None:
            raise InvalidReportDefinition(f"requestClass: there is no model {key.name}.{key.version}")
        return asked_by(
            definition,
            definition_id=definition_id,
            key=key,
            fields=configured.fields,
            max_sort_keys=platform.limits.max_sort_keys,
            read_instant=read_instant,
        )

    asked = await platform.configurations.decide(principal.tenant, attempt)
    return await start_search(
        principal,
        key,
        asked.condition,
        at=asked.at,
        sort=asked.sort,
        report=asked.plan,
        definition=stored.document,
        platform=platform,
    )


async def get_report(principal: Principal, report_id: UUID, *, platform: Platform) -> Report:
    """Raises ReportNotFound (unknown, removed, or another tenant's)."""
    job = await platform.storage.search_job(principal.tenant, report_id)
    if job is None or job.report is None:
        raise ReportNotFound(report_id)
    return Report(job, job.report)


async def report_definition(principal: Principal, report_id: UUID, *, platform: Platform) -> bytes:
    """The definition as it was when the run started. Raises ReportNotFound."""
    await get_report(principal, report_id, platform=platform)
    definition, _ = await platform.storage.report_texts(principal.tenant, report_id)
    return definition


async def list_reports(principal: Principal, wanted: ReportFilter, *, platform: Platform) -> FoundReports:
    if "\0" in f"{wanted.request_class}{wanted.submitter}":
        return FoundReports((), 0)  # no backend has such a text
    return await platform.storage.reports(principal.tenant, wanted)


class GroupPage(NamedTuple):
    groups: Sequence[ReportGroup]
    total: int
    report: Report


async def report_groups(
    principal: Principal, report_id: UUID, parent: Sequence[Json] | None, page: PageRequest, *, platform: Platform
) -> GroupPage:
    """The groups inside a group with the values of `parent`; None means those that are seen first.

    Without grouping there is one, of everything. Raises ReportNotFound, BadRequest (the run has not succeeded).
    """
    report = await _succeeded(principal, report_id, platform)
    groups = await _groups(principal, report_id, platform)
    depth = len(report.plan.grouping)
    if parent is not None:
        _named(groups, parent, report_id)
        level = min(len(parent) + 1, depth)
        found = [each for each in groups if len(each.values) == level and _begins(each, parent)]
        found = [each for each in found if len(each.values) > len(parent)]
    else:
        level = min(1, depth) if report.plan.hierarchical else depth
        found = [each for each in groups if len(each.values) == level]
    start = page.size * page.number
    return GroupPage(found[start : start + page.size], len(found), report)


class RowPage(NamedTuple):
    rows: Sequence[Row]
    total: int


async def report_rows(
    principal: Principal, report_id: UUID, group: Sequence[Json] | None, page: PageRequest, *, platform: Platform
) -> RowPage:
    """Rows of a run, or of one group of it; entities that can no longer be read are left out, the totals count them.

    Raises ReportNotFound, BadRequest (the run has not succeeded).
    """
    report = await _succeeded(principal, report_id, platform)
    first, total = 0, report.job.count
    if group is not None:
        named = _named(await _groups(principal, report_id, platform), group, report_id)
        first, total = named.first, named.count
    start = page.size * page.number
    count = max(0, min(page.size, total - start))
    readers = [(column.key, column_reader(column)) for column in report.plan.columns]
    found: list[Row] = []
    async for batch in platform.storage.search_page(principal.tenant, report.job, first=first + start, count=count):
        found += [{key: read(version) for key, read in readers} for version in batch]
    return RowPage(found, total)


async def cancel_report(principal: Principal, report_id: UUID, *, platform: Platform) -> SearchJob:
    """End a running run; one that has ended stays as it is. Raises ReportNotFound."""
    report = await get_report(principal, report_id, platform=platform)
    if report.job.status is not JobStatus.RUNNING:
        return report.job
    await end_search(principal, report.job, platform=platform)
    return (await get_report(principal, report_id, platform=platform)).job


async def delete_report(principal: Principal, report_id: UUID, *, platform: Platform) -> None:
    """Cancel a running run, which stays in the history; remove one that has ended. Raises ReportNotFound."""
    report = await get_report(principal, report_id, platform=platform)
    if report.job.status is not JobStatus.RUNNING or not await end_search(principal, report.job, platform=platform):
        await platform.storage.remove_search_job(principal.tenant, report_id)


async def _succeeded(principal: Principal, report_id: UUID, platform: Platform) -> Report:
    report = await get_report(principal, report_id, platform=platform)
    if report.job.status is not JobStatus.SUCCESSFUL:
        raise BadRequest(f"report {report_id} is not complete (status: {report.job.status})")
    return report


async def _groups(principal: Principal, report_id: UUID, platform: Platform) -> Sequence[ReportGroup]:
    _, groups = await platform.storage.report_texts(principal.tenant, report_id)
    return groups_of(groups)


def _named(groups: Sequence[ReportGroup], values: Sequence[Json], report_id: UUID) -> ReportGroup:
    """Raises ReportNotFound."""
    text = jsonio.dumps(values)
    for group in groups:
        if jsonio.dumps(group.values) == text:
            return group
    raise ReportNotFound(report_id)


def _begins(group: ReportGroup, values: Sequence[Json]) -> bool:
    return jsonio.dumps(group.values[: len(values)]) == jsonio.dumps(values)
