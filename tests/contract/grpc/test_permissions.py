"""Who may send which event type, on every rpc (contract: grpc 3; identity 14)."""

from __future__ import annotations

import json

import grpc
import pytest

from cyoda.permissions import ROLE_DEVELOPER, ROLE_OPERATOR, ROLE_OWNER, ROLE_VIEWER, Action
from cyoda.principal import ROLE_ADMIN, ROLE_M2M, Principal
from tests.contract.grpc.conftest import PRINCIPALS, Client
from tests.contract.grpc.requests import PLACEHOLDERS, REQUESTS, ROUTES
from tests.contract.grpc.test_tenant_walls import replies
from workflows.grpc.catalogue import RPCS

WRITES = {
    "EntityCreateRequest", "EntityUpdateRequest", "EntityPatchRequest", "EntityTransitionRequest",
    "EntityCreateCollectionRequest", "EntityUpdateCollectionRequest",
}  # fmt: skip
DELETES = {"EntityDeleteRequest", "EntityDeleteAllRequest"}
CONFIGURES = {
    "EntityModelImportRequest", "EntityModelTransitionRequest", "EntityModelDeleteRequest",
    "EntityModelSetUniqueKeysRequest",
}  # fmt: skip
READS = {
    "EntityModelExportRequest", "EntityModelGetAllRequest", "EntityGetRequest", "EntityGetAllRequest",
    "EntitySearchRequest", "EntityStatsGetRequest", "EntityStatsByStateGetRequest",
    "EntityChangesMetadataGetRequest", "EntitySnapshotSearchRequest", "SnapshotGetStatusRequest",
    "SnapshotCancelRequest", "SnapshotGetRequest",
}  # fmt: skip
KINDS = {Action.WRITE: WRITES, Action.DELETE: DELETES, Action.CONFIGURE: CONFIGURES, Action.READ: READS}
DATA = {Action.READ, Action.WRITE, Action.DELETE, Action.CONFIGURE}
ROLES: dict[str, tuple[set[Action], tuple[str, ...]]] = {
    "nobody": (DATA, ()),
    "M2M": (DATA | {Action.COMPUTE}, (ROLE_M2M,)),
    "admin": (DATA, (ROLE_ADMIN,)),
    "owner": (DATA, (ROLE_OWNER,)),
    "developer": (DATA, (ROLE_DEVELOPER,)),
    "viewer": ({Action.READ}, (ROLE_VIEWER,)),
    "operator": (set(), (ROLE_OPERATOR,)),
}


@pytest.fixture
def backend() -> str:
    return "memory"


@pytest.fixture
def bearer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The token of a caller of `acme` with a role of ROLES."""
    roles = ROLES[request.param][1]
    monkeypatch.setitem(PRINCIPALS, "Bearer asker", Principal(tenant="acme", user_id="asker", kind="user", roles=roles))
    return "asker"


def expected(event_type: str) -> Action:
    """Raises StopIteration for an event type that nobody has thought about."""
    return next(action for action, types in KINDS.items() if event_type in types)


def test_every_event_type_asks_for_what_it_does() -> None:
    actions = {event_type: route.action for rpc in RPCS for event_type, route in rpc.routes.items()}
    assert actions == {event_type: expected(event_type) for event_type in actions}
    assert set(actions) == set().union(*KINDS.values())


@pytest.mark.parametrize(("who", "bearer"), [(who, who) for who in ROLES], indirect=["bearer"])
async def test_a_role_is_refused_what_it_is_not_permitted_and_nothing_else(
    who: str, bearer: str, orders: Client
) -> None:
    permitted, _ = ROLES[who]
    for rpc, event_type, route in ROUTES:
        for reply_type, text in await replies(orders, rpc.name, event_type, REQUESTS[event_type], bearer):
            reply = json.loads(text)
            is_refused = reply.get("error", {}).get("message") == "FORBIDDEN: forbidden"
            assert is_refused == (expected(event_type) not in permitted), f"{event_type}: {text}"
            if is_refused:
                assert (reply_type, reply["success"], reply["error"]["code"]) == (route.reply, False, "CLIENT_ERROR")
                placeholder = {name: value for name, value in reply.items() if name not in ("id", "success", "error")}
                assert placeholder == PLACEHOLDERS[route.reply]


@pytest.mark.parametrize(("who", "bearer"), [(who, who) for who in ROLES], indirect=["bearer"])
async def test_members_join_with_the_role_of_machines_only(who: str, bearer: str, client: Client) -> None:
    if Action.COMPUTE in ROLES[who][0]:
        member = await client.member(bearer=bearer)
        assert member.greeting["joinedLegalEntityId"] == "acme"
        return
    ended = await client.stream(bearer).end()
    assert ended == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_M2M required for streaming")
