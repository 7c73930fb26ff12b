"""One valid request of every event type, and what its failing reply must hold (contract: grpc 4, 5, 24)."""

from __future__ import annotations

from typing import Any

from tests.contract.grpc.orders import NIL, ORDER
from workflows.grpc.catalogue import RPCS
from workflows.grpc.routes import Frames

MATCH_ALL = {"type": "group", "operator": "AND", "conditions": []}
ENTITY_ID = "9a770000-0000-11f0-8000-000000000001"
DOCUMENT = {"orderNo": "A-2", "total": 1.5}
JSON = {"dataFormat": "JSON"}
PAGE = {"pageSize": 10, "pageNumber": 0}
MOMENT = {"pointInTime": "2026-01-02T03:04:05Z"}
ORDERED = [{"path": "creationDate", "source": "meta", "desc": True}]
NEW = {"model": ORDER, "data": DOCUMENT}
CHANGED = {"entityId": ENTITY_ID, "data": DOCUMENT, "transition": "UPDATE"}
KEYS = [{"id": "byNo", "fields": ["$.orderNo"]}]

REQUESTS: dict[str, dict[str, Any]] = {
    "EntityModelImportRequest": {"model": ORDER, "converter": "SAMPLE_DATA", **JSON, "payload": DOCUMENT},
    "EntityModelExportRequest": {"model": ORDER, "converter": "SIMPLE_VIEW"},
    "EntityModelTransitionRequest": {"model": ORDER, "transition": "LOCK"},
    "EntityModelDeleteRequest": {"model": ORDER},
    "EntityModelGetAllRequest": {},
    "EntityModelSetUniqueKeysRequest": {"model": ORDER, "uniqueKeys": KEYS},
    "EntityCreateRequest": {**JSON, "payload": NEW},
    "EntityUpdateRequest": {**JSON, "payload": CHANGED},
    "EntityPatchRequest": {
        "patchFormat": "MERGE_PATCH",
        "payload": {"entityId": ENTITY_ID, "ifMatch": "*", "patch": {"total": 2}},
    },
    "EntityDeleteRequest": {"entityId": ENTITY_ID},
    "EntityTransitionRequest": {"entityId": ENTITY_ID, "transition": "UPDATE"},
    "EntityCreateCollectionRequest": {**JSON, "payloads": [NEW]},
    "EntityUpdateCollectionRequest": {**JSON, "payloads": [CHANGED]},
    "EntityDeleteAllRequest": {"model": ORDER, "verbose": False},
    "EntityGetRequest": {"entityId": ENTITY_ID, **MOMENT},
    "EntityGetAllRequest": {"model": ORDER, **PAGE},
    "EntitySearchRequest": {"model": ORDER, "condition": MATCH_ALL, "limit": 5, "orderBy": ORDERED, **MOMENT},
    "EntitySnapshotSearchRequest": {"model": ORDER, "condition": MATCH_ALL, "orderBy": ORDERED, **MOMENT},
    "SnapshotGetStatusRequest": {"snapshotId": ENTITY_ID},
    "SnapshotCancelRequest": {"snapshotId": ENTITY_ID},
    "SnapshotGetRequest": {"snapshotId": ENTITY_ID, **PAGE},
    "EntityStatsGetRequest": {"model": ORDER},
    "EntityStatsByStateGetRequest": {"model": ORDER, "states": ["NEW"]},
    "EntityChangesMetadataGetRequest": {"entityId": ENTITY_ID, **MOMENT},
}

NO_MODEL = {"name": "", "version": 0}
NO_COUNT = {"modelName": "", "modelVersion": 0, "count": 0}
NO_CHANGE = {"changeType": "", "timeOfChange": "0001-01-01T00:00:00Z", "user": ""}
PLACEHOLDERS: dict[str, dict[str, Any]] = {
    "EntityTransactionResponse": {"requestId": "c1", "transactionInfo": {"entityIds": []}},
    "EntityDeleteResponse": {
        "requestId": "c1",
        "entityId": ENTITY_ID,
        "model": NO_MODEL,
        "transactionId": NIL,
    },
    "EntityDeleteAllResponse": {"requestId": "c1", "entityIds": [], "modelId": "", "numDeleted": 0},
    "EntityTransitionResponse": {},
    "EntityModelImportResponse": {"modelId": NIL},
    "EntityModelExportResponse": {"modelId": NIL, "model": NO_MODEL, "payload": {}},
    "EntityModelTransitionResponse": {"modelId": NIL, "state": ""},
    "EntityModelSetUniqueKeysResponse": {"modelId": NIL, "state": ""},
    "EntityModelDeleteResponse": {},
    "EntityModelGetAllResponse": {"models": []},
    "EntityResponse": {"requestId": "c1", "payload": {"type": "JSON"}},
    "EntitySnapshotSearchResponse": {"status": {"snapshotId": NIL, "status": "FAILED"}},
    "EntityStatsResponse": {"requestId": "c1", **NO_COUNT},
    "EntityStatsByStateResponse": {"requestId": "c1", **NO_COUNT, "state": ""},
    "EntityChangesMetadataResponse": {"requestId": "c1", "changeMeta": NO_CHANGE},
}
ROUTES = [(rpc, event_type, route) for rpc in RPCS for event_type, route in rpc.routes.items()]
STREAMING = {rpc.name for rpc in RPCS if rpc.shape is Frames}
