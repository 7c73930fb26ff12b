"""`/deploy` and `/build`: order something, and watch what becomes of it (contract: control plane 6.1)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint, Parameter, answered
from tenants.cloud.problems import invalid
from tenants.services import studio, studio_applications, studio_builds
from tenants.studio.refusals import refusals
from tenants.studio.shapes import ApplicationDeploy, BuildLogs, BuildStatus, Deployed, EnvironmentDeploy
from tenants.tasks import wake

DEFAULT_LINES, MAX_LINES = 100, 1000
_BOOLEANS = ("true", "false")


def deploy_environment(call: Call) -> Answer:
    body: EnvironmentDeploy = call.body
    wanted = studio.Wanted(
        user=body.user_name,
        namespace=body.user_defined_namespace,
        chat_id=body.chat_id or "",
        build_id=body.build_id or None,
    )
    with refusals():
        row = studio.deploy_environment(call.doer, call.caller.organisation, wanted, tier=call.caller.limits, wake=wake)
    build = row.environment.build
    build_id = "" if build is None else str(build.pk)
    return Answer(200, Deployed(build_id=build_id, build_namespace=row.name, namespace=row.name))


def deploy_application(call: Call) -> Answer:
    body: ApplicationDeploy = call.body
    if str(body.is_public).lower() not in _BOOLEANS:
        raise invalid("is_public must be true or false.")
    wanted = studio_applications.Wanted(
        user=body.user_name,
        namespace=body.app_namespace,
        environment_namespace=body.cyoda_namespace,
        repository=body.repository_url,
        branch=body.branch_name,
        chat_id=body.chat_id or "",
    )
    with refusals():
        build = studio_applications.deploy_application(call.doer, call.caller.organisation, wanted)
    name = build.namespace.name
    return Answer(200, Deployed(build_id=str(build.pk), build_namespace=name, namespace=name))


def look_at_build(call: Call) -> Answer:
    with refusals():
        found = studio_builds.build_status(call.caller.organisation, call.query.get("build_id", ""))
    return Answer(200, BuildStatus(state=found.state, status=found.status, message=found.message))


@require_safe
def build_logs(request: HttpRequest) -> HttpResponse:
    """Sent without a token: whoever knows a build's id, which nobody guesses, may see which steps it has taken."""

    def act() -> Answer:
        lines = request.GET.get("max_lines", str(DEFAULT_LINES))
        if not (lines.isascii() and lines.isdigit() and int(lines[:9]) > 0):
            raise invalid("max_lines must be a number above 0.")
        with refusals():
            text = studio_builds.build_log(request.GET.get("build_id", ""), min(int(lines[:9]), MAX_LINES))
        return Answer(200, BuildLogs(logs=text))

    return answered(request, act)


ENVIRONMENT = {
    "POST": Endpoint(
        answer=deploy_environment,
        summary="Order an environment; the one that stands in the namespace is answered as it is",
        scope=scopes.DEPLOY_ENV,
        body=EnvironmentDeploy,
        answers={200: Deployed},
        refusals=(problems.NOT_FOUND, problems.ENV_ALREADY_EXISTS, problems.TIER_NOT_ENTITLED),
    ),
}
APPLICATION = {
    "POST": Endpoint(
        answer=deploy_application,
        summary="Register an application from its repository; its build fails, as nothing is built here",
        scope=scopes.DEPLOY_APP,
        body=ApplicationDeploy,
        answers={200: Deployed},
        refusals=(problems.NOT_FOUND, problems.ENV_ALREADY_EXISTS),
    ),
}
STATUS = {
    "GET": Endpoint(
        answer=look_at_build,
        summary="How far a build is",
        scope=scopes.READ_BUILDS,
        answers={200: BuildStatus},
        is_limited=False,
        query=(Parameter("build_id", str, "Of an environment or of an application."),),
        refusals=(problems.NOT_FOUND,),
    ),
}
