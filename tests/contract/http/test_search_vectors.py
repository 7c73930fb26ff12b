"""The contract's search vectors over HTTP, on each store, without and with declared indexes (contract: search 14)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from cyoda.clock import ManualClock
from tests.contract.http.steps import ok, workflow
from tests.contract.http.test_indexes import simple
from tests.unit.predicates.support import condition

VECTORS = [
    line.split(" ¦ ")
    for line in (Path(__file__).parents[2] / "unit/predicates/vectors.txt").read_text(encoding="utf-8").splitlines()
    if not line.startswith("#")
]
SAMPLES: dict[str, Any] = {
    "INTEGER": 1, "LONG": 3_000_000_000, "BIG_INTEGER": 12345678901234567890123, "DOUBLE": 1.5, "STRING": "a text",
    "BOOLEAN": True, "LOCAL_DATE": "2024-01-01", "LOCAL_DATE_TIME": "2024-01-01T10:00", "LOCAL_TIME": "10:00",
    "ZONED_DATE_TIME": "2024-01-01T10:00Z", "YEAR": "2024", "YEAR_MONTH": "2024-01",
}  # fmt: skip
BORN = datetime(2025, 8, 1, 10, 0, 0, 123456, UTC)


@pytest.fixture
def clock() -> ManualClock:
    """Stands still, so that creation dates are known."""
    return ManualClock(BORN)


def samples(types: str) -> Iterator[dict[str, Any]]:
    """One sample for each declared type of each path."""
    for path, names in (field.split(" ") for field in types.split(", ")):
        for name in names.split("+"):
            value: Any = SAMPLES[name]
            for step in reversed(path.removeprefix("$.").split(".")):
                name, *wildcards = step.split("[*]")
                for _ in wildcards:
                    value = [value]
                value = {name: value}
            yield value


async def modelled(api: httpx.AsyncClient, name: str, all_samples: list[dict[str, Any]], *, indexed: bool) -> None:
    for sample in all_samples:
        ok(await api.post(f"/model/import/JSON/SAMPLE_DATA/{name}/1", json=sample))
    ok(await api.put(f"/model/{name}/1/lock"))
    if indexed:
        exported = ok(await api.get(f"/model/export/SIMPLE_VIEW/{name}/1"))["model"]
        fields = ["@state", *scalars(exported)]
        path = f"/model/{name}/1/indexes"
        ok(await api.put(path, json={"indexes": [{"id": "all", "fields": fields}]}))
        async with asyncio.timeout(30):
            while ok(await api.get(path))["indexes"][0]["state"] != "ready":
                await asyncio.sleep(0.01)


def scalars(exported: dict[str, dict[str, Any]]) -> list[str]:
    """The paths of a SIMPLE_VIEW that can be indexed: scalars alone, outside arrays."""
    objects = {path for path in exported if path != "$"}
    fields = {
        f"{path}.{member.removeprefix('.')}": kind
        for path, members in exported.items()
        for member, kind in members.items()
        if member.startswith(".")
    }
    return [
        field
        for field, kind in fields.items()
        if isinstance(kind, str) and "[" not in field and not any(path.startswith(field) for path in objects)
    ]


async def outcome(api: httpx.AsyncClient, name: str, asked: bytes) -> str:
    answer = await api.post(f"/search/direct/{name}/1", content=asked)
    if answer.status_code == 200:
        return "match" if answer.content else "no match"
    assert answer.status_code == 400, answer.text
    return answer.json()["properties"]["errorCode"]


@pytest.mark.parametrize("indexed", [False, True])
async def test_every_condition_has_the_outcome_of_the_contract(api: httpx.AsyncClient, indexed: bool) -> None:
    assert len(VECTORS) == 124
    wrong: dict[str, str] = {}
    for number, types, text, short, expected in VECTORS:
        if types == "meta":
            await modelled(api, number, [{"a": 1}], indexed=indexed)
            await about_its_life(api, number, json.loads(text))
        else:
            await modelled(api, number, list(samples(types)), indexed=indexed)
            ok(await api.post(f"/entity/JSON/{number}/1", content=text.encode()))
        if (found := await outcome(api, number, condition(short))) != expected:
            wrong[number] = f"{found}, not {expected}"
    assert wrong == {}


async def about_its_life(api: httpx.AsyncClient, name: str, meta: dict[str, str]) -> None:
    """An entity with this state, or this last transition."""
    assert meta.get("creationDate", "2025-08-01T10:00:00.123456Z") == "2025-08-01T10:00:00.123456Z"
    transition = {"name": meta.get("transitionForLatestSave", "start"), "next": meta.get("state", "NEW")}
    definition = {
        "version": "1.3", "name": "life", "initialState": "NONE",
        "states": {"NONE": {"transitions": [{**transition, "manual": True}]}, transition["next"]: {}},
    }  # fmt: skip
    if "transitionForLatestSave" not in meta:
        definition["initialState"] = transition["next"]
    await workflow(api, name, definition)
    (chunk,) = ok(await api.post(f"/entity/JSON/{name}/1", json={"a": 1}))
    if "transitionForLatestSave" in meta:
        ok(await api.put(f"/entity/JSON/{chunk['entityIds'][0]}/{transition['name']}", json={"a": 1}))


ORDERS: list[tuple[str, list[dict[str, Any]], str, str]] = [
    ("O1", [{"s": text} for text in ("b", "B", "é", "a", "Z")], "s", "bedac"),
    ("O2", [{"n": 9}, {"n": 100}, {"n": 10}], "n", "acb"),
    ("O3", [{"n": 9007199254740993}, {"n": 9007199254740992}], "n:desc", "ab"),
    ("O4", [{"n": 5}, {}, {"n": 10}, {"n": None}], "n:desc", "cabd"),
    ("O5", [{"f": True}, {"f": False}], "f", "ba"),
    ("O6", [{"z": "2024-09-09T10:00:00+02:00"}, {"z": "2024-09-09T09:00:00Z"}], "z", "ba"),
    ("O7", [{"m": "abc"}, {"m": "2024-09-09"}], "m", "ba"),
    ("O8", [{"n": 1}, {"n": 2}], "@id:desc", "ba"),
    ("O9", [{"o": {"k": 1}}, {"o": {"k": 2}}], "$.o.k:desc", "ba"),
]


async def filled(api: httpx.AsyncClient, name: str, documents: list[dict[str, Any]]) -> dict[str, str]:
    """A model of these documents with an entity of each; letters by id, in the order of the ids."""
    for document in documents:
        ok(await api.post(f"/model/import/JSON/SAMPLE_DATA/{name}/1", json=document))
    ok(await api.put(f"/model/{name}/1/lock"))
    ids = [ok(await api.post(f"/entity/JSON/{name}/1", json=document))[0]["entityIds"][0] for document in documents]
    assert ids == sorted(ids)
    return dict(zip(ids, "abcdefgh", strict=False))


async def ordered(api: httpx.AsyncClient, name: str, sort: str, letters: dict[str, str]) -> str:
    answer = await api.post(f"/search/direct/{name}/1", params={"sort": sort}, content=b"")
    assert answer.status_code == 200, answer.text
    return "".join(letters[json.loads(line)["meta"]["id"]] for line in answer.text.splitlines())


@pytest.mark.parametrize(("number", "documents", "sort", "expected"), ORDERS)
async def test_sorting_follows_the_contract(
    api: httpx.AsyncClient, number: str, documents: list[dict[str, Any]], sort: str, expected: str
) -> None:
    letters = await filled(api, number, documents)
    assert await ordered(api, number, sort, letters) == expected


async def test_creation_dates_of_one_millisecond_are_sorted_by_id(api: httpx.AsyncClient, clock: ManualClock) -> None:
    """O10, the other way round: the first of both is the later one within its millisecond."""
    clock.now = BORN.replace(microsecond=500)
    first = await filled(api, "O10", [{"n": 1}])
    clock.now = BORN.replace(microsecond=0)
    (chunk,) = ok(await api.post("/entity/JSON/O10/1", json={"n": 2}))
    letters = first | {chunk["entityIds"][0]: "b"}
    assert await ordered(api, "O10", "@creationDate", letters) == "".join(letters[key] for key in sorted(letters))


@pytest.mark.parametrize(
    "sort",
    [
        ["m"], ["t"], ["o"], ["v"], ["s:DESC"], ["s:"], ["@"], ["@a.b"], [""], ["s", "$.s:desc"],
        [f"n{number}" for number in range(17)],
    ],
)  # fmt: skip
async def test_what_cannot_be_sorted_by_is_refused(api: httpx.AsyncClient, sort: list[str]) -> None:
    """O11 to O13."""
    many = {f"n{number}": 1 for number in range(17)}
    await filled(api, "O13", [{"m": 1, "t": ["a"], "o": {"k": 1}, "v": None, "s": "x", **many}, {"m": "x"}])
    answer = await api.post("/search/direct/O13/1", params={"sort": sort}, json=simple("$.s", "NOT_NULL", None))
    assert (answer.status_code, answer.json()["properties"]["errorCode"]) == (400, "INVALID_FIELD_PATH"), answer.text
