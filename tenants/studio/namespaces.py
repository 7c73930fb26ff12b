"""`/k8s`: namespaces and what runs in them, answered from our own records (contract: control plane 6.2)."""

from __future__ import annotations

from typing import Any

from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint
from tenants.services import studio, studio_deployments
from tenants.services.state_views import namespace_status
from tenants.services.studio import Namespace
from tenants.services.studio_deployments import Deployment
from tenants.studio import shapes
from tenants.studio.refusals import refusals
from tenants.tasks import wake


def list_namespaces(call: Call) -> Answer:
    found = studio.namespaces_of(call.caller.organisation)
    return Answer(200, shapes.Namespaces(namespaces=[_namespace(each) for each in found]))


def look_at_namespace(call: Call) -> Answer:
    return Answer(200, _namespace(_called(call)))


def delete_namespace(call: Call) -> Answer:
    with refusals():
        studio_deployments.delete_namespace(call.doer, call.caller.organisation, _called(call), wake=wake)
    return Answer(200, shapes.Status(status="Terminating"))


def list_deployments(call: Call) -> Answer:
    namespace = _called(call)
    found = studio_deployments.deployments_in(namespace)
    return Answer(200, shapes.Deployments(deployments=[_deployment(namespace, each) for each in found]))


def look_at_deployment(call: Call) -> Answer:
    namespace = _called(call)
    with refusals():
        found = studio_deployments.deployment_called(namespace, call.path["deployment"])
    return Answer(200, _deployment(namespace, found))


def scale(call: Call) -> Answer:
    body: shapes.Scale = call.body
    place = (_called(call), call.path["deployment"])
    with refusals():
        studio_deployments.scale(call.doer, *place, body.replicas, tier=call.caller.limits)
    return look_at_deployment(call)


def restart(call: Call) -> Answer:
    place = (_called(call), call.path["deployment"])
    with refusals():
        studio_deployments.restart(call.doer, *place, tier=call.caller.limits)
    return look_at_deployment(call)


def update_image(call: Call) -> Answer:
    body: shapes.Image = call.body
    place = (_called(call), call.path["deployment"])
    with refusals():
        studio_deployments.update_image(call.doer, *place, body.image, tier=call.caller.limits)
    return look_at_deployment(call)


def list_pods(call: Call) -> Answer:
    found = [pod for each in studio_deployments.deployments_in(_called(call)) for pod in each.pods]
    return Answer(200, shapes.Pods(pods=[shapes.Pod(name=name, status=status) for name, status in found]))


def metrics(call: Call) -> Answer:
    return Answer(200, shapes.Metrics(namespace=_called(call).name))


def _called(call: Call) -> Namespace:
    """Raises Problem."""
    with refusals():
        return studio.namespace_called(call.caller.organisation, call.path["namespace"])


def _namespace(namespace: Namespace) -> shapes.Namespace:
    status = namespace_status(namespace.environment)
    return shapes.Namespace(name=namespace.name, status=status, created_at=namespace.created_at)


def _deployment(namespace: Namespace, deployment: Deployment) -> shapes.Deployment:
    return shapes.Deployment(
        name=deployment.name,
        namespace=namespace.name,
        status=deployment.status,
        replicas=deployment.replicas,
        ready_replicas=deployment.ready,
        available_replicas=deployment.ready,
        image=deployment.image,
        message=deployment.message,
        created_at=deployment.created_at,
    )


def _read(answer: Any, summary: str, shape: Any) -> Endpoint:
    return Endpoint(
        answer=answer,
        summary=summary,
        scope=scopes.READ_BUILDS,
        answers={200: shape},
        is_limited=False,
        refusals=(problems.NOT_FOUND,),
    )


def _change(answer: Any, summary: str, body: Any = None) -> Endpoint:
    return Endpoint(
        answer=answer,
        summary=summary,
        scope=scopes.DEPLOY_APP,
        body=body,
        answers={200: shapes.Deployment},
        refusals=(problems.NOT_FOUND, problems.NOT_CHANGEABLE, problems.TIER_NOT_ENTITLED),
    )


_DEPLOYMENT = {"GET": _read(look_at_deployment, "One deployment", shapes.Deployment)}
_IN_NAMESPACE = "/k8s/namespaces/{namespace}"
_OF_DEPLOYMENT = _IN_NAMESPACE + "/deployments/{deployment}"
PATHS = {
    "/k8s/namespaces": {"GET": _read(list_namespaces, "The organisation's namespaces", shapes.Namespaces)},
    _IN_NAMESPACE: {
        "GET": _read(look_at_namespace, "One namespace", shapes.Namespace),
        "DELETE": Endpoint(
            answer=delete_namespace,
            summary="Remove an environment with all its data, or an application",
            scope=scopes.DELETE_ENV,
            answers={200: shapes.Status},
            refusals=(problems.NOT_FOUND,),
        ),
    },
    _IN_NAMESPACE + "/deployments": {"GET": _read(list_deployments, "What runs there", shapes.Deployments)},
    _OF_DEPLOYMENT: _DEPLOYMENT,
    _OF_DEPLOYMENT + "/status": _DEPLOYMENT,
    _OF_DEPLOYMENT + "/rollout/status": _DEPLOYMENT,
    _OF_DEPLOYMENT + "/scale": {"PATCH": _change(scale, "Run more of it, or fewer", shapes.Scale)},
    _OF_DEPLOYMENT + "/restart": {"POST": _change(restart, "Start it anew")},
    _OF_DEPLOYMENT + "/rollout/update": {"PATCH": _change(update_image, "Run another image", shapes.Image)},
    _IN_NAMESPACE + "/metrics": {"GET": _read(metrics, "What it uses", shapes.Metrics)},
    _IN_NAMESPACE + "/pods": {"GET": _read(list_pods, "Each replica", shapes.Pods)},
}
