"""Shapes and limits of what is sent over HTTP, as types that encode and document (contract: entities 1.4, 1.5)."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from cyoda.errors import (
    ComputeMemberDisconnected,
    Conflict,
    CyodaError,
    DispatchForwardFailed,
    DispatchTimeout,
    IncompatibleType,
    InvalidUniqueKey,
    InvalidUniqueKeyDefinition,
    NoComputeMemberForTag,
    PolymorphicSlot,
    StorageUnavailable,
    UniqueViolation,
    WorkflowFailed,
)
from cyoda.http.operation import query

Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1, extra_json_schema={"format": "int32"})]
Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1, extra_json_schema={"format": "int64"})]
Moment = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC, up to 9 digits of a second."""
Json = Any

XML_TYPE = "application/xml"

PATH_TYPES = {
    "format": Literal["JSON", "XML"],
    "dataFormat": Literal["JSON", "XML"],
    "converter": Literal["SAMPLE_DATA", "SIMPLE_VIEW", "JSON_SCHEMA"],
    "changeLevel": Literal["ARRAY_LENGTH", "ARRAY_ELEMENTS", "TYPE", "STRUCTURAL"],
    "jobId": UUID,
    "modelVersion": Int32,
    "number": Int32,
    "entityId": UUID,
    "messageId": UUID,
    "reportId": UUID,
    "transactionId": UUID,
    "workflowId": UUID,
}
"""Path parameters that are not any text."""

POINT_IN_TIME = query("pointInTime", Moment, "As of this moment (inclusive).")
WRITE_OPTIONS = (
    query("transactionTimeoutMillis", Int64, "Checked for its type; has no effect."),
    query("waitForConsistencyAfter", bool, "Checked for its type; has no effect: writes are visible at once."),
)
WINDOW = query("transactionWindow", Annotated[int, Meta(ge=1, le=1000)], "Items in one transaction; 100 unless given.")

WRITE_ERRORS: tuple[type[CyodaError], ...] = (
    IncompatibleType,
    PolymorphicSlot,
    InvalidUniqueKey,
    InvalidUniqueKeyDefinition,
    UniqueViolation,
    Conflict,
    WorkflowFailed,
    NoComputeMemberForTag,
    ComputeMemberDisconnected,
    DispatchTimeout,
    DispatchForwardFailed,
    StorageUnavailable,
)
"""What storing a document and running its workflow may be refused with."""


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Members in camelCase; those with a default are left out when they have it."""


class ModelKeyShape(Shape, frozen=True, kw_only=True):
    name: str
    version: int


class EntityMeta(Shape, frozen=True, kw_only=True):
    """`pointInTime` only in lists as of a moment."""

    id: UUID
    model_key: ModelKeyShape
    state: str
    creation_date: Moment
    last_update_time: Moment
    transaction_id: UUID
    transition_for_latest_save: str = ""
    point_in_time: Moment = ""


class Entity(Shape, frozen=True, kw_only=True):
    """An entity as it is read; `data` is the document as it was written, number by number."""

    type: str
    data: Json
    meta: EntityMeta
