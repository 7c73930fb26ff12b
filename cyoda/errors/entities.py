"""Refusals about entities and the transactions around them (contract: entities 5, 6; engine 5)."""

from __future__ import annotations

from collections.abc import Mapping

from cyoda.errors.base import CyodaError


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
