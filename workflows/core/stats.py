"""The question of grouped statistics, read and judged in the contract's order (contract: search 11.1, 11.3)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec

from cyoda.errors import (
    CyodaError,
    DuplicateAggregationAlias,
    DuplicateGroupBy,
    InvalidAggregationField,
    InvalidAggregationOp,
    InvalidGroupByPath,
    InvalidLimit,
    MalformedRequest,
    MissingGroupBy,
)

STATE = "state"
"""The reserved word that groups by the lifecycle state."""

_INT64 = (-(2**63), 2**63 - 1)
_quoted = re.compile(r"\.?\['([^'\[\]]*)'\]")
_names = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


class Op(StrEnum):
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"
    STDEV = "stdev"


class ScalarPath(msgspec.Struct, frozen=True):
    """A path to a value; `names` are the members from the document's root, none for the lifecycle state."""

    names: tuple[str, ...]

    def __str__(self) -> str:
        """As answers show it."""
        return "$." + ".".join(self.names) if self.names else STATE


class Aggregate(msgspec.Struct, frozen=True):
    """One figure of every group: `op` over the numbers at `field`, answered as `alias`."""

    op: Op
    field: ScalarPath
    alias: str


class StatisticsRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`condition` is an unread JSON text; `at` None means now; `limit` None means all groups."""

    group_by: tuple[ScalarPath, ...]
    aggregates: tuple[Aggregate, ...] = ()
    condition: bytes | None = None
    at: datetime | None = None
    limit: int | None = None


class _Aggregation(msgspec.Struct, forbid_unknown_fields=True):
    op: str | None = None
    field: str | None = None
    alias: str | None = msgspec.field(default=None, name="as")


class _Request(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    group_by: list[str | None] | None = None
    condition: msgspec.Raw = msgspec.Raw(b"")
    aggregations: list[_Aggregation | None] | None = None
    point_in_time: str | None = None
    limit: int | None = None


_request = msgspec.json.Decoder(_Request | None)


def parse_request(body: bytes, *, max_groups: int, read_instant: Callable[[str], datetime | None]) -> StatisticsRequest:
    """The question in a request body. `read_instant` gives the moment of an RFC 3339 text, None for any other.

    Raises, in this order: MalformedRequest, MissingGroupBy, InvalidGroupByPath, DuplicateGroupBy,
    InvalidAggregationOp, InvalidAggregationField, DuplicateAggregationAlias, InvalidLimit.
    """
    asked = _decoded(body)
    at = None if asked.point_in_time is None else read_instant(asked.point_in_time)
    if asked.point_in_time is not None and at is None:
        raise MalformedRequest("invalid JSON: pointInTime is not an RFC 3339 date-time")
    if asked.limit is not None and not _INT64[0] <= asked.limit <= _INT64[1]:
        raise MalformedRequest("invalid JSON: limit is out of range")
    group_by = _group_by(asked.group_by or ())
    aggregates = _aggregates(asked.aggregations or ())
    if asked.limit is not None and not 0 < asked.limit <= max_groups:
        raise InvalidLimit(f"limit must be positive and <= {max_groups}")
    return StatisticsRequest(
        group_by=group_by, aggregates=aggregates, condition=bytes(asked.condition) or None, at=at, limit=asked.limit
    )


def _decoded(body: bytes) -> _Request:
    try:
        body.decode()  # the condition is skipped here, which checks its JSON only
        return _request.decode(body) or _Request()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedRequest(f"invalid JSON: {error}") from None


def _group_by(entries: Sequence[str | None]) -> tuple[ScalarPath, ...]:
    if not entries:
        raise MissingGroupBy("groupBy is required")
    found: dict[tuple[str, ScalarPath], ScalarPath] = {}
    for entry in entries:
        spelling = entry or ""
        normalised = _normalised(spelling)
        path = ScalarPath(()) if spelling == STATE else _path(spelling, normalised)
        if (normalised, path) in found:
            raise DuplicateGroupBy(f"duplicate groupBy entry: {normalised}")
        found[normalised, path] = path
    return tuple(found.values())


def _aggregates(entries: Sequence[_Aggregation | None]) -> tuple[Aggregate, ...]:
    found: dict[tuple[Op, str], Aggregate] = {}
    aliases: set[str] = set()
    for entry in entries:
        asked = entry or _Aggregation()
        op = next((op for op in Op if op == asked.op), None)
        if op is None:
            raise InvalidAggregationOp(f"unknown op: {asked.op or ''}")
        spelling = asked.field or ""
        normalised = _normalised(spelling)
        field = _path(spelling, normalised, InvalidAggregationField)
        if (op, normalised) in found:
            continue
        alias = asked.alias or f"{op}_{normalised.removeprefix('$.')}"
        if alias in aliases:
            raise DuplicateAggregationAlias(alias)
        aliases.add(alias)
        found[op, normalised] = Aggregate(op, field, alias)
    return tuple(found.values())


# --- paths ----------------------------------------------------------------------------------------------------------


def _normalised(path: str) -> str:
    """`$['a']['b']` and `$.['a'].b` as `$.a.b`; a dot inside quotes separates like any other."""
    return _quoted.sub(r".\1", path).removeprefix(".")


def _path(spelling: str, normalised: str, refusal: type[CyodaError] | None = None) -> ScalarPath:
    """Raises `refusal` with the path as given, or InvalidGroupByPath with the reason."""
    names = normalised.removeprefix("$").removeprefix(".")
    if _names.fullmatch(names):
        return ScalarPath(tuple(names.split(".")))
    if refusal is not None:
        raise refusal(spelling)
    if not names:
        raise InvalidGroupByPath("path is empty")
    if "[" in normalised or "]" in normalised:
        raise InvalidGroupByPath(f"array projection not supported: {spelling}")
    raise InvalidGroupByPath(f"unsupported characters in path: {spelling}")
