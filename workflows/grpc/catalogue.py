"""Which event types each rpc serves (contract: grpc 4, 5).

Some clients send reads where the contract has writes; any type of the right shape is served on any entity rpc.
"""

from __future__ import annotations

from workflows.grpc.routes import Frames, Unary
from workflows.grpc.service import Rpc

MODELS: dict[str, Unary] = {}
ENTITIES: dict[str, Unary] = {}
COLLECTIONS: dict[str, Frames] = {}

RPCS = (
    Rpc("entityModelManage", "model", MODELS, joins=False),
    Rpc("entityManage", "entity", ENTITIES),
    Rpc("entityManageCollection", "collection", COLLECTIONS, Frames),
    Rpc("entitySearch", "search", ENTITIES),
    Rpc("entitySearchCollection", "search collection", COLLECTIONS, Frames),
)
