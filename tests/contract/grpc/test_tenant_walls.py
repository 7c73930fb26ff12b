"""The wall between tenants, event type by event type: a stranger gets the bytes of a world without the other tenant.

(contract: entities 1.2; grpc 4, 5)
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.contract.grpc.conftest import Client, Node, StartNode, _event, _metadata
from tests.contract.grpc.orders import ORDER, created
from tests.contract.http.test_tenant_walls import filled
from workflows.grpc.catalogue import RPCS
from workflows.grpc.routes import Frames
from workflows.services.search_runs import run_search_job

MATCH_ALL = {"type": "group", "operator": "AND", "conditions": []}
STRANGER = "other-m2m"


@dataclass(frozen=True)
class Crossing:
    """What a stranger sends about another tenant's data, and the code in its reply (None: a success)."""

    code: str | None
    payload: dict[str, Any] = field(default_factory=dict)


OF_MODEL, OF_ENTITY, OF_JOB = {"model": ORDER}, {"entityId": "{entityId}"}, {"snapshotId": "{jobId}"}
DOCUMENT = {"orderNo": "B"}
NEW, CHANGED = {"model": ORDER, "data": DOCUMENT}, OF_ENTITY | {"data": DOCUMENT}

CROSSINGS: dict[str, list[Crossing]] = {
    "EntityModelExportRequest": [Crossing("MODEL_NOT_FOUND", OF_MODEL | {"converter": "SIMPLE_VIEW"})],
    "EntityModelTransitionRequest": [
        Crossing("MODEL_NOT_FOUND", OF_MODEL | {"transition": each}) for each in ("LOCK", "UNLOCK")
    ],
    "EntityModelDeleteRequest": [Crossing("MODEL_NOT_FOUND", OF_MODEL)],
    "EntityModelGetAllRequest": [Crossing(None)],
    "EntityModelSetUniqueKeysRequest": [Crossing("MODEL_NOT_FOUND", OF_MODEL | {"uniqueKeys": []})],
    "EntityCreateRequest": [Crossing("MODEL_NOT_FOUND", {"dataFormat": "JSON", "payload": NEW})],
    "EntityUpdateRequest": [Crossing("ENTITY_NOT_FOUND", {"dataFormat": "JSON", "payload": CHANGED})],
    "EntityPatchRequest": [
        Crossing(
            "ENTITY_NOT_FOUND",
            {"patchFormat": "MERGE_PATCH", "payload": OF_ENTITY | {"patch": {}, "ifMatch": if_match}},
        )
        for if_match in ("*", "{transactionId}")
    ],
    "EntityDeleteRequest": [Crossing("ENTITY_NOT_FOUND", OF_ENTITY)],
    "EntityTransitionRequest": [Crossing("ENTITY_NOT_FOUND", OF_ENTITY | {"transition": "UPDATE"})],
    "EntityGetRequest": [
        Crossing("ENTITY_NOT_FOUND", OF_ENTITY),
        Crossing("ENTITY_NOT_FOUND", OF_ENTITY | {"pointInTime": "2100-01-01T00:00:00Z"}),
    ],
    "EntityGetAllRequest": [Crossing("MODEL_NOT_FOUND", OF_MODEL)],
    "EntitySearchRequest": [Crossing("MODEL_NOT_FOUND", OF_MODEL | {"condition": MATCH_ALL})],
    "EntityStatsGetRequest": [Crossing(None), Crossing("MODEL_NOT_FOUND", OF_MODEL)],
    "EntityStatsByStateGetRequest": [Crossing(None), Crossing("MODEL_NOT_FOUND", OF_MODEL)],
    "EntityChangesMetadataGetRequest": [Crossing("ENTITY_NOT_FOUND", OF_ENTITY)],
    "EntityCreateCollectionRequest": [Crossing("MODEL_NOT_FOUND", {"dataFormat": "JSON", "payloads": [NEW]})],
    "EntityUpdateCollectionRequest": [Crossing("ENTITY_NOT_FOUND", {"dataFormat": "JSON", "payloads": [CHANGED]})],
    "EntityDeleteAllRequest": [Crossing("MODEL_NOT_FOUND", OF_MODEL)],
    "EntitySnapshotSearchRequest": [Crossing("MODEL_NOT_FOUND", OF_MODEL | {"condition": MATCH_ALL})],
    "SnapshotGetStatusRequest": [Crossing("SEARCH_JOB_NOT_FOUND", OF_JOB)],
    "SnapshotCancelRequest": [Crossing("SEARCH_JOB_NOT_FOUND", OF_JOB)],
    "SnapshotGetRequest": [Crossing("SEARCH_JOB_NOT_FOUND", OF_JOB)],
    # the last: from here on the stranger has a model of that name
    "EntityModelImportRequest": [
        Crossing(None, OF_MODEL | {"converter": "SAMPLE_DATA", "dataFormat": "JSON", "payload": {"mine": 1}})
    ],
}
IDS = ("{entityId}", "{jobId}")
SERVED = [(rpc, event_type) for event_type in CROSSINGS for rpc in RPCS if event_type in rpc.routes]


def test_every_event_type_of_every_rpc_is_crossed() -> None:
    assert {event_type for rpc in RPCS for event_type in rpc.routes} == set(CROSSINGS)


async def replies(client: Client, rpc: str, event_type: str, payload: Any, bearer: str) -> list[tuple[str, str]]:
    """Type and JSON text of every reply."""
    call = getattr(client.stub, rpc)(_event(event_type, payload), metadata=_metadata(bearer, None))
    frames = [frame async for frame in call] if _streams(rpc) else [await call]
    return [(frame.type, frame.text_data) for frame in frames]


def _streams(rpc_name: str) -> bool:
    return any(rpc.name == rpc_name and rpc.shape is Frames for rpc in RPCS)


async def owned_by(orders: Client, node: Node) -> dict[str, str]:
    """What the first tenant owns: an order, its transaction, and a search that has found it."""
    entity_id = await created(orders)
    asked = OF_MODEL | {"condition": MATCH_ALL}
    job_id = (await orders.one("entitySearch", "EntitySnapshotSearchRequest", asked))[1]["status"]["snapshotId"]
    await run_search_job("acme", UUID(job_id), platform=node.platform)
    ((_, change),) = await orders.many(
        "entitySearchCollection", "EntityChangesMetadataGetRequest", {"entityId": entity_id}
    )
    return {"entityId": entity_id, "jobId": job_id, "transactionId": change["changeMeta"]["transactionId"]}


async def estate(client: Client, owned: dict[str, str]) -> list[Any]:
    """Everything that the first tenant sees of its own."""
    unary = (
        ("entityModelManage", "EntityModelGetAllRequest", {}),
        ("entityModelManage", "EntityModelExportRequest", OF_MODEL | {"converter": "SIMPLE_VIEW"}),
        ("entitySearch", "SnapshotGetStatusRequest", OF_JOB),
    )
    streams = (
        ("EntityGetAllRequest", OF_MODEL), ("EntityChangesMetadataGetRequest", OF_ENTITY),
        ("EntityStatsByStateGetRequest", {}), ("SnapshotGetRequest", OF_JOB),
    )  # fmt: skip
    seen = [await client.one(rpc, event_type, filled(payload, owned)) for rpc, event_type, payload in unary]
    for event_type, payload in streams:
        seen += await client.many("entitySearchCollection", event_type, filled(payload, owned))
    assert all(reply["success"] for _, reply in seen), seen
    return seen


def refusal(text: str) -> str | None:
    error = json.loads(text).get("error")
    return None if error is None else error["message"]


async def test_a_stranger_gets_the_bytes_of_a_world_without_the_owner_and_changes_nothing(
    node: Node, orders: Client, start_node: StartNode, connect: Callable[[Node], Client]
) -> None:
    nowhere = connect(await start_node())
    owned = await owned_by(orders, node)
    before = await estate(orders, owned)
    for rpc, event_type in SERVED:
        for crossing in CROSSINGS[event_type]:
            payload = filled(crossing.payload, owned)
            foreign, missing = [
                await replies(client, rpc.name, event_type, payload, STRANGER) for client in (orders, nowhere)
            ]
            assert foreign == missing, f"{event_type} on {rpc.name}"
            messages = [refusal(text) for _, text in foreign]
            assert all(message is None or message.removeprefix("item 0: ").startswith(f"{crossing.code}: ")
                       for message in messages), messages  # fmt: skip
            assert (crossing.code is None) == all(message is None for message in messages), f"{event_type}: {messages}"
            assert await estate(orders, owned) == before, f"{event_type} changed what another tenant owns"


async def test_nor_does_a_stranger_with_a_model_of_the_same_name_learn_anything_of_an_id(
    node: Node, orders: Client, start_node: StartNode, connect: Callable[[Node], Client]
) -> None:
    nowhere = connect(await start_node())
    sample = OF_MODEL | {"converter": "SAMPLE_DATA", "dataFormat": "JSON", "payload": DOCUMENT}
    for client in (orders, nowhere):
        await client.one("entityModelManage", "EntityModelImportRequest", sample, bearer=STRANGER)
        lock = OF_MODEL | {"transition": "LOCK"}
        await client.one("entityModelManage", "EntityModelTransitionRequest", lock, bearer=STRANGER)
    owned = await owned_by(orders, node)
    before = await estate(orders, owned)
    by_id = [
        (rpc, event_type, crossing)
        for rpc, event_type in SERVED
        for crossing in CROSSINGS[event_type]
        if any(name in str(crossing) for name in IDS)
    ]
    assert len(by_id) >= 10
    for rpc, event_type, crossing in by_id:
        payload = filled(crossing.payload, owned)
        foreign, missing = [
            await replies(client, rpc.name, event_type, payload, STRANGER) for client in (orders, nowhere)
        ]
        assert foreign == missing, f"{event_type} on {rpc.name}"
        assert refusal(foreign[0][1]) is not None
    assert await estate(orders, owned) == before
