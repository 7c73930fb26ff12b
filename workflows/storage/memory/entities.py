"""Entities of one tenant: every version, in commit order (contract: entities 1.6, engine 5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import msgspec

from cyoda.errors import Conflict
from workflows.core.entity import EMPTY_DOCUMENT, ModelKey, Version
from workflows.storage.base import ChangeSet, Scan, Snapshot, StateCount, Write
from workflows.storage.memory.claims import Claims

_TICK = timedelta(microseconds=1)


class _Committed(NamedTuple):
    sequence: int
    version: Version


class Entities:
    """Append-only histories; a snapshot is the number of commits it has seen."""

    def __init__(self) -> None:
        self._sequence = 0
        self._histories: dict[UUID, list[_Committed]] = {}
        self._of_model: dict[ModelKey, set[UUID]] = {}
        self._claims = Claims()

    def snapshot(self) -> Snapshot:
        return Snapshot(str(self._sequence))

    # --- reads --------------------------------------------------------------------------------------------------

    def read(self, entity_ids: Iterable[UUID], snapshot: Snapshot | None) -> dict[UUID, Version]:
        found = {entity_id: self.seen(entity_id, snapshot) for entity_id in entity_ids}
        return {entity_id: version for entity_id, version in found.items() if version}

    def read_as_of(self, entity_id: UUID, at: datetime) -> Version | None:
        return self.seen(entity_id, None, at)

    def read_written_by(self, entity_id: UUID, transaction_id: UUID) -> Version | None:
        history = self._histories.get(entity_id, ())
        return _newest_live(entry for entry in history if entry.version.transaction_id == transaction_id)

    def history(self, entity_id: UUID, until: datetime | None, limit: int) -> Sequence[Version]:
        newest_first = (entry.version for entry in reversed(self._histories.get(entity_id, [])))
        wanted = [version for version in newest_first if until is None or version.updated_at <= until]
        return [msgspec.structs.replace(version, document=EMPTY_DOCUMENT) for version in wanted[:limit]]

    def scan(self, scan: Scan) -> Sequence[Version]:
        """All that the scan asks for; the narrowing is not used, which is a superset too."""
        found: list[Version] = []
        for entity_id in sorted(self._of_model.get(scan.model, ()), reverse=scan.descending):
            if scan.after is not None and (entity_id >= scan.after if scan.descending else entity_id <= scan.after):
                continue
            version = self.seen(entity_id, scan.snapshot, scan.at)
            if version:
                found.append(version)
        end = None if scan.limit is None else scan.offset + scan.limit
        return found[scan.offset : end]

    def model_of(self, entity_id: UUID) -> ModelKey | None:
        history = self._histories.get(entity_id)
        return history[0].version.model if history else None

    def live(self, model: ModelKey) -> int:
        """How many live entities the model has."""
        return sum(count.count for count in self.count_by_state(model))

    def count_by_state(self, model: ModelKey | None) -> Sequence[StateCount]:
        newest = (self.seen(entity_id, None) for entity_id in self._histories)
        live = (version for version in newest if version and model in (None, version.model))
        groups: dict[tuple[ModelKey, str], list[datetime]] = {}
        for version in live:
            groups.setdefault((version.model, version.state), []).append(version.updated_at)
        return [StateCount(key, state, len(times), max(times)) for (key, state), times in groups.items()]

    # --- commit -------------------------------------------------------------------------------------------------

    def check(self, change: ChangeSet) -> None:
        """Raises Conflict or UniqueViolation when the change set may not be applied to the present state."""
        for write in change.writes:
            if write.expected != len(self._histories.get(write.entity_id, ())):
                raise Conflict
        for entity_id, number in change.reads.items():
            if number != self._live_number(entity_id):
                raise Conflict
        self._claims.check(change.writes)

    def apply(self, change: ChangeSet) -> datetime:
        """Append the versions of a change set that passed `check`; returns their common stamp."""
        replaced = [self._histories[write.entity_id][-1].version for write in change.writes if write.expected]
        moment = max([change.at, *(version.updated_at + _TICK for version in replaced)])
        self._sequence += 1
        for write in change.writes:
            self._append(write, change.transaction_id, moment)
        self._claims.apply(change.writes)
        return moment

    def _append(self, write: Write, transaction_id: UUID, moment: datetime) -> None:
        history = self._histories.setdefault(write.entity_id, [])
        version = Version(
            entity_id=write.entity_id,
            model=write.model,
            number=write.expected + 1,
            state=write.state,
            document=write.document or EMPTY_DOCUMENT,
            created_at=history[0].version.created_at if history else moment,
            updated_at=moment,
            transaction_id=transaction_id,
            transition=write.transition,
            attributed=write.attributed,
            executor=write.executor,
            deleted=write.document is None,
        )
        history.append(_Committed(self._sequence, version))
        self._of_model.setdefault(write.model, set()).add(write.entity_id)

    def _live_number(self, entity_id: UUID) -> int:
        """The number of the live version; 0 for an entity that never was or is deleted."""
        version = self.seen(entity_id, None)
        return version.number if version else 0

    def seen(self, entity_id: UUID, snapshot: Snapshot | None, at: datetime | None = None) -> Version | None:
        """The live version as a snapshot (None: the latest state) sees it, of an instant (None: now)."""
        seen = self._sequence if snapshot is None else int(snapshot)
        history = (entry for entry in self._histories.get(entity_id, ()) if entry.sequence <= seen)
        return _newest_live(entry for entry in history if at is None or entry.version.updated_at <= at)


def _newest_live(history: Iterable[_Committed]) -> Version | None:
    """The last of the versions; None when there is none or it is a tombstone."""
    newest: Version | None = None
    for entry in history:
        newest = entry.version
    return None if newest is None or newest.deleted else newest
