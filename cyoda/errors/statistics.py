"""Refusals about grouped statistics (contract: search, grouped statistics)."""

from __future__ import annotations

from cyoda.errors.base import CyodaError


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
