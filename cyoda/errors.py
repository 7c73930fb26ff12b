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
    """The request cannot be read: its body, a parameter, or a value that the operation does not take."""

    code, status = "BAD_REQUEST", 400


class InvalidParameter(BadRequest):
    """A path or query parameter that does not bind (contract: entities 1.4)."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"invalid value for parameter '{parameter}'", {"parameter": parameter})


class MissingParameter(BadRequest):
    """A required query parameter is absent."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"missing required parameter '{parameter}'", {"parameter": parameter})


class BodyTooLarge(BadRequest):
    """A body over the endpoint's limit; most endpoints answer 400, grouped statistics and messages 413."""


class PayloadTooLarge(CyodaError):
    """The body is over the endpoint's limit, where that limit has a status of its own."""

    code, status = "BAD_REQUEST", 413


class Unauthorized(CyodaError):
    """No valid token came with the request, or the transaction token is not one of ours."""

    code, status = "UNAUTHORIZED", 401

    def __init__(self, message: str = "authentication failed") -> None:
        super().__init__(message)


class Forbidden(CyodaError):
    """The caller is known and may not do this."""

    code, status = "FORBIDDEN", 403


class QuotaExceeded(CyodaError):
    """The organisation's tier does not allow more of this; the properties name the entitlement and its limit."""

    code, status = "QUOTA_EXCEEDED", 403

    def __init__(self, entitlement: str, limit: int, what: str) -> None:
        super().__init__(f"the limit of {limit} {what} is reached", {"entitlementId": entitlement, "limit": limit})


class TooManyRequests(CyodaError):
    """More requests or callouts in the interval than the organisation's tier allows: wait, then repeat."""

    code, status, retryable = "TOO_MANY_REQUESTS", 429, True

    def __init__(self, message: str, *, retry_after_seconds: int, properties: Mapping[str, object]) -> None:
        super().__init__(message, {**properties, "retryAfterSeconds": retry_after_seconds})
        self.retry_after_seconds = retry_after_seconds


class UnsupportedMediaType(CyodaError):
    """A patch of another format, or with another content type, than merge patch in JSON."""

    code, status = "UNSUPPORTED_MEDIA_TYPE", 415


class PreconditionRequired(CyodaError):
    """A patch without `If-Match`."""

    code, status = "PRECONDITION_REQUIRED", 428


class NotImplementedHere(CyodaError):
    """Known and not offered, JSON Patch for example."""

    code, status = "NOT_IMPLEMENTED", 501


class FeatureDisabled(CyodaError):
    """The installation has this switched off."""

    code, status = "FEATURE_DISABLED", 404


class HelpTopicNotFound(CyodaError):
    """There is no help page of this name; `/help` lists them."""

    code, status = "HELP_TOPIC_NOT_FOUND", 404

    def __init__(self, topic: str) -> None:
        super().__init__(f"no help topic named {topic}")


# --- models -----------------------------------------------------------------------------------------------------


class ModelNotFound(CyodaError):
    """The tenant has no model of this name and version."""

    code, status = "MODEL_NOT_FOUND", 404


class ModelNotLocked(CyodaError):
    """Entities can be created of locked models only: lock the model first."""

    code, status = "MODEL_NOT_LOCKED", 409


class ModelAlreadyLocked(CyodaError):
    """The model is locked and cannot be imported, changed, deleted or locked again."""

    code, status = "MODEL_ALREADY_LOCKED", 409


class ModelAlreadyUnlocked(CyodaError):
    """The model is not locked."""

    code, status = "MODEL_ALREADY_UNLOCKED", 409


class ModelHasEntities(CyodaError):
    """The model has live entities; delete them first."""

    code, status = "MODEL_HAS_ENTITIES", 409


class IncompatibleType(CyodaError):
    """A value's type does not fit the field; the properties name both."""

    code, status = "INCOMPATIBLE_TYPE", 400


class PolymorphicSlot(CyodaError):
    """A place holds an object, an array or a scalar, and the document has another of these there."""

    code, status = "POLYMORPHIC_SLOT", 400


class InvalidChangeLevel(CyodaError):
    """Not one of the four change levels."""

    code, status = "INVALID_CHANGE_LEVEL", 400


class InvalidUniqueKey(CyodaError):
    """A unique key is partly filled, or a value of it is a structure or a number out of bounds."""

    code, status = "INVALID_UNIQUE_KEY", 422


class InvalidUniqueKeyDefinition(CyodaError):
    """A unique key is declared over what is no scalar field, or a change of the schema would break one."""

    code, status = "INVALID_UNIQUE_KEY_DEFINITION", 422


class InvalidIndexDefinition(CyodaError):
    """A field is to be indexed that is no scalar field of the model."""

    code, status = "INVALID_INDEX_DEFINITION", 422


# --- entities and transactions ----------------------------------------------------------------------------------


class EntityNotFound(CyodaError):
    """The tenant has no such entity, or had none at that moment."""

    code, status = "ENTITY_NOT_FOUND", 404


class EntityModified(CyodaError):
    """The entity has changed since the version that `If-Match` names."""

    code, status = "ENTITY_MODIFIED", 412

    def __init__(self, entity_id: object, properties: Mapping[str, object] | None = None) -> None:
        super().__init__("entity has been modified since last read", {"entityId": str(entity_id), **(properties or {})})


class Conflict(CyodaError):
    """Another transaction committed first what this one read or wrote; the whole request may be repeated."""

    code, status, retryable = "CONFLICT", 409, True

    def __init__(self) -> None:
        super().__init__("transaction conflict — retry")


class UniqueViolation(CyodaError):
    """Another entity holds the value of a composite unique key."""

    code, status = "UNIQUE_VIOLATION", 409

    def __init__(self) -> None:
        super().__init__("a composite unique key constraint was violated")


class TransactionExpired(CyodaError):
    """The token of the transaction to join has run out."""

    code, status = "TRANSACTION_EXPIRED", 410

    def __init__(self) -> None:
        super().__init__("transaction token has expired")


class TransactionNotFound(CyodaError):
    """The transaction to join is unknown or finished."""

    code, status = "TRANSACTION_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("transaction not found or no longer active")


class TransactionNodeUnavailable(CyodaError):
    """The node that holds the transaction to join cannot be reached."""

    code, status = "TRANSACTION_NODE_UNAVAILABLE", 503

    def __init__(self) -> None:
        super().__init__("transaction node is not available")


# --- search -----------------------------------------------------------------------------------------------------


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


# --- grouped statistics -----------------------------------------------------------------------------------------


class MalformedRequest(CyodaError):
    """The body of a grouped query is not of its shape."""

    code, status = "MALFORMED_REQUEST", 400


class MissingGroupBy(CyodaError):
    """A grouped query without `groupBy`."""

    code, status = "MISSING_GROUP_BY", 400


class InvalidGroupByPath(CyodaError):
    """A path to group by is empty or leads into arrays."""

    code, status = "INVALID_GROUP_BY_PATH", 400


class DuplicateGroupBy(CyodaError):
    """A path occurs twice in `groupBy`."""

    code, status = "DUPLICATE_GROUP_BY", 400


class InvalidAggregationOp(CyodaError):
    """Not one of `sum`, `avg`, `min`, `max`, `stdev`."""

    code, status = "INVALID_AGGREGATION_OP", 400


class InvalidAggregationField(CyodaError):
    """A field to aggregate is empty or leads into arrays."""

    code, status = "INVALID_AGGREGATION_FIELD", 400


class DuplicateAggregationAlias(CyodaError):
    """Two aggregations have one name."""

    code, status = "DUPLICATE_AGGREGATION_ALIAS", 400


class InvalidLimit(CyodaError):
    """The limit of a grouped query is out of range."""

    code, status = "INVALID_LIMIT", 400


class GroupCardinalityExceeded(CyodaError):
    """A grouped query has more groups than the installation allows."""

    code, status = "GROUP_CARDINALITY_EXCEEDED", 422

    def __init__(self) -> None:
        super().__init__("group cardinality exceeds the configured maximum")


# --- workflows and compute --------------------------------------------------------------------------------------


class WorkflowNotFound(CyodaError):
    """The model has no workflows to export."""

    code, status = "WORKFLOW_NOT_FOUND", 404


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


# --- identity ---------------------------------------------------------------------------------------------------


class KeypairNotFound(CyodaError):
    """There is no such signing key pair, or none that can sign for the audience now."""

    code, status = "KEYPAIR_NOT_FOUND", 404

    def __init__(self, message: str = "key pair not found") -> None:
        super().__init__(message)


class UnsupportedAlgorithm(CyodaError):
    """A signing key of another algorithm than RS256."""

    code, status = "UNSUPPORTED_ALGORITHM", 400

    def __init__(self) -> None:
        super().__init__("only RS256 supported in this version")


class UnsupportedKeyType(CyodaError):
    """A trusted key that is no RSA key."""

    code, status = "UNSUPPORTED_KEY_TYPE", 400

    def __init__(self, key_type: str) -> None:
        super().__init__(f"only RSA keys are supported, not {key_type[:100]}")


class TrustedKeyNotFound(CyodaError):
    """The tenant has no trusted key of this id."""

    code, status = "TRUSTED_KEY_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("trusted key not found")


class KeyOwnedByDifferentTenant(CyodaError):
    """The id of the trusted key is taken: choose another."""

    code, status = "KEY_OWNED_BY_DIFFERENT_TENANT", 409

    def __init__(self) -> None:
        super().__init__("key with this keyId belongs to a different tenant")


class TrustedKeyCapReached(CyodaError):
    """The tenant has as many active trusted keys as the installation allows: invalidate or delete one."""

    code, status = "TRUSTED_KEY_CAP_REACHED", 400

    def __init__(self) -> None:
        super().__init__("trusted-key cap reached for tenant")


class M2mClientNotFound(CyodaError):
    """The tenant has no technical client of this id."""

    code, status = "M2M_CLIENT_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("M2M client not found")


class OidcProviderNotFound(CyodaError):
    """The tenant has no OIDC provider of this id."""

    code, status = "OIDC_PROVIDER_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("OIDC provider not found")


class OidcProviderInactive(CyodaError):
    """The OIDC provider is invalidated: reactivate it before it is changed."""

    code, status = "OIDC_PROVIDER_INACTIVE", 409

    def __init__(self) -> None:
        super().__init__("OIDC provider is invalidated")


class OidcProviderDuplicate(CyodaError):
    """The tenant has registered this OIDC provider already; an invalidated one keeps its place until it is deleted."""

    code, status = "OIDC_PROVIDER_DUPLICATE", 409

    def __init__(self) -> None:
        super().__init__("provider with this wellKnownConfigUri already registered for this tenant")


class OidcSsrfBlocked(CyodaError):
    """The OIDC provider's host has an address that is private, local or otherwise not public."""

    code, status = "OIDC_SSRF_BLOCKED", 400

    def __init__(self) -> None:
        super().__init__("wellKnownConfigUri resolves to a blocked address range")


class OidcInvalidTenant(CyodaError):
    """Only tenants whose id is a UUID can register OIDC providers."""

    code, status = "OIDC_INVALID_TENANT", 400

    def __init__(self) -> None:
        super().__init__("the tenant id must be a UUID to register OIDC providers")


# --- the platform itself ----------------------------------------------------------------------------------------


class StorageUnavailable(CyodaError):
    """The database does not answer; nothing of the request is stored, or its commit could not be confirmed."""

    code, status, retryable = "STORAGE_UNAVAILABLE", 503, True

    def __init__(self, message: str = "storage is not available") -> None:
        super().__init__(message)


class ServerError(CyodaError):
    """An internal failure: its message is logged under a ticket and never sent (unless in verbose mode)."""

    code, status = "SERVER_ERROR", 500
