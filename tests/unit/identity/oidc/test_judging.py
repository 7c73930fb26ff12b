"""Each check of a provider's token, and what its roles and names become (contract: identity 10.4)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from jwt.api_jws import PyJWS

from cyoda.principal import Principal
from tenants.identity.oidc.documents import Documents
from tenants.identity.oidc.provider import Provider, principal_of, roles_of, shown_name
from tenants.identity.oidc.trial import Verdict, verdict
from tests.identity_provider import private_key

ID = UUID("00000000-0000-0000-0000-00000000000a")
TENANT = "6f0c7f6e-0000-4000-8000-000000000001"
NOW = 1_800_000_000
ISSUER = "https://idp.example"
KEY = private_key("k1")
DOCUMENTS = Documents(ISSUER, "", {"k1": KEY.public_key()})


def provider(**settings: Any) -> Provider:
    created_at = datetime.fromtimestamp(NOW - 100, UTC)
    return Provider(**{"id": ID, "tenant": TENANT, "uri": ISSUER, "created_at": created_at} | settings)


def signed(payload: bytes, key: Any = KEY, algorithm: str = "RS256", kid: str | None = "k1") -> str:
    return PyJWS().encode(payload, key, algorithm, {} if kid is None else {"kid": kid})


def minted(*, algorithm: str = "RS256", key: Any = KEY, kid: str | None = "k1", **claims: object) -> str:
    given = {"iss": ISSUER, "sub": "jane", "iat": NOW, "exp": NOW + 60, **claims}
    payload = {name: value for name, value in given.items() if value is not None}
    return signed(json.dumps(payload).encode(), key, algorithm, kid)


def judged(text: str, judge: Provider | None = None, now: float = NOW) -> Verdict:
    return verdict(text, judge or provider(), DOCUMENTS, roles_claim="roles", now=now)


def test_a_valid_token_speaks_for_a_person_of_the_providers_tenant_whatever_else_it_claims() -> None:
    ignored = {"caas_org_id": "victim", "caas_user_id": "root", "tid": "victim", "org": "victim", "user_roles": ["R"]}
    found = judged(minted(roles=["ROLE_ADMIN"], **ignored))
    assert (found.failed_check, found.user_id, found.roles) == (None, f"oidc:{ID}:jane", ("ROLE_ADMIN",))
    assert found.claims is not None
    assert found.claims["caas_org_id"] == "victim"
    assert principal_of(provider(), found.claims, "roles") == Principal(
        tenant=TENANT, user_id=f"oidc:{ID}:jane", kind="user", roles=("ROLE_ADMIN",)
    )


@pytest.mark.parametrize(
    ("check", "text"),
    [
        ("form", "abc"), ("form", "a.b.c"), ("form", minted() + ".x"), ("form", ""),
        ("form", signed(b"[1]")),
        ("form", signed(b'{"sub": "\\ud800"}')),
        ("form", signed(b"[" * 5000)),
        ("algorithm", minted(algorithm="HS256", key="k" * 32)), ("algorithm", minted(algorithm="none", key="")),
        ("algorithm", minted(algorithm="RS512")),
        ("kid", minted(kid=None)), ("kid", minted(kid="")), ("kid", minted(kid="k2")),
        ("issuer", minted(iss=ISSUER + "/")), ("issuer", minted(iss=None)), ("issuer", minted(iss=[ISSUER])),
        ("signature", minted(key=private_key("k2"))), ("signature", minted()[:-8] + "AAAAAAAA"),
        ("exp", minted(exp=None)), ("exp", minted(exp=NOW - 30)), ("exp", minted(exp="tomorrow")),
        ("exp", minted(exp=True)), ("nbf", minted(nbf=NOW + 31)), ("nbf", minted(nbf="x")),
        ("iat", minted(iat=NOW - 131)), ("iat", minted(iat=NOW + 31)), ("iat", minted(iat=False)),
        ("sub", minted(sub=None)), ("sub", minted(sub="")), ("sub", minted(sub="a" * 256)),
        ("sub", minted(sub="a\x1f")), ("sub", minted(sub="a\0b")), ("sub", minted(sub="a\x7f")),
        ("sub", signed(
            b'{"iss": "%s", "exp": %d, "sub": 7}' % (ISSUER.encode(), NOW))),
    ],
)  # fmt: skip
def test_each_check_refuses_by_its_name(check: str, text: str) -> None:
    found = judged(text)
    assert (found.failed_check, found.user_id) == (check, None)


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": NOW - 29}, {"exp": NOW + 0.5}, {"nbf": NOW + 30}, {"iat": None}, {"iat": NOW - 130},
        {"iat": NOW + 30}, {"sub": "a" * 255}, {"sub": "jané|x:y z"}, {"exp": 10**400}, {"aud": 5},
    ],
)  # fmt: skip
def test_what_is_just_within_the_limits_is_valid(claims: dict[str, Any]) -> None:
    found = judged(minted(**claims))
    assert found.failed_check == ("exp" if claims.get("exp") == 10**400 else None)


@pytest.mark.parametrize(
    ("audience", "is_valid"),
    [
        ("app", True),
        (["x", "app"], True),
        (["x"], False),
        ("x", False),
        (None, False),
        ([], False),
        ({"app": 1}, False),
    ],
)
def test_pinned_audiences_need_one_that_matches(audience: object, is_valid: bool) -> None:
    found = judged(minted(aud=audience), provider(expected_audiences=("other", "app")))
    assert found.failed_check == (None if is_valid else "aud")


def test_pinned_issuers_stand_in_the_place_of_the_discovered_one_and_must_contain_it() -> None:
    both = provider(issuers=(ISSUER, "https://second.example"))
    assert judged(minted(), both).failed_check is None
    assert judged(minted(iss="https://second.example"), both).failed_check is None
    assert judged(minted(iss="https://third.example"), both).failed_check == "issuer"
    without = provider(issuers=("https://second.example",))
    assert judged(minted(), without).failed_check == "issuer"
    assert judged(minted(iss="https://second.example"), without).failed_check == "issuer"


@pytest.mark.parametrize(
    ("value", "roles"),
    [
        ("ROLE_A  ROLE_B\tROLE_A", ("ROLE_A", "ROLE_B")),
        (["ROLE_A", 1, None, "", "a,b", "x\0y", "with space"], ("ROLE_A", "with space")),
        ({"ROLE_A": False, "a,b": 1, "": 1}, ("ROLE_A",)),
        (7, ()), (True, ()), (None, ()), ("a,b", ()), ("", ()), ([], ()), ([["ROLE_A"]], ()),
    ],
)  # fmt: skip
def test_roles_come_as_a_text_an_array_or_the_names_of_an_object(value: object, roles: tuple[str, ...]) -> None:
    assert roles_of(value) == roles


def test_the_roles_claim_is_one_literal_name() -> None:
    url = "https://corp.example/roles"
    token = minted(**{url: ["A"], "realm.roles": ["B"], "realm": {"roles": ["C"]}, "roles": ["D"]})
    for claim, role in ((url, ("A",)), ("realm.roles", ("B",)), (None, ("D",)), ("absent", ())):
        found = judged(token, provider(roles_claim=claim))
        assert (found.failed_check, found.roles) == (None, role)


def test_the_name_of_a_provider_user_is_the_sub() -> None:
    assert shown_name(f"oidc:{ID}:auth0|jane:doe") == "auth0|jane:doe"
    assert shown_name("admin") == "admin"
    assert shown_name("oidc:x") == "oidc:x"
