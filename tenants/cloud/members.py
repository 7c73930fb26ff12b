"""`/v2/envs/{name}/members`: who computes for an environment, and credentials to join it. Of our own design.

(contract: control plane 5)
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from django.conf import settings

from cyoda.demo import api_url, grpc_target
from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint
from tenants.cloud.environments import called
from tenants.cloud.problems import Problem, invalid
from tenants.cloud.shapes import NO_NUL
from tenants.services.data_plane import configured_data_plane
from tenants.services.member_tokens import DEFAULT_DAYS, EnvironmentClosed, InvalidValidity, mint_member_token


class MemberTokenRequest(msgspec.Struct, kw_only=True):
    """`label` is shown in the list of clients; `expires_in_days` is 1 to 365."""

    label: Annotated[str, msgspec.Meta(max_length=100, pattern=NO_NUL)] = ""
    expires_in_days: int = DEFAULT_DAYS


class MemberToken(msgspec.Struct, kw_only=True):
    """What a compute node needs to join; the secret is shown this once.

    The addresses are those by which this installation knows itself: a node elsewhere uses the ones that it can reach.
    """

    client_id: str
    client_secret: str
    expires_at: datetime
    api_url: str
    grpc_target: str


class MemberView(msgspec.Struct, kw_only=True):
    """A compute node whose stream ends at the node that was asked."""

    id: str
    tags: list[str]
    connected_at: datetime
    last_seen: datetime
    outstanding_calls: int


def mint(call: Call) -> Answer:
    environment, body = called(call), call.body
    try:
        issued = mint_member_token(call.doer, environment, label=body.label, days=body.expires_in_days)
    except InvalidValidity as fault:
        raise invalid(str(fault)) from None
    except EnvironmentClosed:
        raise Problem(problems.NOT_CHANGEABLE, "The environment is not ready.") from None
    assert issued.expires_at is not None
    token = MemberToken(
        client_id=issued.client_id,
        client_secret=issued.secret,
        expires_at=issued.expires_at,
        api_url=api_url(settings.CONF),
        grpc_target=grpc_target(settings.CONF),
    )
    return Answer(201, token)


def list_members(call: Call) -> Answer:
    environment = called(call)
    found = [one for one in configured_data_plane().vitals().members if one.tenant == environment.tenant_id]
    shown = [
        MemberView(
            id=one.id,
            tags=list(one.tags),
            connected_at=one.connected_at,
            last_seen=one.last_seen,
            outstanding_calls=one.outstanding,
        )
        for one in found
    ]
    return Answer(200, shown)


COLLECTION = {
    "GET": Endpoint(
        answer=list_members,
        summary="Compute nodes that are connected to the node that answers (our own addition to the API)",
        scope=scopes.READ_BUILDS,
        answers={200: list[MemberView]},
        refusals=(problems.NOT_FOUND,),
    ),
}
TOKENS = {
    "POST": Endpoint(
        answer=mint,
        summary="Make a credential with which a compute node joins (our own addition to the API)",
        scope=scopes.DEPLOY_APP,
        body=MemberTokenRequest,
        answers={201: MemberToken},
        refusals=(problems.NOT_FOUND, problems.NOT_CHANGEABLE),
    ),
}
