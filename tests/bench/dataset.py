"""The documents, model and workflow of the benchmark, and the entities that the cases read and change."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from tests.bench.workloads import dumps

BATCH = 100
TAG = "bench"
SEGMENTS = 100
"""A search for one segment finds 1 % of the entities."""

_PATIENCE_S = 300.0
_CITIES = ("Ljubljana", "Porto", "Gdansk", "Aarhus", "Ghent", "Turku")
PROCESSOR = {
    "type": "externalized",
    "name": "appraise",
    "executionMode": "SYNC",
    "config": {"calculationNodesTags": TAG, "attachEntity": True, "responseTimeoutMs": 120_000},
}
STEPS = 5
"""States that a cascade passes on its own, each behind a guard."""
_GUARD = {"type": "simple", "jsonPath": "$.number", "operatorType": "GREATER_OR_EQUAL", "value": 0}


def _workflow(initial: str, states: dict[str, Any]) -> dict[str, Any]:
    return {"version": "1.3", "name": "bench", "initialState": initial, "states": states}


def _steps(end: str) -> dict[str, Any]:
    """The states from STEP1 on, which automated transitions pass one after the other."""
    targets = [f"STEP{number}" for number in range(2, STEPS + 1)] + [end]
    return {
        f"STEP{number}": {"transitions": [{"name": f"step {number}", "next": target, "criterion": _GUARD}]}
        for number, target in enumerate(targets, 1)
    }


def cascading() -> dict[str, Any]:
    """A workflow whose new entities pass all steps."""
    return _workflow("STEP1", {**_steps("DONE"), "DONE": {}})


def registering(*processors: dict[str, Any]) -> dict[str, Any]:
    """A workflow whose new entities pass one transition with these processors."""
    register = {"name": "register", "next": "OPEN", "processors": list(processors)}
    return _workflow("NEW", {"NEW": {"transitions": [register]}, "OPEN": {}})


def waiting(delay_ms: int) -> dict[str, Any]:
    """A workflow whose new entities wait for a timer."""
    fire = {"name": "fire", "next": "FIRED", "schedule": {"delayMs": delay_ms}}
    return _workflow("WAITING", {"WAITING": {"transitions": [fire]}, "FIRED": {}})


_ORDERS = _workflow(
    "NEW",
    {
        "NEW": {"transitions": [{"name": "register", "next": "OPEN"}]},
        "OPEN": {
            "transitions": [
                {"name": "turn", "next": "CLOSED", "manual": True},
                {"name": "appraise", "next": "OPEN", "manual": True, "processors": [PROCESSOR]},
                {"name": "cascade", "next": "STEP1", "manual": True},
            ]
        },
        **_steps("OPEN"),
        "CLOSED": {"transitions": [{"name": "turn", "next": "OPEN", "manual": True}]},
    },
)


def document(number: int) -> dict[str, Any]:
    """An order of about half a kilobyte, with texts, whole and decimal numbers, flags, a date and a list."""
    return {
        "number": number,
        "segment": number % SEGMENTS,
        "customer": {
            "name": f"Customer {number % 997:03d}",
            "email": f"customer{number % 997:03d}@example.org",
            "city": _CITIES[number % len(_CITIES)],
            "vip": number % 7 == 0,
        },
        "currency": "EUR",
        "total": number % 900 + 0.25,
        "placed": f"2026-0{number % 9 + 1}-1{number % 10}",
        "paid": number % 3 == 0,
        "lines": [
            {"sku": f"sku-{(number + line) % 5000:04d}", "quantity": line + 1, "price": line * 3 + 9.5}
            for line in range(4)
        ],
        "note": "Leave at the door; ring twice. Gift wrapping, no invoice in the parcel.",
    }


@dataclass(frozen=True)
class Api:
    """The few calls that prepare a run, one after another."""

    url: str
    token: str

    def call(self, method: str, path: str, body: object = None) -> Any:
        """The answer's value. Raises urllib.error.HTTPError."""
        text = self.send(method, path, body)
        return json.loads(text) if text else None

    def send(self, method: str, path: str, body: object = None) -> bytes:
        """The bytes of an answer, which nobody parses. Raises urllib.error.HTTPError."""
        data = None if body is None else dumps(body)
        headers = {"authorization": f"Bearer {self.token}", "content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        with urllib.request.urlopen(request, timeout=_PATIENCE_S) as answer:
            return answer.read()


@dataclass(frozen=True)
class Dataset:
    """What the cases work on: entity ids by purpose, and an instant before the second versions."""

    read: Sequence[str]
    changed: Sequence[str]
    past: str


def model_path(name: str) -> str:
    return f"/entity/JSON/{name}/1"


def prepare(api: Api, *, entities: int = 10_000, changing: int = 2_000) -> Dataset:
    """Make the models `order` (grows, changes), `catalogue` (exactly `entities`, each read and searched) and `errand`,
    whose entities name another one that their processor changes."""
    for name in ("order", "catalogue"):
        define(api, name, document(1), _ORDERS)
    define(api, "errand", {"companion": str(UUID(int=1))}, registering(PROCESSOR))
    read = _create(api, "catalogue", entities)
    changed = _create(api, "order", changing)
    past = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    for ids in _batches(changed):
        items = [{"id": entity_id, "payload": dumps(document(number)).decode()} for number, entity_id in enumerate(ids)]
        api.call("PUT", "/entity/JSON", items)
    return Dataset(read=read, changed=changed, past=past)


def define(api: Api, name: str, sample: Any, workflow: dict[str, Any]) -> None:
    """A locked model with one workflow."""
    api.call("POST", f"/model/import/JSON/SAMPLE_DATA/{name}/1", sample)
    api.call("PUT", f"/model/{name}/1/lock")
    api.call("POST", f"/model/{name}/1/workflow/import", {"importMode": "REPLACE", "workflows": [workflow]})


def _create(api: Api, name: str, count: int) -> list[str]:
    ids: list[str] = []
    for numbers in _batches(range(count)):
        chunks = api.call("POST", model_path(name), [document(number) for number in numbers])
        ids += [entity_id for chunk in chunks for entity_id in chunk["entityIds"]]
    return ids


def _batches(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
