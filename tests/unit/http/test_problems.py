"""Problem documents (contract: entities 1.7)."""

from __future__ import annotations

import logging
from uuid import UUID

import httpx
import pytest

from cyoda import errors
from cyoda.errors import CyodaError
from cyoda.http.problem import TITLES
from tests.unit.http.conftest import Observed, application, client_of


async def test_a_refusal_is_a_problem_document_without_the_context_path(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/refuse/Conflict?x=1")
    assert (answer.status_code, answer.headers["content-type"]) == (409, "application/problem+json")
    assert answer.json() == {
        "type": "about:blank",
        "title": "Conflict",
        "status": 409,
        "detail": "CONFLICT: transaction conflict — retry",
        "instance": "/refuse/Conflict",
        "properties": {"errorCode": "CONFLICT", "retryable": True},
    }


async def test_retryable_is_absent_unless_true(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/refuse/UniqueViolation")).json()["properties"] == {"errorCode": "UNIQUE_VIOLATION"}


async def test_an_unexpected_failure_tells_a_ticket_and_logs_the_cause_under_it(
    api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = await api.get("/api/fail")
    problem = answer.json()
    assert answer.status_code == 500
    assert problem["detail"] == f"SERVER_ERROR: internal error [ticket: {problem['ticket']}]"
    assert problem["properties"] == {"errorCode": "SERVER_ERROR"}
    assert UUID(problem["ticket"]).version == 4
    assert "secret" not in answer.text
    record = next(record for record in caplog.records if problem["ticket"] in record.getMessage())
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "the secret cause"


async def test_a_coded_500_keeps_its_code_and_hides_its_text(api: httpx.AsyncClient) -> None:
    problem = (await api.get("/api/fail/coded")).json()
    assert problem["properties"] == {"errorCode": "SCHEDULE_FUNCTION_INVALID_RESULT"}
    assert problem["detail"].startswith("SERVER_ERROR: internal error [ticket: ")


async def test_verbose_mode_tells_the_cause(observed: Observed) -> None:
    async with client_of(application(observed=observed, verbose=True)) as client:
        assert "the secret cause" in (await client.get("/api/fail")).json()["detail"]


def test_every_status_of_an_error_has_a_title() -> None:
    def all_errors(kind: type[CyodaError]) -> set[type[CyodaError]]:
        return {kind, *(error for child in kind.__subclasses__() for error in all_errors(child))}

    statuses = {error.status for error in all_errors(errors.CyodaError) - {errors.CyodaError}}
    assert statuses <= set(TITLES)
