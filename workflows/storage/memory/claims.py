"""Who holds which unique value (contract: entities 4.8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

from cyoda.errors import UniqueViolation
from workflows.core.entity import ModelKey
from workflows.core.unique import Claim
from workflows.storage.base import Write

Held = tuple[ModelKey, Claim]
"""A unique value within its model; equal values of two models never collide."""


class Claims:
    """The unique values held by the live entities of one tenant."""

    def __init__(self) -> None:
        self._holder: dict[Held, UUID] = {}
        self._held_by: dict[UUID, tuple[Held, ...]] = {}

    def check(self, writes: Sequence[Write]) -> None:
        """Raises UniqueViolation when a value would have two holders after `writes`, in whatever order they come."""
        moving = {write.entity_id for write in _settling(writes)}
        taken: dict[Held, UUID] = {}
        for write in writes:
            for held in _held_after(write):
                holder = self._holder.get(held)
                if holder is None or holder in moving:
                    holder = taken.setdefault(held, write.entity_id)
                if holder != write.entity_id:
                    raise UniqueViolation

    def apply(self, writes: Sequence[Write]) -> None:
        """Free all that the written entities held, then give them what they claim; `writes` passed `check`."""
        for write in _settling(writes):
            for held in self._held_by.pop(write.entity_id, ()):
                del self._holder[held]
        for write in _settling(writes):
            if held_after := tuple(dict.fromkeys(_held_after(write))):
                self._held_by[write.entity_id] = held_after
                self._holder.update(dict.fromkeys(held_after, write.entity_id))


def _settling(writes: Iterable[Write]) -> Iterator[Write]:
    """The writes that say anew what their entity holds; one without claims (a model without keys) leaves it."""
    return (write for write in writes if write.claims is not None or write.document is None)


def _held_after(write: Write) -> Iterator[Held]:
    if write.document is not None:
        yield from ((write.model, claim) for claim in write.claims or ())
