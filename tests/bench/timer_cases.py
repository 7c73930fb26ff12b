"""Timers that are due at once: how late each of them fires.

One request arms them all, so they are due within the time that it took. A timer is late by the time from its due
moment to the one that the commit which fires it gives to its entity's version.
"""

from __future__ import annotations

import json
import time
from datetime import datetime, timedelta
from typing import Any

from tests.bench.dataset import Api, define, document, model_path, waiting
from tests.bench.load import percentile_ms
from tests.bench.measure import Figure, Place
from tests.bench.node import cpu_of

COUNT = 1_000
DELAY_MS = 3_000
_MODEL = "timed"
_ALL_FIRED = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": "FIRED"}
_POLL_S = 0.2
_PATIENCE_S = 60.0


def name(count: int) -> str:
    return f"{count:,} timers due at once"


def run(api: Api, place: Place, count: int = COUNT, delay_ms: int = DELAY_MS) -> Figure:
    """The rate from the first due moment to the last firing; the latencies are lateness.

    Raises RuntimeError when they do not all fire.
    """
    define(api, _MODEL, document(1), waiting(delay_ms))
    api.call("POST", f"{model_path(_MODEL)}?transactionWindow={count}", [document(number) for number in range(count)])
    before = cpu_of(place.node_pid, place.postmaster)
    entities = _fired(api, count)
    spent = cpu_of(place.node_pid, place.postmaster) - before
    due = [_moment(entity, "creationDate") + timedelta(milliseconds=delay_ms) for entity in entities]
    fired = [_moment(entity, "lastUpdateTime") for entity in entities]
    late = sorted((at - expected).total_seconds() for at, expected in zip(fired, due, strict=True))
    return Figure(
        name(count), 1, 1, count / (max(fired) - min(due)).total_seconds(),
        percentile_ms(late, 0.5), percentile_ms(late, 0.99), percentile_ms(late, 1.0),
        spent.node_s / count * 1e6, spent.postgres_s / count * 1e6, 0.0,
    )  # fmt: skip


def _fired(api: Api, count: int) -> list[dict[str, Any]]:
    ends = time.monotonic() + _PATIENCE_S
    while _in_state(api, "FIRED") < count:
        if time.monotonic() > ends:
            raise RuntimeError(f"not all of {count} timers fire")
        time.sleep(_POLL_S)
    found = api.send("POST", f"/search/direct/{_MODEL}/1?limit={count}", _ALL_FIRED)
    return [json.loads(line) for line in found.splitlines()]


def _in_state(api: Api, state: str) -> int:
    counts = api.call("GET", f"/entity/stats/states/{_MODEL}/1?states={state}")
    return sum(each["count"] for each in counts)


def _moment(entity: dict[str, Any], field: str) -> datetime:
    return datetime.fromisoformat(entity["meta"][field])
