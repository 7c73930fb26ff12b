"""Refusals about workflows, and of what client compute does (contract: engine 1.5, 3.6; grpc 15.3)."""

from __future__ import annotations

from cyoda.errors.base import CyodaError


class WorkflowNotFound(CyodaError):
    """The model has no workflows to export."""

    code, status = "WORKFLOW_NOT_FOUND", 404


class WorkflowsModified(CyodaError):
    """The model's workflows have changed since the version that `If-Match` names."""

    code, status = "WORKFLOWS_MODIFIED", 412

    def __init__(self, current: int) -> None:
        super().__init__("workflows have been modified since last read", {"currentVersion": current})


class ValidationFailed(CyodaError):
    """A workflow to import contradicts itself."""

    code, status = "VALIDATION_FAILED", 400


class WorkflowSchemaVersionUnsupported(CyodaError):
    """A workflow to import is of a schema version that this server does not read."""

    code, status = "WORKFLOW_SCHEMA_VERSION_UNSUPPORTED", 400


class TransitionNotFound(CyodaError):
    """The entity's state has no such transition that could be fired by name."""

    code, status = "TRANSITION_NOT_FOUND", 400


class WorkflowFailed(CyodaError):
    """A processor or criterion failed, or the run went in circles; nothing is stored."""

    code, status = "WORKFLOW_FAILED", 400


class ScheduleFunctionInvalidResult(CyodaError):
    """A compute member answered with an unusable schedule."""

    code, status = "SCHEDULE_FUNCTION_INVALID_RESULT", 500


class NoComputeMemberForTag(CyodaError):
    """No compute member with a matching tag is connected."""

    code, status, retryable = "NO_COMPUTE_MEMBER_FOR_TAG", 503, True


class ComputeMemberDisconnected(CyodaError):
    """The compute member left before it answered."""

    code, status, retryable = "COMPUTE_MEMBER_DISCONNECTED", 503, True


class DispatchTimeout(CyodaError):
    """The compute member did not answer in time."""

    code, status, retryable = "DISPATCH_TIMEOUT", 503, True


class DispatchForwardFailed(CyodaError):
    """The node of the compute member could not be reached."""

    code, status, retryable = "DISPATCH_FORWARD_FAILED", 503, True
