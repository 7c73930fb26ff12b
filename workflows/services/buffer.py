"""What an open transaction wants stored, and how part of it is taken back.

Every joined request is a scope of its own below the one whose callout it answers. Taking back a scope undoes what it
and the scopes below it wrote since a savepoint, and leaves what requests beside it wrote in the meantime.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from workflows.core.audit import AuditRecord
from workflows.core.entity import Version
from workflows.core.timer import Timer
from workflows.core.unique import Claim
from workflows.storage.base import Extension

OWNER = 0
"""The scope of the transaction's own work."""
_ABSENT: Any = object()


class Savepoint(NamedTuple):
    """A moment in a scope's work; for a later buffer it means that one's beginning."""

    position: int
    scope: int
    buffer: Buffer


class _Change:
    """One key of a table that a scope has set or removed, and what was there before."""

    __slots__ = ("key", "previous", "scope", "table")

    def __init__(self, scope: int, table: dict[Any, Any], key: object, previous: object) -> None:
        self.scope = scope
        self.table = table
        self.key = key
        self.previous = previous


class Buffer:
    """Tables by key. They are read freely, and changed by `put` and `drop` in the current `scope`."""

    __slots__ = ("_journal", "_parents", "arm", "audit", "claims", "disarm", "extensions", "scope", "versions")

    def __init__(self, before: Buffer | None = None) -> None:
        self.versions: dict[UUID, Version] = {}
        self.claims: dict[UUID, tuple[Claim, ...]] = {}
        self.audit: dict[int, AuditRecord] = {}
        self.arm: dict[str, Timer] = {}
        self.disarm: dict[str, None] = {}
        self.extensions: dict[int, Extension] = {}
        self.scope = OWNER
        self._parents: dict[int, int] = {}
        self._journal: list[_Change] | None = [] if before is not None and before._journal is not None else None
        """Kept from the first savepoint on, also one in the buffer before: else nothing can be taken back."""

    def put(self, table: dict[Any, Any], key: object, value: object) -> None:
        if self._journal is not None:
            self._journal.append(_Change(self.scope, table, key, table.get(key, _ABSENT)))
        table[key] = value

    def add(self, table: dict[int, Any], value: object) -> None:
        """Put a value under the next free number."""
        self.put(table, next(reversed(table), -1) + 1, value)

    def drop(self, table: dict[Any, Any], key: object) -> None:
        """Remove a key, if it is there; that it is gone from here on is a change even if it was not."""
        if self._journal is not None:
            self._journal.append(_Change(self.scope, table, key, table.get(key, _ABSENT)))
        table.pop(key, None)

    def savepoint(self) -> Savepoint:
        if self._journal is None:
            self._journal = []
        return Savepoint(len(self._journal), self.scope, self)

    def open_scope(self, parent: int) -> int:
        """Begin a scope below another one and make it the current one; returns it."""
        scope = len(self._parents) + 1
        self._parents[scope] = parent
        self.scope = scope
        return scope

    def roll_back_to(self, savepoint: Savepoint) -> None:
        """Take back what the savepoint's scope, and those below it, have changed since."""
        journal = self._journal
        assert journal is not None  # savepoint() has begun it
        position = savepoint.position if savepoint.buffer is self else 0
        kept: list[_Change] = []
        later: dict[tuple[int, object], _Change] = {}
        for change in reversed(journal[position:]):
            place = (id(change.table), change.key)
            if not self._is_within(change.scope, savepoint.scope):
                kept.append(change)
                later[place] = change
            elif place in later:  # written again by a scope that stays: what that one replaced is what this one did
                later[place].previous = change.previous
            else:
                _restore(change)
        journal[position:] = reversed(kept)

    def _is_within(self, scope: int, outer: int) -> bool:
        while scope != outer and scope != OWNER:
            scope = self._parents[scope]
        return scope == outer


def _restore(change: _Change) -> None:
    if change.previous is _ABSENT:
        change.table.pop(change.key, None)
    else:
        change.table[change.key] = change.previous
