"""`/deploy` and `/build`: order something, and watch what becomes of it (contract: control plane 6.1)."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint, Parameter, answered
from tenants.cloud.problems import invalid
from tenants.services import studio
from tenants.services.state_views import studio_state, studio_status
from tenants.studio.refusals import refusals
from tenants.studio.shapes import BuildLogs, BuildStatus, Deployed, EnvironmentDeploy
from tenants.tasks import wake

DEFAULT_LINES, MAX_LINES = 100, 1000


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


def look_at_build(call: Call) -> Answer:
    with refusals():
        run = studio.build_called(call.caller.organisation, call.query.get("build_id", ""))
    progress = studio.build_progress(run)
    return Answer(200, BuildStatus(state=studio_state(run), status=studio_status(run), message=progress))


@require_safe
def build_logs(request: HttpRequest) -> HttpResponse:
    """Sent without a token: whoever knows a build's id, which nobody guesses, may see which steps it has taken."""

    def act() -> Answer:
        lines = request.GET.get("max_lines", str(DEFAULT_LINES))
        if not (lines.isascii() and lines.isdigit() and int(lines[:9]) > 0):
            raise invalid("max_lines must be a number above 0.")
        with refusals():
            text = studio.build_log(request.GET.get("build_id", ""), min(int(lines[:9]), MAX_LINES))
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
