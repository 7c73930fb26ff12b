"""`/v2/envs`: order, list, look at, remove, cancel (contract: control plane 4.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint, Parameter
from tenants.cloud.problems import Problem, invalid, too_many
from tenants.cloud.shapes import EnvDetail, EnvSummary, ProvisionRequest
from tenants.models import Environment, Organisation, Provisioning
from tenants.naming import is_environment_name
from tenants.provisioning.drivers import own_address
from tenants.services import environments as services
from tenants.services.idempotency import IdempotencyConflict
from tenants.services.provisioning import BackendUnavailable, EnvironmentNameTaken
from tenants.services.state_views import environment_state
from tenants.tasks import wake

FULL_SECONDS = 60
_BOOLEANS = {"": False, "false": False, "true": True}


def provision(call: Call) -> Answer:
    body: ProvisionRequest = call.body
    if not is_environment_name(body.env_name):
        raise invalid(
            "env_name must be 1 to 22 lower-case letters, digits and single hyphens, and not a reserved name."
        )
    wanted = services.Wanted(
        name=body.env_name,
        backend=body.backend,
        chat_id=body.chat_id or "",
        m2m_with_admin_role=body.m2m_with_admin_role,
        may_have_admin_role=settings.CONF.iam.m2m_admin_role_enabled,
    )
    caller = call.caller
    try:
        created = services.create_environment(
            call.doer, caller.organisation, wanted, tier=caller.limits, request=call.request, wake=wake
        )
    except services.OrganisationSuspended:
        raise Problem(problems.FORBIDDEN, "The organisation is suspended.") from None
    except IdempotencyConflict:
        raise Problem(problems.IDEMPOTENCY_CONFLICT, "The key was used for another request.") from None
    except services.BackendNotEntitled as refusal:
        extensions = {"tier": caller.tier.pk}
        raise Problem(problems.TIER_NOT_ENTITLED, str(refusal), extensions=extensions) from None
    except EnvironmentNameTaken as taken:
        raise _exists(taken.environment) from None
    except services.DeployQuotaExceeded as refusal:
        raise too_many(f"{refusal}.", refusal.retry_after_seconds) from None
    except BackendUnavailable as refusal:
        headers = {"Retry-After": str(FULL_SECONDS)}
        raise Problem(problems.UPSTREAM_FAILURE, str(refusal), headers=headers) from None
    return Answer(200 if created.order is None else 202, _detail(created.environment))


def list_environments(call: Call) -> Answer:
    with_ended = _BOOLEANS.get(call.query.get("include_terminal", ""))
    if with_ended is None:
        raise invalid("include_terminal must be true or false.")
    rows = services.environments_of(call.caller.organisation, with_ended=with_ended)
    return Answer(200, [_summary(row) for row in rows])


def look_at(call: Call) -> Answer:
    environment, environment_build = call.seen
    if environment is None:
        raise _unknown(call)
    environment.build = environment_build
    return Answer(200, _detail(environment))


def seen(owners: QuerySet[Organisation], path: Mapping[str, str]) -> Sequence[QuerySet[Any]]:
    """The environment of the path, and the run that made it."""
    environments = services.environments_called(path["name"]).filter(organisation__in=owners)
    return environments, Provisioning.objects.filter(pk__in=environments.values("build")[:1])


def remove(call: Call) -> Answer:
    try:
        services.delete_called(call.doer, call.caller.organisation, call.path["name"], wake=wake)
    except services.EnvironmentUnknown:
        raise _unknown(call) from None
    return Answer(202)


def cancel(call: Call) -> Answer:
    try:
        services.cancel_called(call.doer, call.caller.organisation, call.path["name"], wake=wake)
    except services.EnvironmentUnknown:
        raise _unknown(call) from None
    except services.EnvironmentNotCancellable as state:
        raise Problem(problems.NOT_CANCELLABLE, f"The environment is {state}.") from None
    return Answer(202)


COLLECTION = {
    "GET": Endpoint(
        answer=list_environments,
        summary="The organisation's environments",
        scope=scopes.READ_BUILDS,
        answers={200: list[EnvSummary]},
        query=(Parameter("include_terminal", bool, "Those that have ended too."),),
    ),
    "POST": Endpoint(
        answer=provision,
        summary="Order an environment",
        scope=scopes.DEPLOY_ENV,
        body=ProvisionRequest,
        has_key=True,
        answers={200: EnvDetail, 202: EnvDetail},
        refusals=(
            problems.IDEMPOTENCY_CONFLICT,
            problems.ENV_ALREADY_EXISTS,
            problems.TIER_NOT_ENTITLED,
        ),
    ),
}
ONE = {
    "GET": Endpoint(
        answer=look_at,
        sees=seen,
        summary="One environment",
        scope=scopes.READ_BUILDS,
        answers={200: EnvDetail},
        refusals=(problems.NOT_FOUND,),
    ),
    "DELETE": Endpoint(
        answer=remove,
        summary="Remove an environment with all its data",
        scope=scopes.DELETE_ENV,
        answers={202: None},
        refusals=(problems.NOT_FOUND,),
    ),
}
CANCEL = {
    "POST": Endpoint(
        answer=cancel,
        summary="Cancel the making of an environment",
        scope=scopes.CANCEL_ENV,
        answers={202: None},
        refusals=(problems.NOT_FOUND, problems.NOT_CANCELLABLE),
    ),
}


def called(call: Call) -> Environment:
    """The one of the path, if it is the caller's. Raises Problem."""
    try:
        return services.environment_called(call.caller.organisation, call.path["name"])
    except services.EnvironmentUnknown:
        raise _unknown(call) from None


def _unknown(call: Call) -> Problem:
    return Problem(problems.NOT_FOUND, f"There is no environment called {call.path['name']}.")


def _exists(environment: Environment) -> Problem:
    return Problem(
        problems.ENV_ALREADY_EXISTS,
        f"{environment.name} is in state {environment_state(environment)}",
        extensions={"env_id": str(environment.pk)},
    )


def _summary(environment: Environment) -> EnvSummary:
    return EnvSummary(
        env_id=str(environment.pk),
        env_name=environment.name,
        state=environment_state(environment),
        namespace=environment.namespace,
        creation_date=environment.created_at,
    )


def _detail(environment: Environment) -> EnvDetail:
    host = settings.CONF.cloud.client_host
    shared = settings.PUBLIC_URL if host is None else f"https://{environment.namespace}.{host}"
    return EnvDetail(
        env_id=str(environment.pk),
        env_name=environment.name,
        state=environment_state(environment),
        namespace=environment.namespace,
        creation_date=environment.created_at,
        app_namespace=environment.app_namespace,
        cyoda_env_url=own_address(environment) or shared,
        m2m_client_id=environment.m2m_client_id,
        build_id="" if environment.build is None else str(environment.build.pk),
    )
