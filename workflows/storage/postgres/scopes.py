"""What a change set touches, and so which ones may share a batch."""

from __future__ import annotations

from collections.abc import Hashable
from uuid import UUID

from workflows.storage.base import ChangeSet

_FIXED_BYTES = 512
"""What a write weighs besides its document."""


def size_bytes(change: ChangeSet) -> int:
    return sum(_FIXED_BYTES + len(write.document.text) for write in change.writes if write.document is not None)


def claims_twice(change: ChangeSet) -> bool:
    """Whether two entities of the change set claim one value."""
    claimed = _claimed(change)
    return len(claimed) != len(set(claimed))


def _claimed(change: ChangeSet) -> list[Hashable]:
    return [
        (write.model, claim.key, claim.digest)
        for write in change.writes
        if write.claims and write.document is not None
        for claim in write.claims
    ]


class Scope:
    """What the members of one batch touch."""

    def __init__(self) -> None:
        self._written: set[UUID] = set()
        self._read: set[UUID] = set()
        self._exclusive: set[Hashable] = set()

    def admits(self, change: ChangeSet) -> bool:
        """Whether the change set touches nothing that a member writes, claims or times; it is a member from then on."""
        written = [write.entity_id for write in change.writes]
        exclusive = _claimed(change)
        if change.arm or change.disarm or change.armed:
            exclusive += dict.fromkeys([*(t.id for t in (*change.arm, *change.armed)), *change.disarm])
        if not (
            self._written.isdisjoint(written)
            and self._read.isdisjoint(written)
            and self._written.isdisjoint(change.reads)
            and self._exclusive.isdisjoint(exclusive)
        ):
            return False
        self._written.update(written)
        self._read.update(change.reads)
        self._exclusive.update(exclusive)
        return True
