"""The token endpoint (contract: identity 3, 4, checklist 1)."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote_plus
from uuid import UUID

import httpx
import jwt
import pytest

from cyoda.clock import ManualClock
from tests.unit.identity.conftest import SECRET, Mint

GRANT = {"grant_type": "client_credentials"}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{client_id}:{secret}".encode()).decode()}


async def test_good_credentials_get_a_token_with_exactly_the_contract_s_claims(
    api: httpx.AsyncClient, clock: ManualClock
) -> None:
    answer = await api.post("/oauth/token", data=GRANT, headers=basic("boot", SECRET))
    body = answer.json()
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert (set(body), body["token_type"], body["expires_in"]) == (
        {"access_token", "token_type", "expires_in"}, "Bearer", 3600,
    )  # fmt: skip
    claims = jwt.decode(body["access_token"], options={"verify_signature": False})
    assert UUID(claims.pop("jti"))
    now = int(clock().timestamp())
    assert claims == {
        "sub": "boot", "iss": "cyoda", "caas_user_id": "admin", "caas_org_id": "acme",
        "scopes": ["ROLE_ADMIN", "ROLE_M2M"], "caas_tier": "unlimited", "iat": now, "exp": now + 3600,
    }  # fmt: skip


async def test_the_token_opens_the_api_as_a_service(api: httpx.AsyncClient) -> None:
    token = (await api.post("/oauth/token", data=GRANT, headers=basic("boot", SECRET))).json()["access_token"]
    answer = await api.get("/whoami", headers={"Authorization": f"Bearer {token}"})
    assert answer.json() == ["acme", "admin", "service", ["ROLE_ADMIN", "ROLE_M2M"]]


async def test_other_methods_are_refused_in_oauth_s_words(api: httpx.AsyncClient, mint: Mint) -> None:
    refused = {"error": "method_not_allowed", "error_description": "method_not_allowed"}
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = await api.request(method, "/oauth/token", headers={"Authorization": f"Bearer {mint()}"})
        assert (answer.status_code, answer.json(), answer.headers["allow"]) == (405, refused, "POST")
        assert (await api.request(method, "/oauth/token")).status_code == 401


async def test_a_secret_is_accepted_encoded_and_as_it_stands(api: httpx.AsyncClient) -> None:
    for secret in (SECRET, quote_plus(SECRET)):
        answer = await api.post("/oauth/token", data=GRANT, headers=basic("boot", secret))
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        basic("boot", "wrong"),
        basic("nobody", SECRET),
        basic("", ""),
        {},
        {"Authorization": "Basic !!!"},
        {"Authorization": "Basic " + b64encode(b"no colon").decode()},
        {"Authorization": "Basic " + b64encode(b"\xff:\xff").decode()},
        {"Authorization": "Bearer x"},
    ],
)
async def test_every_bad_credential_gets_the_same_bytes(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    answer = await api.post("/oauth/token", data=GRANT, headers=headers)
    assert answer.status_code == 401
    assert answer.content == b'{"error":"invalid_client","error_description":"invalid_client"}'
    assert answer.headers["content-type"] == "application/json"


async def test_credentials_in_the_body_do_not_count(api: httpx.AsyncClient) -> None:
    answer = await api.post("/oauth/token", data={**GRANT, "client_id": "boot", "client_secret": SECRET})
    assert answer.status_code == 401


@pytest.mark.parametrize("form", [{}, {"grant_type": ""}, {"grant_type": "password"}])
async def test_another_grant_is_refused_after_the_credentials(api: httpx.AsyncClient, form: dict[str, str]) -> None:
    answer = await api.post("/oauth/token", data=form, headers=basic("boot", SECRET))
    assert (answer.status_code, answer.json()) == (
        400, {"error": "unsupported_grant_type", "error_description": "unsupported_grant_type"},
    )  # fmt: skip
    assert (await api.post("/oauth/token", data=form)).status_code == 401


async def test_parameters_may_stand_in_the_query_and_a_scope_is_ignored(api: httpx.AsyncClient) -> None:
    answer = await api.post("/oauth/token?grant_type=client_credentials&scope=ROLE_M2M", headers=basic("boot", SECRET))
    assert answer.status_code == 200


async def test_a_body_over_one_mebibyte_is_refused(api: httpx.AsyncClient) -> None:
    body = b"grant_type=client_credentials&x=" + b"y" * 1024 * 1024
    answer = await api.post("/oauth/token", content=body, headers=basic("boot", SECRET))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_other_methods_are_not_served_to_anonymous_callers(api: httpx.AsyncClient) -> None:
    assert (await api.get("/oauth/token")).status_code == 401


async def test_an_exchange_fails_at_the_first_check_that_does_not_hold(api: httpx.AsyncClient, mint: Mint) -> None:
    unsigned = jwt.encode({"sub": "u"}, key=None, algorithm="none", headers={"kid": "k"})
    cases = [
        ({"subject_token": mint()}, "unsupported subject_token_type"),
        ({"subject_token_type": JWT_TYPE}, "invalid subject token"),
        ({"subject_token_type": JWT_TYPE, "subject_token": "a.b.c"}, "invalid subject token"),
        ({"subject_token_type": JWT_TYPE, "subject_token": unsigned}, "unsupported token algorithm"),
        ({"subject_token_type": JWT_TYPE, "subject_token": mint(kid=None)}, "missing kid in subject token"),
        ({"subject_token_type": JWT_TYPE, "subject_token": mint()}, "unknown trusted key"),
    ]
    for form, description in cases:
        answer = await api.post("/oauth/token", data={"grant_type": EXCHANGE, **form}, headers=basic("boot", SECRET))
        assert answer.status_code == 400
        assert answer.json() == {"error": "invalid_grant", "error_description": description}
