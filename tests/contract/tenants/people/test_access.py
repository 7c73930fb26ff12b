"""Who gets into an environment: pages of identity providers and trusted keys (ui: 4.2; contract: identity 8, 10)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client as Browser

from tenants.identity.keys import KeyPair
from tenants.models import AuditEvent, Environment, OidcProvider, Organisation, Person, TrustedKey
from tests.browser.provider import CLIENT_ID, CLIENT_SECRET, Provider
from tests.contract.http.conftest import signing_key
from tests.contract.tenants.people.conftest import SEVERAL_TRANSACTIONS, ready_environment
from tests.contract.tenants.people.serving import Served, served
from tests.contract.tenants.people.test_organisation import of
from tests.identity_provider import DISCOVERY, IdentityProvider, jwk, private_key

__all__ = ["signing_key"]  # a fixture

OPEN = {
    "CYODA_OIDC_ALLOW_PRIVATE_NETWORKS": "true",
    "CYODA_OIDC_REQUIRE_HTTPS": "false",
    "CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED": "true",
}
pytestmark = SEVERAL_TRANSACTIONS


@pytest.fixture
def dev(acme: Organisation) -> Environment:
    return ready_environment(acme, str(uuid4()))


@pytest.fixture
def node(owner: Browser, signing_key: KeyPair) -> Iterator[Served]:
    with served(signing_key, **OPEN) as node:
        yield node


def text(answer: Any) -> str:
    return unescape(answer.content.decode())


def test_a_token_is_tried_before_its_provider_is_registered(owner: Browser, node: Served, dev: Environment) -> None:
    idp = IdentityProvider()
    node.run(idp.__aenter__())
    try:
        token = idp.token(aud=["orders"], groups=["ROLE_VIEWER", "stars"], nested={"a": [1]})
        form = {"uri": idp.uri, "audiences": "other\nmore", "issuers": "", "roles_claim": "groups", "token": token}
        tried = text(owner.post(of("provider_new", dev), form | {"try": "yes"}))
        assert "The token would be refused" in tried
        assert 'aud is ["orders"], expected is other or more' in tried
        tried = text(owner.post(of("provider_new", dev), form | {"audiences": "orders", "try": "yes"}))
        assert "The token would be accepted" in tried
        assert ":jane</code>" in tried
        assert "viewer: may look, and change nothing" in tried
        assert "unknown here: it changes nothing" in tried
        assert not OidcProvider.objects.exists()
        saved = owner.post(of("provider_new", dev), form | {"audiences": "orders", "save": "yes"})
        assert saved["Location"] == of("providers", dev)
        row = OidcProvider.objects.get(environment=dev)
        assert (row.expected_audiences, row.roles_claim, row.issuers) == (["orders"], "groups", None)
        listed = text(owner.get(of("providers", dev)))
        assert idp.root in listed
        assert "1 key" in listed
        event = AuditEvent.objects.get(target_id=str(row.pk))
        assert (event.source, event.actor_id) == ("pages", str(Person.objects.get().pk))
        again = owner.post(of("provider_new", dev), form | {"save": "yes"})
        assert "OIDC_PROVIDER_DUPLICATE" in text(again)

        at = {"provider_id": row.pk}
        owner.post(of("provider", dev, **at), {"audiences": "", "issuers": "a\nb", "roles_claim": "", "token": ""})
        row.refresh_from_db()
        assert (row.expected_audiences, row.roles_claim, row.issuers) == (None, None, ["a", "b"])
        tried = text(owner.post(of("provider", dev, **at), {"issuers": "a", "token": token, "try": "yes"}))
        assert f"issuers must contain {idp.issuer}" in tried
        node.run(idp.go_away())
        owner.post(of("provider_reload", dev))
        assert "could not be had" in text(owner.get(of("providers", dev)))
        assert owner.get(of("provider_invalidate", dev, **at)).status_code == 200
        owner.post(of("provider_invalidate", dev, **at), {"reason": "zu früh, 100 %"})
        assert AuditEvent.objects.latest("id").reason == "zu früh, 100 %"
        assert not OidcProvider.objects.get().is_active
        owner.post(of("provider_reactivate", dev, **at))
        assert OidcProvider.objects.get().is_active
        owner.post(of("provider_delete", dev, **at))
        assert not OidcProvider.objects.exists()
    finally:
        node.run(idp.__aexit__())
    assert idp.asked[DISCOVERY] > 3


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def signed_in(owner: Browser, dev: Environment, idp: Provider, form: dict[str, str]) -> str:
    """The address to which the provider sends Ann back after she has signed in."""
    assert owner.post(of("provider_new", dev), form)["Location"] == of("provider_sign_in", dev)
    page = text(owner.get(of("provider_sign_in", dev)))
    asked = query_of(re.findall(rf'href="({idp.url}/authorize[^"]+)"', page)[0])
    assert (asked["client_id"], asked["code_challenge_method"]) == (CLIENT_ID, "S256")
    return idp.approve(asked | {"email": "ann@example.org"}).removeprefix("http://testserver")


def test_a_sign_in_at_the_provider_shows_what_its_token_says(owner: Browser, node: Served, dev: Environment) -> None:
    with Provider() as idp:
        uri = f"{idp.url}{DISCOVERY}"
        form = {"uri": uri, "audiences": CLIENT_ID, "roles_claim": "email", "token": "", "sign-in": "yes"}
        assert "Name a client" in text(owner.post(of("provider_new", dev), form))
        form |= {"client_id": CLIENT_ID, "scope": "openid"}
        assert "status 404" in text(owner.post(of("provider_new", dev), form | {"uri": f"{idp.url}/nowhere"}))
        path = signed_in(owner, dev, idp, form)
        assert "Fetch the token" in text(owner.get(path))
        answer = text(owner.post(path, query_of(path) | {"secret": "wrong"}))
        assert ("The provider gave no token" in answer, "invalid_grant" in answer) == (True, True)
        assert owner.get(path)["Location"] == of("providers", dev)  # it is over

        path = signed_in(owner, dev, idp, form)
        back, given = of("provider_signed_in", dev), query_of(path)
        for forged in ({"state": "another"}, {"state": ""}):
            assert owner.get(back, given | forged)["Location"] == of("providers", dev)
        refused = owner.get(back, {"state": given["state"], "error": "access_denied"})
        assert refused["Location"] == of("provider_sign_in", dev)
        assert "access_denied" in text(owner.get(of("provider_sign_in", dev)))
        answer = text(owner.post(path, given | {"secret": CLIENT_SECRET}))
        assert "The token would be accepted" in answer
        assert ":id of ann@example.org</code>" in answer
        assert f'value="{uri}"' in answer
        assert not OidcProvider.objects.exists()


def test_what_another_environment_owns_is_not_there(owner: Browser, node: Served, dev: Environment) -> None:
    other = Environment.of_tenant(str(uuid4()), organisation=dev.organisation, name="prod", state="ready")
    other.kind = Environment.Kind.PRODUCTION
    other.save()
    theirs = OidcProvider.objects.create(environment=other, well_known_uri="https://a.example")
    key = TrustedKey.objects.create(
        key_id="crm.1", environment=other, jwk="{}", audience="human", valid_from="2020-01-01T00:00Z"
    )
    for page in ("provider", "provider_invalidate", "provider_reactivate", "provider_delete"):
        assert owner.post(of(page, dev, provider_id=theirs.pk)).status_code == 404, page
    for page in ("trusted_key_invalidate", "trusted_key_reactivate", "trusted_key_delete"):
        assert owner.post(of(page, dev, key_id=key.key_id), {"valid_to": "2099-01-01"}).status_code == 404, page
    assert OidcProvider.objects.filter(is_active=True).count() == TrustedKey.objects.count() == 1
    for page, value in (("provider_delete", {"provider_id": theirs.pk}), ("trusted_key_delete", {"key_id": "crm.1"})):
        assert "This is not prod" in text(owner.post(of(page, other, **value), {"typed": "dev"}))
        assert owner.post(of(page, other, **value), {"typed": "prod"}).status_code == 302
    assert OidcProvider.objects.count() == TrustedKey.objects.count() == 0


def test_keys_are_trusted_as_jwk_and_as_pem(owner: Browser, node: Served, dev: Environment) -> None:
    public = private_key("k1").public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    form = {"key_id": "..", "key": pem, "audience": "human", "issuers": "https://crm.example", "valid_to": "2099-12-31"}
    assert owner.post(of("trusted_key_new", dev), form).status_code == 302
    row = TrustedKey.objects.get()
    assert set(json.loads(row.jwk)) == {"kty", "n", "e"}
    assert (row.issuers, row.valid_to and row.valid_to.isoformat()) == (
        ["https://crm.example"],
        "2099-12-31T23:59:59+00:00",
    )
    as_jwk = json.dumps(jwk("two", private_key("k1")))
    assert owner.post(of("trusted_key_new", dev), form | {"key_id": "two", "key": as_jwk}).status_code == 302
    for key, said in (("{", "This is no JSON"), ("nonsense", "neither a JWK nor"), (as_jwk, "jwk.kid")):
        assert said in text(owner.post(of("trusted_key_new", dev), form | {"key_id": "three", "key": key}))
    at = {"key_id": ".."}
    owner.post(of("trusted_key_invalidate", dev, **at))
    assert "Not trusted" in text(owner.get(of("trusted_keys", dev)))
    said = text(owner.post(of("trusted_key_reactivate", dev, **at), {"valid_to": "2001-01-01"}))
    assert "must be in the future" in said
    owner.post(of("trusted_key_reactivate", dev, **at), {"valid_to": "2098-01-01"})
    assert TrustedKey.objects.get(pk="..").is_active
    owner.post(of("trusted_key_delete", dev, **at))
    assert [key.key_id for key in TrustedKey.objects.all()] == ["two"]


def test_what_the_installation_does_not_offer_is_said_to_be_so(
    owner: Browser, signing_key: KeyPair, dev: Environment
) -> None:
    Environment.objects.filter(pk=dev.pk).update(tenant_id="demo")
    with served(signing_key):
        assert "CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED" in text(owner.get(of("trusted_keys", dev)))
    with served(signing_key, CYODA_IAM_MODE="mock"):
        for page in ("providers", "trusted_keys"):
            assert "Not available" in text(owner.get(of(page, dev)))
