"""AI Studio orders, watches, lists and removes environments (contract: control plane 2.1, 2.2, 6, 12)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from django.test import Client as Browser

from tenants.models import Environment, ProvisioningStep
from tenants.provisioning.base import StepRefused
from tests.contract.cloud.conftest import Organise, slug, work
from tests.contract.cloud.test_concurrency import MANY, at_once
from tests.contract.studio.conftest import Studio, ordered
from tests.contract.tenants.conftest import EVERYTHING, NOTHING, traces_of
from tests.contract.tenants.drivers import STEPS, FailingDriver

ENV = "/k8s/namespaces/client-ann-dev"


def only_environment() -> Environment:
    return Environment.objects.select_related("build").latest("created_at")


@pytest.mark.usefixtures("database")
def test_an_environment_from_its_order_to_its_end(studio: Studio) -> None:
    deployed = studio.deploy()
    build_id = deployed["build_id"]
    assert deployed["build_namespace"] == "client-ann-dev"
    assert studio.status(build_id) == {"state": "PENDING", "status": "PENDING", "message": "step 1/4"}
    assert studio.logs(build_id) == []
    assert studio.deploy() == deployed, "the same again is the same environment"
    work(steps=2)
    assert studio.status(build_id) == {"state": "RUNNING", "status": "PENDING", "message": "step 3/4"}
    assert studio.ok("GET", ENV)["status"] == "Pending"
    work()
    assert studio.status(build_id) == {"state": "SUCCESS", "status": "SUCCESS", "message": "step 4/4"}
    assert traces_of(only_environment()) == EVERYTHING
    lines = studio.logs(build_id)
    assert [line.split(" ", 1)[1] for line in lines[-2:]] == ["mark ready: running, attempt 1", "mark ready: done"]
    assert studio.logs(build_id, max_lines=1) == lines[-1:]
    assert studio.deploy() == deployed == studio.deploy(build_id=build_id), "it stands: nothing is made anew"

    (namespace,) = studio.ok("GET", "/k8s/namespaces")["namespaces"]
    assert (namespace["name"], namespace["status"]) == ("client-ann-dev", "Active")
    (deployment,) = studio.ok("GET", f"{ENV}/deployments")["deployments"]
    assert (deployment["name"], deployment["replicas"], deployment["ready_replicas"]) == ("cyoda", 1, 1)
    assert studio.ok("GET", f"{ENV}/pods") == {"pods": [{"name": "cyoda-0", "status": "Running"}]}
    assert studio.ok("DELETE", ENV) == {"status": "Terminating"} == studio.ok("DELETE", ENV)
    assert studio.ok("GET", ENV)["status"] == "Terminating"
    assert slug(studio("POST", "/deploy/cyoda-env", ordered("dev"))) == (409, "env-already-exists")
    work()
    assert slug(studio("GET", ENV)) == (404, "not-found")
    assert slug(studio("DELETE", ENV)) == (404, "not-found")
    assert studio.namespaces() == []
    assert traces_of(only_environment()) == NOTHING
    again = studio.deploy(build_id=build_id)
    assert again["build_namespace"] == "client-ann-dev"
    assert again["build_id"] != build_id


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("is_cancelled", [False, True])
def test_what_is_not_made_has_failed_at_its_end_and_not_before(studio: Studio, is_cancelled: bool) -> None:
    build_id = studio.deploy()["build_id"]
    work(FailingDriver(STEPS[1], lambda: StepRefused("a secret of the inside")), steps=2)
    if is_cancelled:
        studio.ok("DELETE", ENV)
    turning = studio.status(build_id)
    assert (turning["state"], turning["status"]) == ("RUNNING", "PENDING")
    assert traces_of(only_environment()) != NOTHING
    work()
    failed = studio.status(build_id)
    assert (failed["state"], failed["status"]) == ("FAILED", "FAILED")
    assert failed["message"].endswith(f"(incident {build_id[:8]})")
    assert traces_of(only_environment()) == NOTHING
    logs = "\n".join(studio.logs(build_id))
    assert "create schema: undone" in logs
    assert logs.endswith(failed["message"])
    assert "a secret of the inside" not in logs + failed["message"]
    assert "a secret of the inside" in "".join(ProvisioningStep.objects.values_list("log", flat=True))
    assert studio.deploy()["build_id"] != build_id, "the namespace is free"


@pytest.mark.django_db
def test_only_what_the_saga_says_is_public(studio: Studio) -> None:
    build_id = studio.deploy()["build_id"]
    step = ProvisioningStep.objects.get(run=build_id, position=0)
    step.log = "2026-01-01T00:00:00Z connected to 10.1.2.3\n2026-01-01T00:00:01Z failed: password of db.internal\n"
    step.save()
    assert studio.logs(build_id) == ["2026-01-01T00:00:01Z create schema: failed"]


@pytest.mark.usefixtures("database")
def test_orders_of_one_namespace_at_once_make_one_environment(studio: Studio) -> None:
    answers = at_once(lambda _: studio("POST", "/deploy/cyoda-env", ordered("dev")))
    assert [answer.status_code for answer in answers] == [200] * MANY
    assert len({answer.json()["build_id"] for answer in answers}) == Environment.objects.count() == 1


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(("user", "env", "asked", "kept"), [
    ("ann", "development-eu", "client-ann-development-eu", "client-ann-developmen"),
    ("ann", "my-featur-x", "client-ann-my-featur-x", "client-ann-my-featur"),
    ("Ann_B", "dev", "client-ann-b-dev", "client-ann-b-dev"),
    ("auth0|5f", "Dev.1", "client-auth0-5f-dev-1", "client-auth0-5f-dev-1"),
    ("1", "dev", "client-1-dev", "client-1-dev"),
])  # fmt: skip
def test_a_namespace_is_found_by_its_whole_name_and_by_the_cut_one(
    studio: Studio, user: str, env: str, asked: str, kept: str
) -> None:
    assert studio.deploy(env, user)["build_namespace"] == kept
    uncut = {"user_name": user, "user_defined_namespace": asked}
    assert studio.ok("POST", "/deploy/cyoda-env", uncut)["build_namespace"] == kept
    assert Environment.objects.count() == 1
    for name in (asked, kept):
        assert studio.ok("GET", f"/k8s/namespaces/{name}")["name"] == kept
    studio.ok("DELETE", f"/k8s/namespaces/{asked}")


@pytest.mark.django_db
def test_a_cut_name_means_only_the_namespace_of_its_user(studio: Studio) -> None:
    studio.deploy("development", "ann-bob")
    assert slug(studio("GET", "/k8s/namespaces/client-ann-bob-developer")) == (404, "not-found")
    studio.deploy("bob-develo", "ann")
    assert studio.ok("GET", "/k8s/namespaces/client-ann-bob-developmen")["name"] == "client-ann-bob-developmen"
    assert slug(studio("GET", "/k8s/namespaces/client-ann-bob-development")) == (404, "not-found"), "either is meant"


@pytest.mark.django_db
def test_names_of_environments_are_the_organisations_own(studio: Studio, stranger: Studio) -> None:
    studio.account.up("ann-dev")
    studio.deploy()
    first, second = Environment.objects.order_by("created_at")
    assert first.name == "ann-dev"
    assert second.name.startswith("ann-dev-")
    assert studio.namespaces() == [first.namespace, "client-ann-dev"]
    assert studio.ok("GET", f"/k8s/namespaces/{first.namespace}/pods")["pods"]
    assert stranger.deploy()["build_namespace"] == "client-ann-dev", "and so are namespaces"
    long = studio.deploy("dev", "0123456789abcdef0123456789abcdef")
    assert long["build_namespace"] == "client-0123456789abcdef0123456789abcdef-dev"
    assert only_environment().name.startswith("studio-")


@pytest.mark.django_db
@pytest.mark.parametrize("body", [
    {}, ordered("dev") | {"user_name": "bob"}, ordered("dev") | {"user_defined_namespace": "kube-system"},
    ordered("dev") | {"user_defined_namespace": "client-ann-"}, ordered("dev") | {"user_defined_namespace": "x" * 3000},
    ordered("dev") | {"user_name": "\x00"}, ordered("dev") | {"chat_id": "c" * 201},
])  # fmt: skip
def test_names_of_another_form_are_refused_in_words(studio: Studio, body: Any) -> None:
    answer = studio("POST", "/deploy/cyoda-env", body)
    assert slug(answer) == (400, "validation-error")
    assert answer.json()["detail"]
    assert not Environment.objects.exists()


# --- walls --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_stranger_finds_nothing_and_changes_nothing(studio: Studio, stranger: Studio) -> None:
    build_id = studio.deploy("development")["build_id"]
    own = only_environment().namespace
    for name in ("client-ann-developmen", "client-ann-development", own):
        there = f"/k8s/namespaces/{name}"
        for method, path, body in CROSSINGS:
            assert slug(stranger(method, there + path, body)) == (404, "not-found"), path
    assert slug(stranger("GET", f"/deploy/cyoda-env/status?build_id={build_id}")) == (404, "not-found")
    redeploy = ordered("development") | {"build_id": build_id}
    assert slug(stranger("POST", "/deploy/cyoda-env", redeploy)) == (404, "not-found")
    assert stranger.namespaces() == []
    assert studio.ok("GET", "/k8s/namespaces/client-ann-developmen")["status"] == "Pending"


CROSSINGS: list[tuple[str, str, Any]] = [
    ("GET", "", None), ("DELETE", "", None), ("GET", "/deployments", None), ("GET", "/deployments/cyoda", None),
    ("GET", "/deployments/cyoda/status", None), ("GET", "/deployments/cyoda/rollout/status", None),
    ("PATCH", "/deployments/cyoda/scale", {"replicas": 0}), ("POST", "/deployments/cyoda/restart", None),
    ("PATCH", "/deployments/cyoda/rollout/update", {"image": "i"}), ("GET", "/metrics", None), ("GET", "/pods", None),
]  # fmt: skip


@pytest.mark.django_db
def test_without_a_token_or_the_right_role_nothing_is_done(studio: Studio) -> None:
    studio.deploy()
    for method, path, body in [*CROSSINGS]:
        assert slug(studio(method, ENV + path, body, Authorization="Bearer none")) == (401, "unauthenticated")
    assert slug(studio("POST", "/deploy/cyoda-env", ordered("two"), Authorization="")) == (401, "unauthenticated")
    studio.account.roles = ("ROLE_VIEWER",)
    for method, path, body in CROSSINGS:
        answer = studio(method, ENV + path, body)
        assert answer.status_code == (200 if method == "GET" else 403), path
    assert slug(studio("POST", "/deploy/cyoda-env", ordered("two"))) == (403, "forbidden")


@pytest.mark.django_db
def test_every_refusal_is_a_problem_document(studio: Studio) -> None:
    for path in ("/k8s/nodes", "/deploy/", "/k8s/namespaces/a/b/c"):
        assert slug(studio("GET", path)) == (404, "not-found")
        assert slug(studio("GET", path, Authorization="")) == (401, "unauthenticated")
    wrong = studio("PUT", "/deploy/cyoda-env")
    assert slug(wrong) == (405, "method-not-allowed")
    assert wrong["Allow"] == "POST"
    no_json = Browser().post("/deploy/cyoda-env", b"{", content_type="application/json")
    assert slug(no_json) == (401, "unauthenticated")


@pytest.mark.django_db
def test_tiers_hold_for_ai_studio_too(organise: Organise) -> None:
    studio = Studio(organise(tier="free"))
    studio.deploy()
    studio.deploy()
    refused = studio("POST", "/deploy/cyoda-env", ordered("two"))
    assert slug(refused) == (429, "quota-exceeded")
    assert "24 hours" in refused.json()["detail"]


@pytest.mark.django_db
def test_polling_is_not_held_to_a_rate(studio: Studio) -> None:
    """One account asks for every user of AI Studio."""
    build_id = studio.deploy()["build_id"]
    assert [studio.status(build_id)["state"] for _ in range(15)] == ["PENDING"] * 15


@pytest.mark.django_db
def test_logs_are_asked_with_sense() -> None:
    for lines in ("0", "-1", "many", ""):
        answer = Browser().get("/build/logs", {"build_id": str(uuid4()), "max_lines": lines})
        assert slug(answer) == (400, "validation-error")
