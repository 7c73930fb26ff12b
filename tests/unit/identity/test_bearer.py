"""Bearer validation and principals (contract: identity 5, 15, checklist 2 and 3)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta

import httpx
import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cyoda.clock import ManualClock
from cyoda.conf import load
from cyoda.errors import Unauthorized
from cyoda.principal import Principal
from tenants.identity import verify
from tenants.identity.keys import KeyPair, KeyRing
from tenants.identity.verify import BearerAuthenticator, TokenVerifier
from tests.unit.identity.conftest import Mint, client_for, jwt_conf

UNAUTHORIZED = (
    b'{"type":"about:blank","title":"Unauthorized","status":401,"detail":"UNAUTHORIZED: authentication failed",'
    b'"instance":"/whoami","properties":{"errorCode":"UNAUTHORIZED"}}'
)


@pytest.fixture
def verifier(pair: KeyPair, clock: ManualClock) -> TokenVerifier:
    return TokenVerifier(KeyRing([pair]), issuer="cyoda", clock=clock)


async def test_an_externally_minted_token_is_accepted(api: httpx.AsyncClient, mint: Mint) -> None:
    answer = await api.get("/whoami", headers={"Authorization": f"Bearer {mint(caas_user_id='carla')}"})
    assert answer.json() == ["acme", "carla", "service", ["ROLE_M2M"]]


async def test_whatever_is_wrong_with_a_token_the_answer_has_the_same_bytes(
    api: httpx.AsyncClient, mint: Mint, pair: KeyPair, clock: ManualClock
) -> None:
    now = int(clock().timestamp())
    other_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = {"iss": "cyoda", "caas_org_id": "acme", "sub": "u", "iat": now, "exp": now + 60}
    forged = hs256_with_the_public_key(pair, claims)
    unsigned = jwt.encode(claims, key=None, algorithm="none", headers={"kid": pair.kid})
    head, payload, signature = mint().split(".")
    wrong = {
        "alg none": unsigned,
        "HS256 with the public key": forged,
        "RS512": mint(algorithm="RS512"),
        "missing kid": mint(kid=None),
        "unknown kid": mint(kid="0" * 32),
        "another key": mint(key=other_key),
        "signature cut": f"{head}.{payload}.{signature[:-4]}",
        "signature missing": f"{head}.{payload}.",
        "expired by 31 s": mint(exp=now - 31),
        "issued 31 s ahead": mint(iat=now + 31),
        "not before 31 s ahead": mint(nbf=now + 31),
        "no exp": mint(exp=None),
        "no iat": mint(iat=None),
        "exp is text": mint(exp=str(now + 60)),
        "exp is infinite": mint(exp=float("inf")),
        "exp has no end": mint(exp=10**400),
        "exp is true": mint(exp=True),
        "wrong iss": mint(iss="other"),
        "no iss": mint(iss=None),
        "no tenant": mint(caas_org_id=None),
        "empty tenant": mint(caas_org_id=""),
        "tenant is no text": mint(caas_org_id=7),
        "tenant with NUL": mint(caas_org_id="a\0b"),
        "tenant with half a character": mint(caas_org_id="a\ud800b"),
        "reserved tenant": mint(caas_org_id="SYSTEM"),
        "no user": mint(sub=None),
        "too long": mint(padding="x" * 20_000),
        "not a token": "x",
        "empty": "",
    }
    for name, token in wrong.items():
        answer = await api.get("/whoami", headers={"Authorization": f"Bearer {token}"})
        assert (name, answer.status_code, answer.content) == (name, 401, UNAUTHORIZED)


@pytest.mark.parametrize("prefix", ["bearer ", "BEARER ", "Bearer", "", "Basic "])
async def test_the_prefix_is_exact(api: httpx.AsyncClient, mint: Mint, prefix: str) -> None:
    answer = await api.get("/whoami", headers={"Authorization": prefix + mint()})
    assert (answer.status_code, answer.content) == (401, UNAUTHORIZED)


async def test_thirty_seconds_of_skew_are_allowed(verifier: TokenVerifier, mint: Mint, clock: ManualClock) -> None:
    now = int(clock().timestamp())
    for claims in ({"exp": now - 29}, {"iat": now + 30}, {"nbf": now + 30}):
        assert verifier.principal_of(mint(**claims)).user_id == "u"


@pytest.mark.parametrize(
    ("claims", "kind", "roles"),
    [
        ({"scopes": ["A"]}, "service", ("A",)),
        ({"scopes": []}, "service", ()),
        ({"scopes": None}, "user", ()),
        ({"scopes": ["A"], "user_roles": []}, "user", ("A",)),
        ({"scopes": ["A"], "user_roles": ["B", 7]}, "user", ("B",)),
        ({"scopes": None, "user_roles": [1, 2]}, "user", ()),
    ],
)
def test_kind_follows_the_presence_of_the_lists(
    verifier: TokenVerifier, mint: Mint, claims: dict[str, object], kind: str, roles: tuple[str, ...]
) -> None:
    principal = verifier.principal_of(mint(**claims))
    assert (principal.kind, principal.roles) == (kind, roles)


def test_a_null_list_of_user_roles_still_means_a_user() -> None:
    claims = {"caas_org_id": "t", "sub": "u", "scopes": ["A"], "user_roles": None}
    assert verify.principal_from(claims) == Principal(tenant="t", user_id="u", kind="user", roles=("A",))


def test_roles_that_are_no_text_are_dropped() -> None:
    claims = {"caas_org_id": "t", "sub": "u", "user_roles": [7, "A", "\ud800", None]}
    assert verify.principal_from(claims).roles == ("A",)


async def test_a_configured_audience_is_required(
    private_key: rsa.RSAPrivateKey, clock: ManualClock, mint: Mint
) -> None:
    async with client_for(jwt_conf(private_key, CYODA_JWT_AUDIENCE="cyoda-api"), clock) as api:
        for audience, status in (("cyoda-api", 200), (["x", "cyoda-api"], 200), ("other", 401), (None, 401), ([], 401)):
            answer = await api.get("/whoami", headers={"Authorization": f"Bearer {mint(aud=audience)}"})
            assert answer.status_code == status


def test_a_remembered_token_still_expires(verifier: TokenVerifier, mint: Mint, clock: ManualClock) -> None:
    token = mint()
    assert verifier.principal_of(token) is verifier.principal_of(token)
    clock.advance(timedelta(seconds=89))
    verifier.principal_of(token)
    clock.advance(timedelta(seconds=2))
    with pytest.raises(Unauthorized):
        verifier.principal_of(token)


def test_a_remembered_token_is_refused_once_its_key_is_inactive(pair: KeyPair, mint: Mint, clock: ManualClock) -> None:
    ring = KeyRing([pair])
    verifier = TokenVerifier(ring, issuer="cyoda", clock=clock)
    token = mint()
    verifier.principal_of(token)
    ring.replace([replace(pair, is_active=False)])
    with pytest.raises(Unauthorized):
        verifier.principal_of(token)
    ring.replace([pair])
    assert verifier.principal_of(token).user_id == "u"


def test_the_memory_of_tokens_is_bounded(verifier: TokenVerifier, mint: Mint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "MAX_CACHED", 3)
    for number in range(5):
        verifier.principal_of(mint(jti=str(number)))
    assert len(verifier._cache) == 3


async def test_mock_mode_lets_everyone_in_as_the_fixed_principal(clock: ManualClock) -> None:
    conf = load({"CYODA_IAM_MODE": "mock", "CYODA_IAM_MOCK_KIND": "service", "CYODA_IAM_MOCK_ROLES": "ROLE_X"})
    async with client_for(conf, clock) as api:
        for headers in ({}, {"Authorization": "Bearer rubbish"}):
            answer = await api.get("/whoami", headers=headers)
            assert answer.json() == ["mock-tenant", "mock-user-001", "service", ["ROLE_X"]]
        assert (await api.get("/.well-known/jwks.json")).status_code == 404
        token = await api.post("/oauth/token")
        assert (token.status_code, "ticket" in token.json()) == (500, True)


async def test_the_prefix_check_needs_no_request(verifier: TokenVerifier, mint: Mint) -> None:
    authenticator = BearerAuthenticator(verifier)
    assert (await authenticator.authenticate(f"Bearer {mint()}")).tenant == "acme"
    with pytest.raises(Unauthorized):
        await authenticator.authenticate(None)


def hs256_with_the_public_key(pair: KeyPair, claims: dict[str, object]) -> str:
    """What an attacker sends who hopes that the public key is taken for a shared secret (PyJWT refuses to make it)."""

    def part(value: object) -> bytes:
        return base64.urlsafe_b64encode(msgspec.json.encode(value)).rstrip(b"=")

    secret = pair.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = part({"alg": "HS256", "typ": "JWT", "kid": pair.kid}) + b"." + part(claims)
    signature = base64.urlsafe_b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).rstrip(b"=")
    return (signed + b"." + signature).decode()
