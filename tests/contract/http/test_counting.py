"""The plain statistics over HTTP (contract: entities 6.1-6.4)."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.http.steps import entity, model, ok, refused, workflow


def count(name: str, number: int, state: str | None = None) -> dict[str, object]:
    row: dict[str, object] = {"modelName": name, "modelVersion": 1, "count": number}
    return row if state is None else row | {"state": state}


@pytest.fixture
async def counted(api: httpx.AsyncClient) -> None:
    """Two orders in DRAFT, one APPROVED, one deleted; a model without entities."""
    await model(api)
    await model(api, "empty", lock=False)
    await workflow(api)
    ids = [await entity(api) for _ in range(4)]
    ok(await api.put(f"/entity/JSON/{ids[0]}/approve", json={}))
    ok(await api.delete(f"/entity/{ids[1]}"))


@pytest.mark.usefixtures("counted")
async def test_every_model_is_counted_also_empty_ones(api: httpx.AsyncClient) -> None:
    rows = ok(await api.get("/entity/stats?pointInTime=2000-01-01"))
    assert sorted(rows, key=str) == sorted([count("order", 3), count("empty", 0)], key=str)
    assert ok(await api.get("/entity/stats/order/1")) == count("order", 3)


@pytest.mark.usefixtures("counted")
async def test_states_are_counted_and_filtered(api: httpx.AsyncClient) -> None:
    for path in ("/entity/stats/states", "/entity/stats/states/order/1"):
        rows = ok(await api.get(path))
        assert sorted(rows, key=str) == sorted([count("order", 2, "DRAFT"), count("order", 1, "APPROVED")], key=str)
        assert ok(await api.get(f"{path}?states=APPROVED&states=X")) == [count("order", 1, "APPROVED")]
        assert ok(await api.get(f"{path}?states=APPROVED,DRAFT")) == []
        assert ok(await api.get(f"{path}?states=")) == []
        assert all(row["lastWrite"].endswith("Z") for row in ok(await api.get(f"{path}?lastWrite=true")))
    assert ok(await api.get("/entity/stats/states/empty/1")) == []


async def test_refusals(api: httpx.AsyncClient) -> None:
    for path in ("/entity/stats/ghost/1", "/entity/stats/states/ghost/1"):
        refused(await api.get(path), 404, "MODEL_NOT_FOUND", "model ghost/1 not found")
        refused(await api.get(f"{path}?pointInTime=x"), 400, "BAD_REQUEST", parameter="pointInTime")
    for path in ("/entity/stats", "/entity/stats/states"):
        refused(await api.get(f"{path}?pointInTime=x"), 400, "BAD_REQUEST", parameter="pointInTime")
    many = "&".join(f"states=S{n}" for n in range(1001))
    refused(
        await api.get(f"/entity/stats/states?{many}"), 400, "BAD_REQUEST",
        "states filter has 1001 entries; maximum is 1000",
    )  # fmt: skip


async def test_a_model_that_is_named_like_a_literal_is_still_listed(api: httpx.AsyncClient) -> None:
    await model(api, "stats")
    entity_id = await entity(api, name="stats")
    (listed,) = ok(await api.get("/entity/stats/1"))
    assert listed["meta"]["id"] == entity_id
