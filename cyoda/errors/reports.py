"""Refusals about reports (contract: control plane 9.5)."""

from __future__ import annotations

from cyoda.errors.base import CyodaError


class InvalidReportDefinition(CyodaError):
    """A report cannot be run as it is defined; the text says which part has no counterpart here, and why."""

    code, status = "INVALID_REPORT_DEFINITION", 422


class ReportDefinitionNotFound(CyodaError):
    """The tenant has no such report definition."""

    code, status = "REPORT_DEFINITION_NOT_FOUND", 404

    def __init__(self, definition_id: str) -> None:
        super().__init__(f"report definition {definition_id} not found", {"definitionId": definition_id})


class ReportDefinitionExists(CyodaError):
    """There is a report definition of this name."""

    code, status = "REPORT_DEFINITION_EXISTS", 409

    def __init__(self, definition_id: str) -> None:
        super().__init__(f"report definition {definition_id} exists", {"definitionId": definition_id})


class ReportDefinitionInUse(CyodaError):
    """The report definition has executions: they are to be deleted first, or it is to be saved under another name."""

    code, status = "REPORT_DEFINITION_IN_USE", 422

    def __init__(self, definition_id: str, executions: int) -> None:
        super().__init__(
            f"report definition {definition_id} has {executions} executions",
            {"definitionId": definition_id, "executions": executions},
        )


class ReportNotFound(CyodaError):
    """The tenant has no such run of a report or group of it, or its results have expired."""

    code, status = "REPORT_NOT_FOUND", 404

    def __init__(self, report_id: object) -> None:
        super().__init__(f"report {report_id} not found")
