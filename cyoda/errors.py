"""Every refusal the platform can give, each code spelled once (contract: entities 1.7, 1.8).

An error is a value: code, HTTP status, message, extra properties. The edges render it as a problem document
or a gRPC envelope; nothing else decides how a refusal looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class CyodaError(Exception):
    """A refusal with its contract code.

    `message` is the text after `<CODE>: ` in a problem's `detail`; `properties` are the code's extra members.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    retryable: ClassVar[bool] = False
    warnings: tuple[str, ...] = ()
    """What client compute warned of before the refusal; shown to gRPC callers only."""

    def __init__(self, message: str, properties: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.properties: dict[str, object] = dict(properties or {})

    @property
    def detail(self) -> str:
        return f"{self.code}: {self.message}"

    def prefixed(self, prefix: str) -> CyodaError:
        """The same refusal with `prefix` before its message (batch items: `item 3: …`)."""
        return type(self)._copy(self, prefix + self.message)

    @classmethod
    def _copy(cls, original: CyodaError, message: str) -> CyodaError:
        copy = cls.__new__(cls)
        copy.__dict__.update(original.__dict__)
        copy.message = message
        copy.args = (message,)
        return copy


# --- requests ---------------------------------------------------------------------------------------------------


class BadRequest(CyodaError):
    code, status = "BAD_REQUEST", 400


class InvalidParameter(BadRequest):
    """A path or query parameter that does not bind (contract: entities 1.4)."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"invalid value for parameter '{parameter}'", {"parameter": parameter})


class MissingParameter(BadRequest):
    def __init__(self, parameter: str) -> None:
        super().__init__(f"missing required parameter '{parameter}'", {"parameter": parameter})


class BodyTooLarge(BadRequest):
    """A body over the endpoint's limit; most endpoints answer 400, grouped statistics and messages 413."""


class PayloadTooLarge(CyodaError):
    code, status = "BAD_REQUEST", 413


class Unauthorized(CyodaError):
    code, status = "UNAUTHORIZED", 401

    def __init__(self, message: str = "authentication failed") -> None:
        super().__init__(message)


class Forbidden(CyodaError):
    code, status = "FORBIDDEN", 403


class UnsupportedMediaType(CyodaError):
    code, status = "UNSUPPORTED_MEDIA_TYPE", 415


class PreconditionRequired(CyodaError):
    code, status = "PRECONDITION_REQUIRED", 428


class NotImplementedHere(CyodaError):
    code, status = "NOT_IMPLEMENTED", 501


class FeatureDisabled(CyodaError):
    code, status = "FEATURE_DISABLED", 404


# --- models -----------------------------------------------------------------------------------------------------


class ModelNotFound(CyodaError):
    code, status = "MODEL_NOT_FOUND", 404


class ModelNotLocked(CyodaError):
    code, status = "MODEL_NOT_LOCKED", 409


class ModelAlreadyLocked(CyodaError):
    code, status = "MODEL_ALREADY_LOCKED", 409


class ModelAlreadyUnlocked(CyodaError):
    code, status = "MODEL_ALREADY_UNLOCKED", 409


class ModelHasEntities(CyodaError):
    code, status = "MODEL_HAS_ENTITIES", 409


class IncompatibleType(CyodaError):
    code, status = "INCOMPATIBLE_TYPE", 400


class PolymorphicSlot(CyodaError):
    code, status = "POLYMORPHIC_SLOT", 400


class InvalidChangeLevel(CyodaError):
    code, status = "INVALID_CHANGE_LEVEL", 400


class InvalidUniqueKey(CyodaError):
    code, status = "INVALID_UNIQUE_KEY", 422


class InvalidUniqueKeyDefinition(CyodaError):
    code, status = "INVALID_UNIQUE_KEY_DEFINITION", 422


# --- entities and transactions ----------------------------------------------------------------------------------


class EntityNotFound(CyodaError):
    code, status = "ENTITY_NOT_FOUND", 404


class EntityModified(CyodaError):
    code, status = "ENTITY_MODIFIED", 412

    def __init__(self, entity_id: object, properties: Mapping[str, object] | None = None) -> None:
        super().__init__("entity has been modified since last read", {"entityId": str(entity_id), **(properties or {})})


class Conflict(CyodaError):
    """Another transaction committed first what this one read or wrote; the whole request may be repeated."""

    code, status, retryable = "CONFLICT", 409, True

    def __init__(self) -> None:
        super().__init__("transaction conflict — retry")


class UniqueViolation(CyodaError):
    code, status = "UNIQUE_VIOLATION", 409

    def __init__(self) -> None:
        super().__init__("a composite unique key constraint was violated")


class TransactionExpired(CyodaError):
    code, status = "TRANSACTION_EXPIRED", 410

    def __init__(self) -> None:
        super().__init__("transaction token has expired")


class TransactionNotFound(CyodaError):
    code, status = "TRANSACTION_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("transaction not found or no longer active")


class TransactionNodeUnavailable(CyodaError):
    code, status = "TRANSACTION_NODE_UNAVAILABLE", 503

    def __init__(self) -> None:
        super().__init__("transaction node is not available")


# --- search -----------------------------------------------------------------------------------------------------


class InvalidCondition(CyodaError):
    code, status = "INVALID_CONDITION", 400


class InvalidFieldPath(CyodaError):
    code, status = "INVALID_FIELD_PATH", 400


class ConditionTypeMismatch(CyodaError):
    code, status = "CONDITION_TYPE_MISMATCH", 400


class SearchResultLimit(CyodaError):
    code, status = "SEARCH_RESULT_LIMIT", 400

    def __init__(self) -> None:
        super().__init__("matched result count exceeds the configured limit")


class ScanBudgetExhausted(CyodaError):
    code, status = "SCAN_BUDGET_EXHAUSTED", 400


# --- workflows and compute --------------------------------------------------------------------------------------


class WorkflowNotFound(CyodaError):
    code, status = "WORKFLOW_NOT_FOUND", 404


class ValidationFailed(CyodaError):
    code, status = "VALIDATION_FAILED", 400


class WorkflowSchemaVersionUnsupported(CyodaError):
    code, status = "WORKFLOW_SCHEMA_VERSION_UNSUPPORTED", 400


class TransitionNotFound(CyodaError):
    code, status = "TRANSITION_NOT_FOUND", 400


class WorkflowFailed(CyodaError):
    code, status = "WORKFLOW_FAILED", 400


class ScheduleFunctionInvalidResult(CyodaError):
    code, status = "SCHEDULE_FUNCTION_INVALID_RESULT", 500


class NoComputeMemberForTag(CyodaError):
    code, status, retryable = "NO_COMPUTE_MEMBER_FOR_TAG", 503, True


class ComputeMemberDisconnected(CyodaError):
    code, status, retryable = "COMPUTE_MEMBER_DISCONNECTED", 503, True


class DispatchTimeout(CyodaError):
    code, status, retryable = "DISPATCH_TIMEOUT", 503, True


class DispatchForwardFailed(CyodaError):
    code, status, retryable = "DISPATCH_FORWARD_FAILED", 503, True


# --- the platform itself ----------------------------------------------------------------------------------------


class StorageUnavailable(CyodaError):
    """The database does not answer; nothing of the request is stored, or its commit could not be confirmed."""

    code, status, retryable = "STORAGE_UNAVAILABLE", 503, True

    def __init__(self, message: str = "storage is not available") -> None:
        super().__init__(message)


class ServerError(CyodaError):
    """An internal failure: its message is logged under a ticket and never sent (unless in verbose mode)."""

    code, status = "SERVER_ERROR", 500
