"""The judge itself: each anomaly of the contract is recognised, and sound histories pass."""

from __future__ import annotations

from uuid import UUID, uuid5

import pytest

from tests.model.serialisability import Anomaly, Recorded, check

SPACE = UUID(int=0)


def name(text: str) -> UUID:
    return uuid5(SPACE, text)


X, Y = name("x"), name("y")
FIRST = name("first")


def transaction(
    text: str, began: int, ended: int, *, reads: str = "", writes: str = "", committed: bool = True
) -> Recorded:
    """`reads` like "x:first y:one", `writes` like "x y"; an absent entity is read as "x:-"."""
    seen = [tuple(part.split(":")) for part in reads.split()]
    return Recorded(
        id=name(text),
        began=began,
        ended=ended,
        committed=committed,
        reads=[(name(entity), None if writer == "-" else name(writer)) for entity, writer in seen],
        writes={name(entity) for entity in writes.split()},
    )


def histories(**writers: str) -> dict[UUID, list[UUID]]:
    return {name(entity): [name(writer) for writer in texts.split()] for entity, texts in writers.items()}


START = transaction("first", 0, 1, writes="x y")


def test_a_serial_history_passes() -> None:
    one = transaction("one", 2, 3, reads="x:first", writes="x")
    two = transaction("two", 4, 5, reads="x:one y:first", writes="y")
    check([START, one, two], histories(x="first one", y="first two"))


def test_a_refused_transaction_may_have_read_an_older_state() -> None:
    one = transaction("one", 2, 5, reads="x:first y:first", writes="x y")
    two = transaction("two", 3, 6, reads="x:first y:first", writes="x", committed=False)
    check([START, one, two], histories(x="first one", y="first one"))


def test_a_lost_update_is_recognised() -> None:
    one = transaction("one", 2, 5, reads="x:first", writes="x")
    two = transaction("two", 3, 6, reads="x:first", writes="x")
    with pytest.raises(Anomaly, match="no serial order"):
        check([START, one, two], histories(x="first one two", y="first"))


def test_an_acknowledged_write_that_is_not_stored_is_recognised() -> None:
    one = transaction("one", 2, 5, reads="x:first", writes="x")
    with pytest.raises(Anomaly, match="lost"):
        check([START, one], histories(x="first", y="first"))


def test_a_stored_write_of_a_refused_transaction_is_recognised() -> None:
    one = transaction("one", 2, 5, reads="x:first", writes="x", committed=False)
    with pytest.raises(Anomaly, match="refused"):
        check([START, one], histories(x="first one", y="first"))


def test_a_dirty_read_is_recognised() -> None:
    one = transaction("one", 2, 5, writes="x", committed=False)
    two = transaction("two", 3, 4, reads="x:one")
    with pytest.raises(Anomaly, match="dirty"):
        check([START, one, two], histories(x="first", y="first"))


def test_a_non_repeatable_read_is_recognised() -> None:
    one = transaction("one", 2, 3, writes="x")
    two = transaction("two", 1, 4, reads="x:first x:one")
    with pytest.raises(Anomaly, match="non-repeatable"):
        check([START, one, two], histories(x="first one", y="first"))


def test_a_fractured_read_is_recognised() -> None:
    one = transaction("one", 2, 5, writes="x y")
    two = transaction("two", 2, 5, reads="x:one y:first")
    with pytest.raises(Anomaly, match="no serial order"):
        check([START, one, two], histories(x="first one", y="first one"))


def test_write_skew_is_recognised() -> None:
    one = transaction("one", 2, 5, reads="x:first y:first", writes="x")
    two = transaction("two", 2, 5, reads="x:first y:first", writes="y")
    with pytest.raises(Anomaly, match="no serial order"):
        check([START, one, two], histories(x="first one", y="first two"))


def test_a_read_of_an_old_state_after_an_acknowledged_write_is_recognised() -> None:
    one = transaction("one", 2, 3, writes="x")
    two = transaction("two", 4, 5, reads="x:first")
    with pytest.raises(Anomaly, match="ended before"):
        check([START, one, two], histories(x="first one", y="first"))


def test_absence_is_a_read_like_any_other() -> None:
    one = transaction("one", 2, 3, writes="z")
    two = transaction("two", 4, 5, reads="z:-")
    with pytest.raises(Anomaly, match="ended before"):
        check([START, one, two], histories(x="first", y="first", z="one"))
