"""Fields that are declared indexed, so that searches by them need not look at every entity of the model.

A declaration changes no answer and no schema; how an index is built and used is the backend's affair.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from workflows.core.schema.node import Node
from workflows.core.schema.paths import scalar_leaves

STATE_FIELD = "@state"
"""The lifecycle state, in the spelling of `sort`."""
MAX_FIELDS = 32
"""Indexed fields of a model; every one of them is work for each write."""

Progress = Literal["building", "ready", "failed"]


class FieldIndex(msgspec.Struct, frozen=True):
    """Fields (`$.a.b`, or `@state`) that are indexed, each by itself."""

    id: str
    fields: tuple[str, ...]


class IndexState(msgspec.Struct, frozen=True):
    """How far the index of one field is; `progress` goes from 0 to 1. What failed is tried again."""

    state: Progress
    progress: float


READY = IndexState("ready", 1.0)


def joint_state(states: Sequence[IndexState]) -> IndexState:
    """The state of what consists of several: failed or building while any of them is."""
    if not states:
        return READY
    progress = sum(state.progress for state in states) / len(states)
    for worst in ("failed", "building"):
        if any(state.state == worst for state in states):
            return IndexState(worst, progress)
    return READY


def index_fault(indexes: Sequence[FieldIndex], node: Node) -> str | None:
    """Why the indexes cannot be declared on a schema; None when they can."""
    scalars, seen = scalar_leaves(node), set[str]()
    for index in indexes:
        if not index.id:
            return "index ID must not be empty"
        if index.id in seen:
            return f'duplicate index ID "{index.id}"'
        seen.add(index.id)
        if fault := _fields_fault(index, scalars):
            return fault
    if len({field for index in indexes for field in index.fields}) > MAX_FIELDS:
        return f"more than {MAX_FIELDS} fields are indexed"
    return None


def _fields_fault(index: FieldIndex, scalars: frozenset[str]) -> str | None:
    if not index.fields:
        return f'index "{index.id}" has no fields'
    for position, field in enumerate(index.fields):
        if field in index.fields[:position]:
            return f'index "{index.id}": duplicate field "{field}"'
        if field != STATE_FIELD and (field not in scalars or not field.isprintable()):
            return f'index "{index.id}": field "{field}" is not a known scalar leaf'
    return None
