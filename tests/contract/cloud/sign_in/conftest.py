"""A command line that signs in, and the person who allows it (contract: control plane 4.7, 4.8)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
from django.core.cache import cache
from django.test import Client as Browser

from tenants.models import AuditEvent, Environment, Organisation, Role, Tier
from tenants.oauth.clients import ensure_client
from tenants.services.audit import PLATFORM
from tenants.services.tiers import assign_tier, ensure_tiers
from tests.contract.tenants.people.conftest import (
    Make,
    browser,
    database,
    sign_in,
    somebody,
)
from tests.contract.tenants.people.test_second_factor import keyed, secret

__all__ = ["browser", "database", "keyed", "secret", "somebody"]

DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
SCOPE = "openid profile email offline_access read:builds deploy:env cancel:env delete:env"
CALLBACK = "http://127.0.0.1:42777/callback"
VERIFIER = "v" * 64
CHALLENGE_OF_IT = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Cli:
    """The command line's side: what it finds, asks and keeps."""

    found: dict[str, str] = field(default_factory=dict)
    http: Browser = field(default_factory=lambda: Browser(enforce_csrf_checks=True))

    @property
    def client(self) -> str:
        return self.found["auth0_client_id"]

    def device(self, **values: str) -> Any:
        asked = {"client_id": self.client, "scope": SCOPE, "audience": self.found["auth0_audience"], **values}
        return self._post("/oauth/device/code", asked)

    def poll(self, device_code: str) -> Any:
        return self.token(grant_type=DEVICE_GRANT, device_code=device_code)

    def token(self, **values: str) -> Any:
        return self._post("/oauth/token", {"client_id": self.client, **values})

    def exchange(self, code: str, **values: str) -> Any:
        asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, "code_verifier": VERIFIER}
        return self.token(**{**asked, **values})

    def refresh(self, token: str, **values: str) -> Any:
        return self.token(grant_type="refresh_token", refresh_token=token, **values)

    def logout(self, token: str) -> Any:
        return self._post("/oauth/revoke", {"client_id": self.client, "token": token})

    def get(self, path: str, token: str) -> Any:
        return self.http.get(path, headers={"Authorization": f"Bearer {token}"})

    def address(self, **values: str | None) -> str:
        """Which it opens in the browser."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client,
            "redirect_uri": CALLBACK,
            "scope": SCOPE,
            "audience": self.found["auth0_audience"],
            "state": "s-1",
            "code_challenge": CHALLENGE_OF_IT,
            "code_challenge_method": "S256",
            **values,
        }
        return f"/authorize?{urlencode({name: value for name, value in asked.items() if value is not None})}"

    def _post(self, path: str, values: dict[str, str]) -> Any:
        return self.http.post(path, urlencode(values), content_type="application/x-www-form-urlencoded")


@pytest.fixture
def acme(database: None) -> Organisation:
    ensure_tiers()
    ensure_client()
    organisation = Organisation.objects.create(name="Acme")
    assign_tier(PLATFORM, organisation, Tier.objects.get(pk="pro"))
    return organisation


@pytest.fixture
def ann(somebody: Make, acme: Organisation, browser: Browser) -> Any:
    """An owner, signed in in her browser."""
    user = somebody("ann@example.org", acme, Role.OWNER)
    sign_in(browser, "ann@example.org")
    return user


@pytest.fixture
def cli(acme: Organisation) -> Cli:
    cli = Cli()
    cli.found = cli.http.get("/.well-known/cyoda-cloud-cli.json").json()
    return cli


@pytest.fixture(autouse=True)
def _no_counts_left(database: None) -> Iterator[None]:
    yield
    cache.clear()


def ready(organisation: Organisation, name: str = "dev") -> Environment:
    environment = Environment.of_tenant(
        f"t-{organisation.name}-{name}", organisation=organisation, name=name, state=Environment.State.READY
    )
    environment.save()
    return environment


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def allowed(browser: Browser, answer: Any, **values: str) -> Any:
    """The person allows what a device asks for; the answer to that."""
    path = urlsplit(answer.json()["verification_uri_complete"])
    page = browser.get(f"{path.path}?{path.query}")
    assert page.status_code == 200, page.content
    form = page.context["form"]
    place = {"place": form.fields["place"].choices[0][0], **values}
    return browser.post(f"{path.path}?{path.query}", {"decision": "allow", **place})


def device_tokens(cli: Cli, browser: Browser, **values: str) -> dict[str, Any]:
    answer = cli.device(**values)
    allowed(browser, answer)
    tokens = cli.poll(answer.json()["device_code"])
    assert tokens.status_code == 200, tokens.content
    return tokens.json()


def code_from(browser: Browser, address: str, **values: str) -> dict[str, str]:
    """What the browser brings to the loopback address after the person has allowed it."""
    page = browser.get(address)
    assert page.status_code == 200, page.content
    place = page.context["form"].fields["place"].choices[0][0]
    answer = browser.post(address, {"decision": "allow", "place": place, **values})
    return brought(answer)


def brought(answer: Any) -> dict[str, str]:
    assert answer.status_code == 302, answer.content
    url = urlsplit(answer["Location"])
    assert f"{url.scheme}://{url.hostname}{url.path}" == "http://127.0.0.1/callback"
    return {name: values[0] for name, values in parse_qs(url.query).items()}


def error(answer: Any) -> str:
    assert answer.status_code == 400, answer.content
    return answer.json()["error"]


def events() -> list[str]:
    return list(AuditEvent.objects.filter(target_type="consent").order_by("at", "pk").values_list("action", flat=True))
