"""Reading entities, their past and their transitions over HTTP (contract: entities 1.10, 5.8, 5.9, 5.11, 5.12)."""

from __future__ import annotations

from datetime import datetime

import httpx
import pytest

from tests.contract.http.steps import UNKNOWN, entity, model, ok, read, refused, workflow


@pytest.fixture
async def order(api: httpx.AsyncClient) -> str:
    await model(api)
    await workflow(api)
    return await entity(api)


async def test_every_version_is_read_at_its_own_moment_and_by_its_transaction(
    api: httpx.AsyncClient, order: str
) -> None:
    ok(await api.put(f"/entity/JSON/{order}/approve", json={"amount": 2}))
    ok(await api.put(f"/entity/JSON/{order}", json={"amount": 3}))
    changes = ok(await api.get(f"/entity/{order}/changes"))
    for change, amount, state in zip(changes, (3, 2, 1), ("APPROVED", "APPROVED", "DRAFT"), strict=True):
        for query in ({"pointInTime": change["timeOfChange"]}, {"transactionId": change["transactionId"]}):
            envelope = await read(api, order, **query)
            assert (envelope["data"]["amount"], envelope["meta"]["state"]) == (amount, state)
            assert envelope["meta"]["transactionId"] == change["transactionId"]
            assert "pointInTime" not in envelope["meta"]
    assert (await read(api, order, pointInTime="2100-01-01"))["data"]["amount"] == 3


async def test_before_creation_and_after_deletion_there_is_nothing(api: httpx.AsyncClient, order: str) -> None:
    created = (await read(api, order))["meta"]
    ok(await api.delete(f"/entity/{order}"))
    deleted_at = ok(await api.get(f"/entity/{order}/changes"))[0]["timeOfChange"]
    for query in ({}, {"pointInTime": "2000-01-01T00:00:00Z"}, {"pointInTime": deleted_at}, {"transactionId": UNKNOWN}):
        refused(
            await api.get(f"/entity/{order}", params=query), 404, "ENTITY_NOT_FOUND",
            f"entity id={order} not found", entityId=order,
        )  # fmt: skip
    for query in ({"pointInTime": created["creationDate"]}, {"transactionId": created["transactionId"]}):
        assert (await read(api, order, **query))["meta"]["id"] == order


async def test_only_one_selector_may_be_given(api: httpx.AsyncClient, order: str) -> None:
    query = {"pointInTime": "2026-01-01", "transactionId": UNKNOWN}
    refused(
        await api.get(f"/entity/{order}", params=query), 400, "BAD_REQUEST",
        "cannot specify both pointInTime and transactionId",
    )  # fmt: skip
    refused(
        await api.get(f"/entity/{order}/transitions", params=query | {"pointInTime": "2026-01-01T00:00:00Z"}),
        400, "BAD_REQUEST", "pointInTime and transactionId are mutually exclusive",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("query", "name"), [("pointInTime=yesterday", "pointInTime"), ("transactionId=7", "transactionId")]
)
async def test_a_selector_that_does_not_bind_is_named(api: httpx.AsyncClient, query: str, name: str) -> None:
    refused(
        await api.get(f"/entity/{UNKNOWN}?{query}"), 400, "BAD_REQUEST",
        f"invalid value for parameter '{name}'", parameter=name,
    )  # fmt: skip


async def test_the_history_is_newest_first_and_names_who_did_it(api: httpx.AsyncClient, order: str) -> None:
    ok(await api.put(f"/entity/JSON/{order}", json={"amount": 2}))
    ok(await api.delete(f"/entity/{order}"))
    changes = ok(await api.get(f"/entity/{order}/changes"))
    assert [change["changeType"] for change in changes] == ["DELETE", "UPDATE", "CREATE"]
    times = [change["timeOfChange"] for change in changes]
    moments = [datetime.fromisoformat(time) for time in times]
    assert moments == sorted(moments, reverse=True)
    for change in changes:
        assert (change["user"], change["attributedKind"]) == ("u-1", "user")
        assert change["executedBy"] == {"id": "u-1", "kind": "user"}
    assert "transactionId" not in changes[0]
    until = ok(await api.get(f"/entity/{order}/changes", params={"pointInTime": times[1]}))
    assert until == changes[1:]
    assert ok(await api.get(f"/entity/{order}/changes?pointInTime=2000-01-01")) == []


async def test_a_service_is_recorded_as_one(stranger: httpx.AsyncClient) -> None:
    await model(stranger)
    (change,) = ok(await stranger.get(f"/entity/{await entity(stranger)}/changes"))
    assert (change["attributedKind"], change["executedBy"]["kind"]) == ("service", "service")


@pytest.mark.parametrize("path", [f"/entity/{UNKNOWN}", f"/entity/{UNKNOWN}/changes"])
async def test_an_unknown_entity_is_refused_by_id(api: httpx.AsyncClient, path: str) -> None:
    refused(await api.get(path), 404, "ENTITY_NOT_FOUND", f"entity id={UNKNOWN} not found", entityId=UNKNOWN)


# --- lists ------------------------------------------------------------------------------------------------------


async def test_a_list_is_paged_in_id_order(api: httpx.AsyncClient, order: str) -> None:
    ids = sorted([order, *[await entity(api) for _ in range(24)]])
    page = ok(await api.get("/entity/order/1"))
    assert [envelope["meta"]["id"] for envelope in page] == ids[:20]
    page = ok(await api.get("/entity/order/1?pageSize=10&pageNumber=2"))
    assert [envelope["meta"]["id"] for envelope in page] == ids[20:]
    assert ok(await api.get("/entity/order/1?pageSize=0")) == []
    assert ok(await api.get("/entity/order/1?pageNumber=9")) == []


async def test_a_list_as_of_a_moment_says_so(api: httpx.AsyncClient, order: str) -> None:
    created = (await read(api, order))["meta"]["creationDate"]
    await entity(api)
    ok(await api.put(f"/entity/JSON/{order}", json={"amount": 9}))
    (envelope,) = ok(await api.get("/entity/order/1", params={"pointInTime": created}))
    assert (envelope["data"]["amount"], envelope["meta"]["pointInTime"]) == (1, created)


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("pageNumber=-1&pageSize=-1", "invalid pageNumber"),
        ("pageSize=-1", "invalid pageSize"),
        ("pageSize=10001", "pageSize exceeds maximum 10000"),
        ("pageNumber=214749", "pageNumber exceeds maximum 214748"),
    ],
)
async def test_a_page_out_of_bounds_is_refused_before_the_model_is_looked_up(
    api: httpx.AsyncClient, query: str, message: str
) -> None:
    refused(await api.get(f"/entity/ghost/1?{query}"), 400, "BAD_REQUEST", message)


async def test_the_list_of_an_unknown_model_is_refused_and_of_an_empty_one_empty(api: httpx.AsyncClient) -> None:
    answer = await api.get("/entity/ghost/1")
    refused(answer, 404, "MODEL_NOT_FOUND", "model ghost/1 not found")
    assert answer.json()["properties"] == {"errorCode": "MODEL_NOT_FOUND"}
    await model(api, lock=False)
    assert ok(await api.get("/entity/order/1")) == []


# --- transitions ------------------------------------------------------------------------------------------------


async def test_all_transitions_of_the_state_are_listed(api: httpx.AsyncClient, order: str) -> None:
    changes = ok(await api.get(f"/entity/{order}/changes"))
    ok(await api.put(f"/entity/JSON/{order}/approve", json={}))
    assert ok(await api.get(f"/entity/{order}/transitions")) == []
    for query in ({"pointInTime": changes[0]["timeOfChange"]}, {"transactionId": changes[0]["transactionId"]}):
        assert ok(await api.get(f"/entity/{order}/transitions", params=query)) == ["approve", "retire"]


async def test_the_transitions_query_has_refusals_of_its_own(api: httpx.AsyncClient, order: str) -> None:
    for unknown in (UNKNOWN, "not-a-uuid"):
        answer = await api.get(f"/entity/{unknown}/transitions")
        refused(answer, 404, "ENTITY_NOT_FOUND", f"entity {unknown} not found")
        assert answer.json()["properties"] == {"errorCode": "ENTITY_NOT_FOUND"}
    for moment in ("2026-01-01", "x", "2026-01-01T00:00:00+01:00"):
        refused(
            await api.get(f"/entity/{order}/transitions?pointInTime={moment}"), 400, "BAD_REQUEST",
            "invalid pointInTime format",
        )  # fmt: skip
    for transaction in (UNKNOWN, "x"):
        answer = await api.get(f"/entity/{order}/transitions?transactionId={transaction}")
        refused(answer, 400, "BAD_REQUEST")
        assert answer.json()["detail"].endswith(f"(txID={transaction})")
    refused(await api.get(f"/entity/{order}/transitions?pointInTime=2000-01-01T00:00:00Z"), 404, "ENTITY_NOT_FOUND")


async def test_the_legacy_form_wants_a_class_that_looks_like_one(api: httpx.AsyncClient, order: str) -> None:
    path = "/platform-api/entity/fetch/transitions"
    query = {"entityClass": "com.example.Anything", "entityId": order}
    assert ok(await api.get(path, params=query)) == ["approve", "retire"]
    for missing in ({}, {"entityId": order}, {"entityClass": "A.1"}, {"entityClass": "A.1", "entityId": ""}):
        refused(await api.get(path, params=missing), 400, "BAD_REQUEST", "entityClass and entityId are required")
    for shape in ("Offer", "Offer."):
        refused(
            await api.get(path, params=query | {"entityClass": shape}), 400, "BAD_REQUEST",
            "entityClass must be in format Name.Version (e.g., Offer.1)",
        )  # fmt: skip
