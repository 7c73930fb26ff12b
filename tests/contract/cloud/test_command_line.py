"""The commands of the command line in their order, call by call (contract: control plane 4.8)."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.core.cache import cache
from django.test import Client as Browser

from tenants.models import Organisation, Role, Tier
from tenants.services.audit import PLATFORM
from tenants.services.tiers import assign_tier
from tests.contract.cloud.conftest import work
from tests.contract.cloud.sign_in.conftest import Cli, allowed, error
from tests.contract.tenants.people.conftest import Make, sign_in, somebody

__all__ = ["somebody"]

VERSION = {"Cyoda-Cloud-CLI-Version": "0.4.0", "User-Agent": "cyoda-cloud-cli/0.4.0 (linux amd64)"}


def test_from_login_to_logout(database: str, somebody: Make) -> None:
    cache.clear()
    acme = Organisation.objects.create(name="Acme")
    assign_tier(PLATFORM, acme, Tier.objects.get(pk="enterprise"))
    somebody("ann@example.org", acme, Role.OWNER)
    cli, browser = Cli(), Browser()
    tokens: dict[str, Any] = {}

    def call(method: str, path: str, body: Any = None, key: str = "") -> Any:
        headers = {**VERSION, "Authorization": f"Bearer {tokens['access_token']}"}
        if key:
            headers["Idempotency-Key"] = key
        return cli.http.generic(
            method, f"/v2{path}", b"" if body is None else body, content_type="application/json", headers=headers
        )

    def login() -> None:
        cli.found = cli.http.get("/.well-known/cyoda-cloud-cli.json").json()
        begun = cli.device()
        device_code = begun.json()["device_code"]
        assert error(cli.poll(device_code)) == "authorization_pending"
        allowed(browser, begun)
        tokens.update(cli.poll(device_code).json())

    sign_in(browser, "ann@example.org")
    login()
    assert call("GET", "/me").json()["org_id"] == str(acme.pk)

    order = b'{"env_name": "dev", "backend": "local"}'
    up = call("POST", "/envs", order, key=uuid4().hex)
    assert up.status_code == 202
    assert call("GET", "/envs/dev").json()["state"] == "Queued"
    work()
    assert call("GET", "/envs/dev").json()["state"] == "Ready"
    assert [row["env_name"] for row in call("GET", "/envs").json()] == ["dev"]

    tokens.update(cli.refresh(tokens["refresh_token"]).json())
    assert call("GET", "/envs/dev").status_code == 200
    login()  # now there is an environment to sign in to, and it is deleted with that very token
    assert call("POST", "/envs/dev:cancel").status_code == 409
    assert call("DELETE", "/envs/dev").status_code == 202
    work()
    assert call("GET", "/envs/dev").json()["state"] == "Env_Torn_Down"
    assert call("GET", "/envs").json() == []

    cli.logout(tokens["refresh_token"])
    assert error(cli.refresh(tokens["refresh_token"])) == "invalid_grant"
