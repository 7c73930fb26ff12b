"""Judges a recorded history of concurrent transactions (contract: entities 1.6, engine 5.1).

Every transaction must fit into one serial order that respects real time: what it read is what stood there when its
turn came. For transactions whose reads and writes are validated at commit this is what the contract's promises add
up to; a lost update, a dirty, non-repeatable or fractured read, or write skew makes the order impossible.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from uuid import UUID


class Anomaly(AssertionError):
    """The history breaks a promise; the text names it."""


@dataclass
class Recorded:
    """One transaction. `began` and `ended` are moments of one global counter: it ran between them.

    `reads` are committed versions it saw, as (entity, their writing transaction or None for absent); own writes are
    not among them. `writes` are the entities it wrote or deleted.
    """

    id: UUID
    began: int
    ended: int = 0
    committed: bool = False
    reads: list[tuple[UUID, UUID | None]] = field(default_factory=list)
    writes: set[UUID] = field(default_factory=set)


Histories = Mapping[UUID, Sequence[UUID]]
"""For each entity the transactions that wrote its versions, oldest first, tombstones included."""


def check(transactions: Sequence[Recorded], histories: Histories) -> None:
    """Raises Anomaly when no serial order explains the transactions, those that were refused included."""
    by_id = {transaction.id: transaction for transaction in transactions}
    _check_writes(by_id, histories)
    _check_reads(by_id, histories)
    order: TopologicalSorter[UUID] = TopologicalSorter({transaction.id: set() for transaction in transactions})
    reasons: dict[tuple[UUID, UUID], str] = {}
    for before, after, why in _constraints(transactions, histories):
        order.add(after, before)
        reasons.setdefault((before, after), why)
    try:
        order.prepare()
    except CycleError as error:
        cycle = error.args[1]
        steps = [reasons.get((one, other)) or reasons[other, one] for one, other in pairwise(cycle)]
        raise Anomaly(f"no serial order: {' / '.join(steps)}") from None


def _check_writes(by_id: Mapping[UUID, Recorded], histories: Histories) -> None:
    """What was acknowledged is there once, what was refused is not."""
    written = [(entity_id, writer) for entity_id, writers in histories.items() for writer in writers]
    if len(written) != len(set(written)):
        raise Anomaly("a transaction wrote two versions of one entity")
    expected = {(entity_id, t.id) for t in by_id.values() if t.committed for entity_id in t.writes}
    if lost := expected - set(written):
        raise Anomaly(f"acknowledged writes are lost: {lost}")
    if ghosts := set(written) - expected:
        raise Anomaly(f"refused or unknown writes are stored: {ghosts}")


def _check_reads(by_id: Mapping[UUID, Recorded], histories: Histories) -> None:
    for transaction in by_id.values():
        seen: dict[UUID, UUID | None] = {}
        for entity_id, writer in transaction.reads:
            if seen.setdefault(entity_id, writer) != writer:
                raise Anomaly(f"non-repeatable read of {entity_id}")
            if writer is not None and writer not in histories[entity_id]:
                raise Anomaly(f"dirty read of {entity_id}")


def _constraints(transactions: Sequence[Recorded], histories: Histories) -> Iterator[tuple[UUID, UUID, str]]:
    for entity_id, writers in histories.items():
        for one, other in pairwise(writers):
            yield one, other, f"{other} replaced the version of {one}"
        yield from _read_constraints(transactions, entity_id, writers)
    for one in transactions:
        for other in transactions:
            if one.ended < other.began:
                yield one.id, other.id, f"{one.id} ended before {other.id} began"


def _read_constraints(
    transactions: Sequence[Recorded], entity_id: UUID, writers: Sequence[UUID]
) -> Iterator[tuple[UUID, UUID, str]]:
    successor: dict[UUID | None, UUID] = dict(pairwise([None, *writers]))  # type: ignore[arg-type]
    readers: dict[UUID | None, set[UUID]] = defaultdict(set)
    for transaction in transactions:
        for read_id, writer in transaction.reads:
            if read_id == entity_id:
                readers[writer].add(transaction.id)
    for writer, ids in readers.items():
        for reader in ids:
            if writer is not None:
                yield writer, reader, f"{reader} read the version of {writer}"
            following = successor.get(writer)
            if following is not None and following != reader:
                yield reader, following, f"{reader} read what {following} replaced"
