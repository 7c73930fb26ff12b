"""Acceptance of AI Studio's API, row by row (contract: control plane 12, rows 18 to 20)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.cloud.conftest import slug
from tests.contract.studio.conftest import Studio, ordered, studio
from tests.contract.studio.test_applications import DEPLOY, application
from tests.contract.studio.test_environments import ENV

__all__ = ["studio"]  # a fixture


@pytest.mark.django_db
@pytest.mark.parametrize("is_public", ["false", "true", "True", False, True])
def test_row_18_is_public_may_be_text(studio: Studio, is_public: object) -> None:
    studio.deploy()
    deployed = studio.ok("POST", DEPLOY, application(is_public=is_public))
    assert deployed["build_namespace"] == deployed["namespace"] == "client-1-ann-dev-shop"
    build = studio.status(deployed["build_id"])
    assert (build["state"], build["status"]) == ("FAILED", "FAILED"), "nothing is built, and nothing pretends to be"
    assert "not built from source" in build["message"]
    (line,) = studio.logs(deployed["build_id"])
    assert line.endswith(build["message"])


@pytest.mark.django_db
@pytest.mark.parametrize("build_id", ["", "b-100", "865da295-6b4e-4311-b5ad-eccafd720fa0", "\x00"])
def test_row_19_an_unknown_build_is_not_found(studio: Studio, build_id: str) -> None:
    for path in ("/deploy/cyoda-env/status", "/build/logs"):
        answer = studio("GET", f"{path}?build_id={build_id.replace(chr(0), '%00')}")
        assert slug(answer) == (404, "not-found")
    unknown = ordered("dev") | {"build_id": build_id or "unknown"}
    assert slug(studio("POST", "/deploy/cyoda-env", unknown)) == (404, "not-found")


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path", "body"), [
    ("PATCH", "/scale", {"replicas": 2}), ("POST", "/restart", None), ("PATCH", "/rollout/update", {"image": "i"}),
    ("GET", "", None), ("GET", "/status", None), ("GET", "/rollout/status", None),
])  # fmt: skip
def test_row_20_an_unknown_deployment_is_not_found_and_the_environments_own_is_fixed(
    studio: Studio, method: str, path: str, body: Any
) -> None:
    studio.deploy()
    assert slug(studio(method, f"{ENV}/deployments/user-app{path}", body)) == (404, "not-found")
    assert slug(studio(method, f"/k8s/namespaces/client-bob-dev/deployments/cyoda{path}", body)) == (404, "not-found")
    own = studio(method, f"{ENV}/deployments/cyoda{path}", body)
    if method == "GET":
        assert (own.status_code, own.json()["name"]) == (200, "cyoda")
    else:
        assert slug(own) == (409, "not-changeable")
