"""Asynchronous searches as their submitter sees them: submit, status, pages, cancel (contract: search 3)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from cyoda.errors import BadRequest, ModelNotFound, SearchJobAlreadyTerminal, SearchJobNotFound
from cyoda.principal import Principal
from workflows.core.entity import ModelKey, Version
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.sort import SortField, parse_sort, resolve_sort
from workflows.core.predicates.validation import check_structure, validate
from workflows.core.report.plan import ReportPlan
from workflows.core.search_job import JobStatus, SearchJob
from workflows.services.configurations import View
from workflows.services.entity_reads import MAX_PAGE_NUMBER, MAX_PAGE_SIZE
from workflows.services.platform import Platform
from workflows.storage.base import Work

DEFAULT_PAGE_SIZE = 1000
DEFAULT_LISTED, MAX_LISTED = 100, 1000
FOUND_AFTER = timedelta(seconds=5)
"""A job that no worker was woken for, or that none took, is found by those who look for work after this time."""
_INTEGER = re.compile(r"[+-]?0*[0-9]{1,18}")


async def submit_search(
    principal: Principal,
    key: ModelKey,
    condition: bytes,
    *,
    at: datetime | None = None,
    sort: Sequence[str] = (),
    platform: Platform,
) -> UUID:
    """Store a search of the committed state of now, or of an instant before, and have it run; returns the job's id.

    What is wrong with the question is found here, so a job fails only for what happens to it later. Raises, in the
    contract's order (search 2.5): BadRequest, InvalidFieldPath, InvalidCondition, ModelNotFound, ConditionTypeMismatch.
    """
    tree = parse_condition(condition)
    sort_keys = parse_sort(sort, max_keys=platform.limits.max_sort_keys)
    check_structure(tree)

    async def attempt(view: View) -> tuple[SortField, ...]:
        configured = await view.get(key)
        if configured.stored.model is None:
            raise ModelNotFound(f"model {key.name}/{key.version} not found")
        validate(tree, configured.fields)
        return resolve_sort(sort_keys, configured.fields)

    fields = await platform.configurations.decide(principal.tenant, attempt)
    return await start_search(principal, key, condition, at=at, sort=fields, platform=platform)


async def start_search(
    principal: Principal,
    key: ModelKey,
    condition: bytes,
    *,
    at: datetime | None,
    sort: tuple[SortField, ...],
    report: ReportPlan | None = None,
    definition: bytes = b"",
    platform: Platform,
) -> UUID:
    """Store a search that has been judged, with the plan and the definition of its report if it is one, and have it
    run; returns the job's id."""
    snapshot, _ = await platform.storage.begin(principal.tenant)
    now = platform.clock()
    job = SearchJob(
        id=platform.new_id(),
        model=key,
        condition=condition,
        sort=sort,
        snapshot=snapshot,
        at=at if at is not None and at < now else None,  # the future is as the present
        submitter=principal.actor,
        created_at=now,
        report=report,
    )
    await platform.storage.add_search_job(principal.tenant, job, due_at=now + FOUND_AFTER, definition=definition)
    platform.workers.wake(platform, Work(tenant=principal.tenant, kind="search", id=job.id))
    return job.id


async def search_status(principal: Principal, job_id: UUID, *, platform: Platform) -> SearchJob:
    """Raises SearchJobNotFound (unknown, removed, another tenant's, or the run of a report)."""
    job = await platform.storage.search_job(principal.tenant, job_id)
    if job is None or job.report is not None:
        raise SearchJobNotFound(job_id)
    return job


async def last_searches(
    principal: Principal, *, before: UUID | None = None, limit: int, platform: Platform
) -> Sequence[SearchJob]:
    """The tenant's jobs, the newest first, or those older than one. Raises BadRequest."""
    if not 1 <= limit <= MAX_LISTED:
        raise BadRequest(f"limit must be between 1 and {MAX_LISTED}")
    return await platform.storage.search_jobs(principal.tenant, before=before, limit=limit)


class PageRequest(NamedTuple):
    """`number` counts pages from 0."""

    size: int
    number: int


def page_request(size: str | None, number: str | None, *, default_size: int = DEFAULT_PAGE_SIZE) -> PageRequest:
    """The page that two texts ask for; a size below 1 means the default. Raises BadRequest."""
    page_size = default_size if size is None else _whole(size, "invalid pageSize")
    if page_size > MAX_PAGE_SIZE:
        raise BadRequest(f"pageSize exceeds maximum {MAX_PAGE_SIZE}")
    page_number = 0 if number is None else _whole(number, "invalid pageNumber")
    if page_number < 0:
        raise BadRequest("invalid pageNumber")
    if page_number > MAX_PAGE_NUMBER:
        raise BadRequest(f"pageNumber exceeds maximum {MAX_PAGE_NUMBER}")
    return PageRequest(page_size if page_size > 0 else default_size, page_number)


class ResultPage(NamedTuple):
    """Entities as the job saw them; those that can no longer be read are left out, the totals count them."""

    content: Sequence[Version]
    page: PageRequest
    total: int

    @property
    def total_pages(self) -> int:
        return -(-self.total // self.page.size)


async def search_results(principal: Principal, job_id: UUID, page: PageRequest, *, platform: Platform) -> ResultPage:
    """Raises SearchJobNotFound, BadRequest (the job has not succeeded)."""
    job = await search_status(principal, job_id, platform=platform)
    if job.status is not JobStatus.SUCCESSFUL:
        raise BadRequest(f"job {job_id} is not complete (status: {job.status})")
    batches = platform.storage.search_page(principal.tenant, job, first=page.number * page.size, count=page.size)
    return ResultPage([version async for batch in batches for version in batch], page, job.count)


async def cancel_search(principal: Principal, job_id: UUID, *, platform: Platform) -> None:
    """End a running job; what it found is discarded. Raises SearchJobNotFound, SearchJobAlreadyTerminal."""
    job = await search_status(principal, job_id, platform=platform)
    if not await end_search(principal, job, platform=platform):
        ended = await search_status(principal, job_id, platform=platform)
        raise SearchJobAlreadyTerminal(job_id, ended.status)


async def end_search(principal: Principal, job: SearchJob, *, platform: Platform) -> bool:
    """Cancel a job; False when it does not run."""
    now = platform.clock()
    due_at = removed_at(job, now, platform)
    return await platform.storage.cancel_search_job(principal.tenant, job.id, at=now, due_at=due_at)


def removed_at(job: SearchJob, finished_at: datetime, platform: Platform) -> datetime:
    """When a finished job goes: not before it was announced to go (contract: search Q13); reports have a time of their
    own."""
    kept = platform.limits.search_ttl if job.report is None else platform.limits.report_ttl
    return max(job.announced_until, finished_at + kept)


def _whole(text: str, refusal: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise BadRequest(refusal)
    return int(text)
