"""`/v2/envs/{name}/rollouts` and `/apps`: programs that run beside an environment. Of our own design.

(contract: control plane 5)
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

import msgspec

from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint
from tenants.cloud.environments import called
from tenants.cloud.problems import Problem, Type, invalid
from tenants.cloud.scopes import CANCEL_APP, DELETE_APP, DEPLOY_APP
from tenants.models import Application
from tenants.services import applications as services

_ANY = Annotated[str, msgspec.Meta(max_length=2000)]
_OWN = " (our own addition to the API)"


class RolloutRequest(msgspec.Struct, kw_only=True):
    """Exactly one of `command`, `image` and `repository_url`; a name that exists gets a new revision.

    `env` are variables of the program, whose values are not shown again.
    """

    name: str
    image: Annotated[str, msgspec.Meta(max_length=500)] = ""
    command: Annotated[list[_ANY], msgspec.Meta(max_length=100)] = msgspec.field(default_factory=list[str])
    repository_url: _ANY = ""
    branch_name: Annotated[str, msgspec.Meta(max_length=300)] = ""
    replicas: int = 1
    env: dict[str, Annotated[str, msgspec.Meta(max_length=32_768)]] = msgspec.field(default_factory=dict[str, str])
    tags: Annotated[list[Annotated[str, msgspec.Meta(max_length=100)]], msgspec.Meta(max_length=50)] = msgspec.field(
        default_factory=list[str]
    )


class Scale(msgspec.Struct, kw_only=True):
    """How many of it run at once."""

    replicas: int


class ReplicaView(msgspec.Struct, kw_only=True):
    """`state` is starting, running, stopping or waiting (it has ended and is started again after a pause)."""

    replica: int
    revision: int
    state: str
    restarts: int
    last_exit: str
    started_at: datetime | None


class RolloutView(msgspec.Struct, kw_only=True):
    """`state` is starting, running, waiting, stopping, stopped or failed; `message` says why it does not run.

    `ready` of the `replicas` run the newest `revision`; `env` are the names of its variables.
    """

    name: str
    state: str
    message: str
    revision: int
    replicas: int
    ready: int
    image: str
    command: list[str]
    repository_url: str
    branch_name: str
    env: list[str]
    tags: list[str]
    client_id: str
    created_at: datetime
    updated_at: datetime
    processes: list[ReplicaView]


def roll_out(call: Call) -> Answer:
    body: RolloutRequest = call.body
    environment = called(call)
    spec = services.Spec(
        name=body.name,
        image=body.image,
        command=body.command,
        repository=body.repository_url,
        branch=body.branch_name,
        replicas=body.replicas,
        env=body.env,
        tags=body.tags,
    )
    return _changed(call, lambda: services.create(call.doer, environment, spec, tier=call.caller.limits))


def list_rollouts(call: Call) -> Answer:
    return Answer(200, [_view(row) for row in services.applications_of(called(call))])


def look_at(call: Call) -> Answer:
    return Answer(200, _view(application_called(call)))


def scale(call: Call) -> Answer:
    row, limits = application_called(call), call.caller.limits
    return _changed(call, lambda: services.scale(call.doer, row, call.body.replicas, tier=limits))


def restart(call: Call) -> Answer:
    row, limits = application_called(call), call.caller.limits
    return _changed(call, lambda: services.restart(call.doer, row, tier=limits))


def stop(call: Call) -> Answer:
    row = application_called(call)
    return _changed(call, lambda: services.stop(call.doer, row))


def remove(call: Call) -> Answer:
    try:
        services.remove(call.doer, application_called(call))
    except services.ApplicationUnknown:
        raise _unknown() from None
    return Answer(202)


def application_called(call: Call) -> Application:
    """The one of the path, if it is the caller's. Raises Problem."""
    try:
        return services.application_called(called(call), call.path["app"])
    except services.ApplicationUnknown:
        raise _unknown() from None


def _changed(call: Call, change: Callable[[], Application]) -> Answer:
    """What has become of an application by a change. Raises Problem."""
    try:
        return Answer(202, _view(change()))
    except services.ApplicationUnknown:
        raise _unknown() from None
    except services.InvalidApplication as fault:
        raise invalid(str(fault)) from None
    except services.NotOffered as refusal:
        raise Problem(problems.NOT_CHANGEABLE, str(refusal)) from None
    except services.TooManyMembers as refusal:
        extensions = {"tier": call.caller.tier.pk}
        raise Problem(problems.TIER_NOT_ENTITLED, str(refusal), extensions=extensions) from None


def _unknown() -> Problem:
    return Problem(problems.NOT_FOUND, "The environment has no such application.")


def _view(row: Application) -> RolloutView:
    status = services.status(row)
    return RolloutView(
        name=row.name,
        state=status.state,
        message=status.message,
        revision=row.revision,
        replicas=row.replicas,
        ready=status.ready,
        image=row.image,
        command=row.command,
        repository_url=row.repository,
        branch_name=row.branch,
        env=list(services.variable_names(row)),
        tags=row.tags,
        client_id="" if row.client is None else row.client.pk,
        created_at=row.created_at,
        updated_at=row.updated_at,
        processes=[ReplicaView(**{name: getattr(one, name) for name in _FIELDS}) for one in status.processes],
    )


_FIELDS = ReplicaView.__struct_fields__


def _change(
    answer: Callable[[Call], Answer], summary: str, scope: str = DEPLOY_APP, *, body: type | None = None
) -> Endpoint:
    refusals: tuple[Type, ...] = (problems.NOT_FOUND, problems.TIER_NOT_ENTITLED, problems.NOT_CHANGEABLE)
    return Endpoint(
        answer=answer, summary=summary + _OWN, scope=scope, body=body, answers={202: RolloutView}, refusals=refusals
    )


COLLECTION = {
    "GET": Endpoint(
        answer=list_rollouts,
        summary="The environment's applications" + _OWN,
        scope=scopes.READ_BUILDS,
        answers={200: list[RolloutView]},
        refusals=(problems.NOT_FOUND,),
    ),
    "POST": _change(roll_out, "Roll out an application, or a new revision of it", body=RolloutRequest),
}
ONE = {
    "GET": Endpoint(
        answer=look_at,
        summary="One application" + _OWN,
        scope=scopes.READ_BUILDS,
        answers={200: RolloutView},
        refusals=(problems.NOT_FOUND,),
    ),
}
APP = {
    "PATCH": _change(scale, "Run more or fewer replicas of an application", body=Scale),
    "DELETE": Endpoint(
        answer=remove,
        summary="Remove an application with its client and its log" + _OWN,
        scope=DELETE_APP,
        answers={202: None},
        refusals=(problems.NOT_FOUND,),
    ),
}
RESTART = {"POST": _change(restart, "Replace the replicas of an application one by one")}
START = {"POST": _change(restart, "Start an application that was stopped")}
STOP = {"POST": _change(stop, "Stop an application", CANCEL_APP)}

PATHS = {
    "/envs/{name}/rollouts": COLLECTION,
    "/envs/{name}/rollouts/{app}": ONE,
    "/envs/{name}/apps/{app}:restart": RESTART,
    "/envs/{name}/apps/{app}:start": START,
    "/envs/{name}/apps/{app}:stop": STOP,
    "/envs/{name}/apps/{app}": APP,
}
"""In the order in which they are tried."""
