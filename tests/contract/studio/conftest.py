"""AI Studio as it calls: organisations with a service account, over the real database."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client as Browser

from tests.contract.cloud.conftest import Caller, Organise, bearers, cloud_key, organise
from tests.contract.tenants.conftest import database

__all__ = ["bearers", "cloud_key", "database", "organise"]


class Studio:
    """AI Studio with the service account of one organisation."""

    def __init__(self, account: Caller) -> None:
        self.account = account

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return Browser(raise_request_exception=False).generic(
            method, path, b"" if body is None else json.dumps(body).encode(), content_type="application/json",
            headers={"Authorization": f"Bearer {self.account.token()}", **headers},
        )  # fmt: skip

    def ok(self, method: str, path: str, body: Any = None) -> Any:
        answer = self(method, path, body)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def deploy(self, env: str = "dev", user: str = "ann", **values: Any) -> Any:
        """As its client does: names are cut, then cleaned."""
        return self.ok("POST", "/deploy/cyoda-env", ordered(env, user) | values)

    def status(self, build_id: str) -> dict[str, str]:
        return self.ok("GET", f"/deploy/cyoda-env/status?build_id={build_id}")

    def logs(self, build_id: str, **query: object) -> list[str]:
        """Without a token, as its client asks."""
        answer = Browser().get("/build/logs", {"build_id": build_id, **query})
        assert answer.status_code == 200, answer.content
        return answer.json()["logs"].splitlines()

    def namespaces(self) -> list[str]:
        return [each["name"] for each in self.ok("GET", "/k8s/namespaces")["namespaces"]]


def ordered(env: str, user: str = "ann") -> dict[str, str]:
    return {
        "user_name": user, "chat_id": "c-42", "user_defined_namespace": f"client-{user}-{env[:10]}".lower(),
        "user_defined_keyspace": f"c_{user}_{env[:10]}",
    }  # fmt: skip


@pytest.fixture
def studio(organise: Organise) -> Studio:
    return Studio(organise())


@pytest.fixture
def stranger(organise: Organise) -> Studio:
    """Of another organisation."""
    return Studio(organise("Globex"))
