"""Snapshot tokens: the database cluster they belong to, and what `pg_current_snapshot()` said.

A token outlives nothing but its cluster: rows of a restored dump carry xids that mean nothing to older tokens.
"""

from __future__ import annotations

from cyoda.errors import Conflict
from workflows.storage.base import Snapshot

Parsed = tuple[int, int, tuple[int, ...]]
"""xmin, xmax and the transactions between them that had not ended, as the driver passes a pg_snapshot."""


def token(system_identifier: int, text: str) -> Snapshot:
    return Snapshot(f"{system_identifier}/{text}")


def text_of(snapshot: Snapshot, system_identifier: int) -> str:
    """The pg_snapshot of a token. Raises Conflict when it belongs to another cluster: the request may be repeated."""
    owner, _, text = snapshot.partition("/")
    if owner != str(system_identifier):
        raise Conflict
    return text


def parsed(text: str) -> Parsed:
    xmin, xmax, running = text.split(":")
    return int(xmin), int(xmax), tuple(int(xid) for xid in running.split(",") if xid)
