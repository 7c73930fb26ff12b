"""The cloud API over the real database: organisations with people, their tokens, and a worker by hand."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client as Browser

from cyoda.bearers import NodeBearers, judged_by
from cyoda.clock import system_clock
from cyoda.conf import load
from cyoda.permissions import ROLE_OWNER
from cyoda.schemas import PostgresSchemas
from tenants.identity.keys import KeyPair, load_key_pair
from tenants.identity.service import identity_service
from tenants.models import Environment, Organisation, Provisioning, Tier
from tenants.provisioning.base import Driver
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import Progress, Saga
from tenants.services.audit import PLATFORM
from tenants.services.tiers import assign_tier
from tests.contract.http.conftest import pem_of
from tests.contract.tenants.conftest import database

__all__ = ["database"]


class OnOwnLoop:
    """Runs a coroutine where no node's loop is."""

    def run(self, act: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(act)


@pytest.fixture(scope="session")
def cloud_key() -> KeyPair:
    return load_key_pair(pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048)))


@pytest.fixture(autouse=True)
def bearers(cloud_key: KeyPair, settings: Any) -> Iterator[None]:
    """Tokens are judged as a node does, and tiers limit their organisations."""
    settings.CONF = replace(settings.CONF, quotas=replace(settings.CONF.quotas, enabled=True))
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]  # looks at every asset
    conf = load({"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": pem_of(cloud_key.private_key)})
    identity = identity_service(conf, system_clock)
    with judged_by(NodeBearers(identity.authenticator, OnOwnLoop(), identity.issuer)):
        yield


@dataclass
class Caller:
    """Somebody with a token, at a command line."""

    key: KeyPair
    tenant: str
    user: str = "u-1"
    roles: tuple[str, ...] = (ROLE_OWNER,)
    claims: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __call__(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Any:
        own = {"Authorization": f"Bearer {self.token()}", **self.headers, **headers}
        if key is not None:
            own["Idempotency-Key"] = key
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return Browser(raise_request_exception=False).generic(
            method, f"/v2{path}", data, content_type="application/json", headers=own
        )

    def up(self, name: str = "dev", backend: str = "local", key: str | None = None, **values: Any) -> Any:
        body = {"env_name": name, "backend": backend, **values}
        return self("POST", "/envs", body, key=uuid4().hex if key is None else key)

    def token(self) -> str:
        now = int(system_clock().timestamp())
        claims = {"sub": self.user, "iss": "cyoda", "iat": now, "exp": now + 3600, "user_roles": list(self.roles)}
        claims |= {"caas_user_id": self.user, "caas_org_id": self.tenant} | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(claims, self.key.private_key, algorithm="RS256", headers={"kid": self.key.kid})


def slug(answer: Any) -> tuple[int, str]:
    """A refusal's status and the last segment of its type."""
    assert answer["Content-Type"] == "application/problem+json", answer.content
    return answer.status_code, answer.json()["type"].rpartition("/")[2]


Organise = Callable[..., Caller]


@pytest.fixture
def organise(cloud_key: KeyPair) -> Organise:
    """An organisation with a tier, and its owner."""

    def organise(name: str = "Acme", *, tier: str = "enterprise", **values: Any) -> Caller:
        organisation = Organisation.objects.create(name=name)
        assign_tier(PLATFORM, organisation, Tier.objects.get(pk=tier))
        return Caller(cloud_key, str(organisation.pk), **values)

    return organise


def work(driver: Driver | None = None, *, steps: int = 100) -> None:
    """Carry out every run that is not finished, as workers do, to its end or so many steps far."""
    saga = Saga(driver_of=lambda _: driver or LocalDriver(PostgresSchemas()))
    for run in Provisioning.objects.filter(finished_at=None):
        for _ in range(steps):
            if saga.advance(run.pk) is not Progress.MORE:
                break


def environment(name: str = "dev") -> Environment:
    return Environment.objects.select_related("build").filter(name=name).latest("created_at")
