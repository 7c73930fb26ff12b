"""A token service with real keys and a clock that tests move."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from cyoda.clock import ManualClock
from cyoda.conf import Conf, load
from cyoda.http.app import HttpApp
from cyoda.http.request import ApiRequest, Receive, Scope, Send
from cyoda.http.response import Response, json_response
from cyoda.http.router import Route
from tenants.identity.keys import KeyPair, load_key_pair
from tenants.identity.service import identity_service

SECRET = "s3cret+with%stuff"
Mint = Callable[..., str]


def pem_of(key: rsa.RSAPrivateKey, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()


@pytest.fixture(scope="session")
def private_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def pair(private_key: rsa.RSAPrivateKey) -> KeyPair:
    return load_key_pair(pem_of(private_key))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def conf(private_key: rsa.RSAPrivateKey) -> Conf:
    return jwt_conf(private_key)


def jwt_conf(private_key: rsa.RSAPrivateKey, **more: str) -> Conf:
    return load(
        {
            "CYODA_IAM_MODE": "jwt",
            "CYODA_JWT_SIGNING_KEY": pem_of(private_key),
            "CYODA_BOOTSTRAP_CLIENT_ID": "boot",
            "CYODA_BOOTSTRAP_CLIENT_SECRET": SECRET,
            "CYODA_BOOTSTRAP_TENANT_ID": "acme",
            **more,
        }
    )


@pytest.fixture
def mint(private_key: rsa.RSAPrivateKey, pair: KeyPair, clock: ManualClock) -> Mint:
    """A token as an external minter with the configured key would make it; a claim of None is left out."""

    def minted(*, key: Any = None, algorithm: str = "RS256", kid: str | None = pair.kid, **claims: object) -> str:
        now = int(clock().timestamp())
        payload = {"sub": "u", "iss": "cyoda", "caas_org_id": "acme", "scopes": ["ROLE_M2M"]}
        payload |= {"iat": now, "exp": now + 60, **claims}
        payload = {name: value for name, value in payload.items() if value is not None}
        headers = {"kid": kid} if kid is not None else {}
        return jwt.encode(payload, private_key if key is None else key, algorithm=algorithm, headers=headers)

    return minted


async def whoami(request: ApiRequest) -> Response:
    asker = request.principal
    return json_response([asker.tenant, asker.user_id, asker.kind, list(asker.roles)])


async def no_pages(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("outside the context path")


def client_for(conf: Conf, clock: ManualClock) -> httpx.AsyncClient:
    identity = identity_service(conf, clock)
    app = HttpApp(
        [*identity.routes, Route("GET", "/whoami", whoami)], authenticator=identity.authenticator,
        context_path="/api", observe=lambda *_: None, fallback=no_pages,
    )  # fmt: skip
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node/api")


@pytest.fixture
async def api(conf: Conf, clock: ManualClock) -> AsyncIterator[httpx.AsyncClient]:
    async with client_for(conf, clock) as client:
        yield client
