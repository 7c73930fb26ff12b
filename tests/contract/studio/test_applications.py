"""AI Studio deploys applications: they are registered, and what becomes of them is said honestly (section 6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.core import serializers

from tenants.models import Application, ApplicationProcess, AuditEvent, Environment, StudioBuild, StudioNamespace
from tests.contract.cloud.conftest import slug, work
from tests.contract.studio.conftest import Studio

pytestmark = pytest.mark.django_db
SECRET = "s3cret-of-the-client"
DEPLOY = "/deploy/user-app"
APP = "/k8s/namespaces/client-1-ann-dev-shop"


def application(**values: Any) -> dict[str, Any]:
    return {
        "user_name": "ann", "chat_id": "c-42", "repository_url": "https://x:token-of-ann@git.example.org/ann/shop.git",
        "branch_name": "main", "cyoda_client_id": "abc", "cyoda_client_secret": SECRET, "is_public": "false",
        "app_namespace": "client-1-ann-dev-shop", "cyoda_namespace": "client-ann-dev", "installation_id": 77, **values,
    }  # fmt: skip


@pytest.fixture
def environment(studio: Studio) -> Environment:
    studio.deploy()
    return Environment.objects.get()


def test_secrets_of_a_request_are_kept_nowhere(studio: Studio, environment: Environment) -> None:
    studio.ok("POST", DEPLOY, application())
    rows = [*StudioBuild.objects.all(), *StudioNamespace.objects.all(), *AuditEvent.objects.all(), environment]
    kept = serializers.serialize("json", rows)
    assert "git.example.org/ann/shop.git" in kept
    assert SECRET not in kept
    assert "token-of-ann" not in kept


@pytest.mark.usefixtures("environment")
def test_an_application_has_a_namespace_and_a_deployment_and_can_be_removed(studio: Studio) -> None:
    first = studio.ok("POST", DEPLOY, application())["build_id"]
    assert studio.ok("POST", DEPLOY, application())["build_id"] != first, "each call is a build"
    assert studio.namespaces() == ["client-ann-dev", "client-1-ann-dev-shop"]
    (deployment,) = studio.ok("GET", f"{APP}/deployments")["deployments"]
    assert (deployment["name"], deployment["status"], deployment["ready_replicas"]) == ("shop", "Failed", 0)
    both = studio.ok("GET", "/k8s/namespaces/client-ann-dev/deployments")["deployments"]
    assert [each["name"] for each in both] == ["cyoda", "shop"]
    assert slug(studio("PATCH", f"{APP}/deployments/user-app/scale", {"replicas": 2})) == (404, "not-found")
    for method, path, body in (("PATCH", "scale", {"replicas": 2}), ("POST", "restart", None)):
        refused = studio(method, f"{APP}/deployments/shop/{path}", body)
        assert slug(refused) == (409, "not-changeable")
        assert "not built from source" in refused.json()["detail"]
    assert slug(studio("GET", f"{APP}/deployments/cyoda")) == (404, "not-found")
    studio.ok("DELETE", APP)
    assert slug(studio("DELETE", APP)) == (404, "not-found")
    assert studio.namespaces() == ["client-ann-dev"]
    assert slug(studio("GET", f"/deploy/cyoda-env/status?build_id={first}")) == (404, "not-found")


def test_both_parts_of_an_applications_namespace_may_be_whole(studio: Studio) -> None:
    studio.deploy("development-eu")
    names = {
        "cyoda_namespace": "client-ann-development-eu",
        "app_namespace": "client-1-ann-development-eu-shopping-cart",
    }
    kept = studio.ok("POST", DEPLOY, application(**names))["namespace"]
    assert kept == "client-1-ann-developmen-shopping-c"
    cut = {"cyoda_namespace": "client-ann-developmen", "app_namespace": kept}
    assert studio.ok("POST", DEPLOY, application(**cut))["namespace"] == kept
    for name in (kept, names["app_namespace"], "client-1-ann-development-eu-shopping-c"):
        assert studio.ok("GET", f"/k8s/namespaces/{name}")["name"] == kept
    assert StudioNamespace.objects.count() == 2


@pytest.mark.usefixtures("database")
def test_an_environment_takes_its_applications_along(studio: Studio) -> None:
    studio.deploy()
    work()
    studio.ok("POST", DEPLOY, application())
    studio.ok("DELETE", "/k8s/namespaces/client-ann-dev")
    assert slug(studio("POST", DEPLOY, application())) == (409, "env-already-exists")
    work()
    assert studio.namespaces() == []
    assert slug(studio("POST", DEPLOY, application())) == (404, "not-found")


@pytest.mark.usefixtures("database")
def test_an_image_makes_an_application_run(studio: Studio, stranger: Studio, settings: Any) -> None:
    settings.CONF = replace(settings.CONF, iam=replace(settings.CONF.iam, encryption_keys=("k" * 32,)))
    studio.deploy()
    studio.ok("POST", DEPLOY, application())
    image, deployment = {"image": "registry.example.org/shop:1", "container": "shop"}, f"{APP}/deployments/shop"
    early = studio("PATCH", f"{deployment}/rollout/update", image)
    assert slug(early) == (409, "not-changeable")
    assert "not ready" in early.json()["detail"]
    work()
    shown = studio.ok("PATCH", f"{deployment}/rollout/update", image)
    assert (shown["image"], shown["status"], shown["replicas"]) == (image["image"], "Starting", 1)
    assert studio.ok("PATCH", f"{deployment}/scale", {"replicas": 3})["replicas"] == 3
    studio.ok("POST", f"{deployment}/restart")
    assert studio.ok("GET", f"{deployment}/rollout/status")["ready_replicas"] == 0
    row = Application.objects.get()
    ApplicationProcess.objects.create(application=row, replica=0, revision=row.revision, state="running")
    assert studio.ok("GET", f"{APP}/pods") == {"pods": [{"name": "shop-0", "status": "Running"}]}
    studio.ok("POST", DEPLOY, application())
    assert studio.ok("GET", deployment)["image"] == image["image"], "a build that fails leaves what runs"
    assert slug(studio("PATCH", f"{deployment}/rollout/update", {"image": "no image"})) == (400, "validation-error")
    assert slug(stranger("PATCH", f"{deployment}/rollout/update", image)) == (404, "not-found")
    studio.ok("DELETE", APP)
    assert not Application.objects.exists()


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("values", [
    {"is_public": "perhaps"}, {"app_namespace": "client-1-bob-dev-shop"}, {"app_namespace": "client-1-ann-dev-"},
    {"app_namespace": "client-1-ann-other-shop"}, {"repository_url": "file:///etc/passwd"}, {"repository_url": "shop"},
    {"repository_url": "https://[x/y"}, {"branch_name": ""}, {"branch_name": "a\x00b"}, {"chat_id": "\x00"},
    {"user_name": "bob"}, {"repository_url": "https://x/\x00"},
])  # fmt: skip
def test_what_makes_no_sense_is_refused_in_words(studio: Studio, values: dict[str, Any]) -> None:
    answer = studio("POST", DEPLOY, application(**values))
    assert slug(answer) == (400, "validation-error")
    assert answer.json()["detail"]
    assert not StudioBuild.objects.exists()


@pytest.mark.usefixtures("environment")
def test_a_stranger_deploys_nothing_into_it_and_finds_nothing(studio: Studio, stranger: Studio) -> None:
    build_id = studio.ok("POST", DEPLOY, application())["build_id"]
    assert slug(stranger("POST", DEPLOY, application())) == (404, "not-found")
    assert slug(stranger("GET", f"/deploy/cyoda-env/status?build_id={build_id}")) == (404, "not-found")
    for method, path, body in (
        ("GET", "", None), ("DELETE", "", None), ("GET", "/deployments", None), ("GET", "/deployments/shop", None),
        ("PATCH", "/deployments/shop/scale", {"replicas": 1}), ("POST", "/deployments/shop/restart", None),
        ("PATCH", "/deployments/shop/rollout/update", {"image": "i"}), ("GET", "/pods", None),
        ("GET", "/metrics", None),
    ):  # fmt: skip
        assert slug(stranger(method, APP + path, body)) == (404, "not-found")
    assert studio.namespaces() == ["client-ann-dev", "client-1-ann-dev-shop"]
    studio.account.roles = ("ROLE_DEVELOPER",)
    assert slug(studio("POST", DEPLOY, application())) == (403, "forbidden")
