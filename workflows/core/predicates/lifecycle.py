"""The lifecycle fields that conditions and sort keys may name (contract: search 8.3, 9.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class Meta(Protocol):
    """What the kernel reads of an entity version besides its document; `workflows.core.entity.Version` is one.

    Ids are read through `str`. An empty transition or transaction is a present empty text; an unset time is absent.
    """

    @property
    def id(self) -> object: ...
    @property
    def state(self) -> str: ...
    @property
    def creation_date(self) -> datetime | None: ...
    @property
    def last_update_time(self) -> datetime | None: ...
    @property
    def transition_for_latest_save(self) -> str: ...
    @property
    def transaction_id(self) -> object: ...


@dataclass(frozen=True, slots=True)
class TextField:
    """A lifecycle field declared STRING."""

    name: str
    read: Callable[[Meta], str]


@dataclass(frozen=True, slots=True)
class TimeField:
    """A lifecycle field declared ZONED_DATE_TIME; `read` gives epoch milliseconds, floored, or None when unset."""

    name: str
    read: Callable[[Meta], int | None]


def epoch_ms(moment: datetime) -> int:
    """Milliseconds since 1970-01-01T00:00Z, rounded down."""
    return (moment - _EPOCH) // _MILLISECOND


def _creation_ms(meta: Meta) -> int | None:
    moment = meta.creation_date
    return None if moment is None else epoch_ms(moment)


def _update_ms(meta: Meta) -> int | None:
    moment = meta.last_update_time
    return None if moment is None else epoch_ms(moment)


_TRANSITION = TextField("transitionForLatestSave", lambda meta: meta.transition_for_latest_save)

LIFECYCLE_FIELDS: dict[str, TextField | TimeField] = {
    "state": TextField("state", lambda meta: meta.state),
    "creationDate": TimeField("creationDate", _creation_ms),
    "lastUpdateTime": TimeField("lastUpdateTime", _update_ms),
    "transitionForLatestSave": _TRANSITION,
    "previousTransition": _TRANSITION,
    "transactionId": TextField("transactionId", lambda meta: str(meta.transaction_id)),
    "id": TextField("id", lambda meta: str(meta.id)),
}
"""By the name used in conditions; `previousTransition` is an alias that sort keys may not use."""
