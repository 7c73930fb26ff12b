"""Which event types each rpc serves (contract: grpc 4, 5).

Some clients send reads where the contract has writes; any type of the right shape is served on any entity rpc.
"""

from __future__ import annotations

from workflows.grpc import collections, entities, models, reads, snapshots
from workflows.grpc.routes import Frames
from workflows.grpc.service import Rpc

_ONE = entities.ROUTES | reads.ROUTES | snapshots.ROUTES
_MANY = collections.ROUTES | reads.FRAMES | snapshots.FRAMES
_WRITE = ("EntityTransactionResponse", entities.NOT_TRANSACTED)
_READ = ("EntityResponse", reads.NO_ENTITY)

RPCS = (
    Rpc("entityModelManage", "model", models.ROUTES),
    Rpc("entityManage", "entity", _ONE, refused_join=_WRITE),
    Rpc("entityManageCollection", "collection", _MANY, Frames, refused_join=_WRITE),
    Rpc("entitySearch", "search", _ONE, refused_join=_READ),
    Rpc("entitySearchCollection", "search collection", _MANY, Frames, refused_join=_READ),
)
