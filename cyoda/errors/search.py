"""Refusals about searches (contract: search 9)."""

from __future__ import annotations

from cyoda.errors.base import CyodaError


class InvalidCondition(CyodaError):
    """The search condition is malformed, or an operand of it cannot be used."""

    code, status = "INVALID_CONDITION", 400


class InvalidFieldPath(CyodaError):
    """The search condition names a field that the model does not have."""

    code, status = "INVALID_FIELD_PATH", 400


class ConditionTypeMismatch(CyodaError):
    """The operand fits none of the field's types."""

    code, status = "CONDITION_TYPE_MISMATCH", 400


class SearchResultLimit(CyodaError):
    """More entities match than `limit` allows; answers are whole or refused, never cut."""

    code, status = "SEARCH_RESULT_LIMIT", 400

    def __init__(self) -> None:
        super().__init__("matched result count exceeds the configured limit")


class ScanBudgetExhausted(CyodaError):
    """Too many entities would have to be examined: narrow the condition, or use an indexed field."""

    code, status = "SCAN_BUDGET_EXHAUSTED", 400


class SearchJobNotFound(CyodaError):
    """The tenant has no such search job, or its results have expired."""

    code, status = "SEARCH_JOB_NOT_FOUND", 404

    def __init__(self, job_id: object) -> None:
        super().__init__(f"search job not found: {job_id}")


class SearchJobAlreadyTerminal(CyodaError):
    """The search job has ended and cannot be cancelled."""

    code, status = "SEARCH_JOB_ALREADY_TERMINAL", 400

    def __init__(self, job_id: object, status: str) -> None:
        super().__init__(
            f"snapshot by id={job_id} is not running. current status={status}",
            {"currentStatus": status, "snapshotId": str(job_id)},
        )
