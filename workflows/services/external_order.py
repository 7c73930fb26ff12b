"""Sorting what may not fit in memory: sorted runs in temporary files, merged when they are read."""

from __future__ import annotations

import asyncio
import heapq
import tempfile
from collections.abc import Iterator
from typing import BinaryIO
from uuid import UUID

RUN_BYTES = 32 * 1024 * 1024
_ENTRY_BYTES = 41
"""What the interpreter adds to the text of each entry."""
_ID_BYTES = 16
_LENGTH_BYTES = 4


class ExternalOrder:
    """Collects keys that end with an entity's id (workflows.core.predicates.ordering), and gives the ids in order."""

    def __init__(self, run_bytes: int = RUN_BYTES) -> None:
        self._run_bytes = run_bytes
        self._entries: list[bytes] = []
        self._size = 0
        self._runs: list[BinaryIO] = []

    async def add(self, key: bytes) -> None:
        self._entries.append(key)
        self._size += len(key) + _ENTRY_BYTES
        if self._size >= self._run_bytes:
            entries, self._entries, self._size = self._entries, [], 0
            self._runs.append(await asyncio.to_thread(_written, entries))

    def ids(self) -> Iterator[UUID]:
        """Call it once, when everything has been added."""
        self._entries.sort()
        for entry in heapq.merge(*map(_read, self._runs), self._entries):
            yield UUID(bytes=entry[-_ID_BYTES:])

    def close(self) -> None:
        for run in self._runs:
            run.close()


def _written(entries: list[bytes]) -> BinaryIO:
    entries.sort()
    run = tempfile.TemporaryFile()  # noqa: SIM115 - `close` ends it, or the process
    for entry in entries:
        run.write(len(entry).to_bytes(_LENGTH_BYTES))
        run.write(entry)
    run.seek(0)
    return run


def _read(run: BinaryIO) -> Iterator[bytes]:
    while length := run.read(_LENGTH_BYTES):
        yield run.read(int.from_bytes(length))
