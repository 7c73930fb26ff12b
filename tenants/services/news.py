"""Changes of configuration that nodes keep in memory are in force on every node before their answer is sent.

What looks at the rows twice a second anyway (epochs.py) is told at once of changes that a node of the cluster makes;
changes of other processes, which answer nobody, are found by looking (docs/adr/0017).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from django.db import transaction


class Spreads(Protocol):
    """Has every node of the cluster look at the rows, this one included. Neither raises nor takes long."""

    async def spread(self) -> None: ...

    def spread_and_wait(self) -> None:
        """The same for a thread that is not the event loop's."""
        ...


collected: ContextVar[list[None] | None] = ContextVar("collected", default=None)
"""Where a thread leaves news whose caller spreads them itself: that thread may be the one that looks."""

_spreading: list[Spreads] = []


@contextmanager
def spread_by(spreads: Spreads) -> Generator[None]:
    """Meanwhile this process is a node that tells the others."""
    _spreading.append(spreads)
    try:
        yield
    finally:
        _spreading.remove(spreads)


def announce() -> None:
    """Inside the transaction of a change."""
    transaction.on_commit(_committed, robust=True)


async def spread() -> None:
    """Spread what was collected."""
    if _spreading:
        await _spreading[-1].spread()


def _committed() -> None:
    news = collected.get()
    if news is not None:
        news.append(None)
    elif _spreading:
        _spreading[-1].spread_and_wait()
