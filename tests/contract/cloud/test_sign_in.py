"""Signing in from the command line, call by call (contract: control plane 4.7, 4.8)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

import jwt
import pytest
from django.core.cache import cache
from django.test import Client as Browser
from django.utils import timezone
from oauth2_provider.models import AccessToken, DeviceGrant, Grant

from tenants.identity.keys import KeyPair
from tenants.models import AuditEvent, Consent, Environment, Membership, Organisation, Role, Tier
from tenants.models import RefreshToken as DashboardToken
from tenants.oauth.clients import ensure_client
from tenants.services import consents, people
from tenants.services.audit import PLATFORM
from tenants.services.standing import Standing, standing_of
from tenants.services.tiers import assign_tier, ensure_tiers
from tests.contract.cloud.conftest import slug
from tests.contract.tenants.people.conftest import (
    PASSWORD,
    SEVERAL_TRANSACTIONS,
    Make,
    at_once,
    browser,
    database,
    sign_in,
    somebody,
)
from tests.contract.tenants.people.test_second_factor import CHALLENGE, code_of, keyed, secret

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


# --- finding the way --------------------------------------------------------------------------------------------


def test_the_command_line_finds_everything_it_needs(cli: Cli) -> None:
    assert cli.found == {
        "api_url": "http://127.0.0.1:8080",
        "auth0_domain": "127.0.0.1:8080",
        "auth0_client_id": "cyoda-cloud-cli",
        "auth0_audience": "http://127.0.0.1:8080",
    }


def test_openid_configuration_names_the_paths_and_the_keys(cli: Cli, cloud_key: KeyPair) -> None:
    found = cli.http.get("/.well-known/openid-configuration").json()
    base = found["issuer"].rstrip("/")
    assert found["authorization_endpoint"] == f"{base}/authorize"
    assert found["device_authorization_endpoint"] == f"{base}/oauth/device/code"
    assert found["token_endpoint"] == f"{base}/oauth/token"
    assert found["revocation_endpoint"] == f"{base}/oauth/revoke"
    keys = cli.http.get(urlsplit(found["jwks_uri"]).path).json()["keys"]
    assert [key["kid"] for key in keys] == [cloud_key.kid]


# --- a device ---------------------------------------------------------------------------------------------------


def test_login_by_device(cli: Cli, ann: Any, browser: Browser, acme: Organisation) -> None:
    answer = cli.device()
    assert answer.status_code == 200
    begun = answer.json()
    assert begun["verification_uri"] == "http://127.0.0.1:8080/activate"
    assert begun["verification_uri_complete"].endswith(f"/activate?user_code={begun['user_code']}")
    assert (begun["expires_in"], begun["interval"]) == (900, 5)
    assert error(cli.poll(begun["device_code"])) == "authorization_pending"

    assert allowed(browser, answer)["Location"] == "/activate/allowed"
    assert b"It is signed in" in browser.get("/activate/allowed").content
    tokens = cli.poll(begun["device_code"]).json()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 3600
    assert tokens["scope"] == SCOPE

    me = cli.get("/v2/me", tokens["access_token"]).json()
    assert me["user_id"] == str(ann.person.id)
    assert me["org_id"] == str(acme.pk)
    assert me["roles"] == ["ROLE_OWNER"]
    assert me["tier"] == "pro"
    assert me["scopes"] == ["cancel:env", "delete:env", "deploy:env", "read:builds"]
    assert me["is_cyoda_employee"] is False
    assert events() == ["sign-in allowed", "signed in"]


def test_the_page_says_what_is_granted_and_to_whom(cli: Cli, ann: Any, browser: Browser) -> None:
    code = cli.device().json()["user_code"]
    page = browser.get(f"/activate?user_code={code}").content.decode()
    for text in (
        code,
        "Cyoda Cloud CLI",
        "ann@example.org",
        "Delete environments, with all their data",
        "Acme",
        "Owner",
    ):
        assert text in page
    assert "Run the platform" not in page


def test_the_code_may_be_typed_in_any_way(cli: Cli, ann: Any, browser: Browser) -> None:
    code = cli.device().json()["user_code"]
    assert browser.get("/activate").status_code == 200
    for typed in (code.lower(), code.replace("-", ""), f" {code.replace('-', ' ')} "):
        assert browser.get("/activate", {"user_code": typed}).status_code == 200


def test_the_approval_page_wants_a_person(cli: Cli) -> None:
    code = cli.device().json()["user_code"]
    answer = Browser().get(f"/activate?user_code={code}")
    assert answer["Location"] == f"/login?next=/activate%3Fuser_code%3D{code}"


def test_the_approval_page_wants_the_second_factor(cli: Cli, secret: str, acme: Organisation) -> None:
    answer, browser = cli.device(), Browser()
    path = f"/activate?user_code={answer.json()['user_code']}"
    assert sign_in(browser, "ann@example.org")["Location"] == CHALLENGE
    assert browser.get(path)["Location"].startswith("/login?")
    browser.post(CHALLENGE, {"code": code_of(secret)})
    assert browser.get(path).status_code == 403  # she is in no organisation
    assert cli.poll(answer.json()["device_code"]).json()["error"] == "authorization_pending"


def test_the_approval_form_is_protected(cli: Cli, ann: Any) -> None:
    strict = Browser(enforce_csrf_checks=True)
    strict.force_login(ann)
    path = f"/activate?user_code={cli.device().json()['user_code']}"
    assert strict.get(path).status_code == 200
    assert strict.post(path, {"decision": "allow"}).status_code == 403


def test_a_refused_device_gets_nothing(cli: Cli, ann: Any, browser: Browser) -> None:
    begun = cli.device().json()
    path = f"/activate?user_code={begun['user_code']}"
    assert browser.post(path, {"decision": "deny"})["Location"] == "/activate/refused"
    assert error(cli.poll(begun["device_code"])) == "access_denied"
    assert browser.get(path).status_code == 404
    assert AuditEvent.objects.filter(action="sign-in refused").exists()


def test_whoever_polls_too_often_has_to_slow_down(cli: Cli, ann: Any, browser: Browser) -> None:
    answer = cli.device()
    code = answer.json()["device_code"]
    assert error(cli.poll(code)) == "authorization_pending"
    assert error(cli.poll(code)) == "slow_down"
    DeviceGrant.objects.update(last_checked=timezone.now() - timedelta(seconds=6))
    assert error(cli.poll(code)) == "slow_down"  # ten seconds by now
    DeviceGrant.objects.update(last_checked=timezone.now() - timedelta(seconds=20))
    assert error(cli.poll(code)) == "authorization_pending"
    allowed(browser, answer)
    assert cli.poll(code).status_code == 200


def test_a_code_runs_out(cli: Cli, ann: Any, browser: Browser) -> None:
    begun = cli.device().json()
    DeviceGrant.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert browser.get(f"/activate?user_code={begun['user_code']}").status_code == 404
    assert error(cli.poll(begun["device_code"])) == "expired_token"


def test_a_device_code_used_twice_ends_what_it_gave(cli: Cli, ann: Any, browser: Browser) -> None:
    answer = cli.device()
    allowed(browser, answer)
    tokens = cli.poll(answer.json()["device_code"]).json()
    assert error(cli.poll(answer.json()["device_code"])) == "invalid_grant"
    assert error(cli.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert events()[-1] == "sign-in ended: code used twice"


def test_codes_cannot_be_guessed(cli: Cli, ann: Any, browser: Browser) -> None:
    code = cli.device().json()["user_code"]
    answers = [browser.get("/activate?user_code=BBBB-BBBB").status_code for _ in range(12)]
    assert answers == [404] * 10 + [429] * 2
    assert browser.get(f"/activate?user_code={code}").status_code == 429
    assert browser.post(f"/activate?user_code={code}", {"decision": "allow"}).status_code == 429


def test_an_address_cannot_start_sign_ins_without_end(cli: Cli) -> None:
    answers = [cli.device().status_code for _ in range(31)]
    assert answers == [200] * 30 + [429]


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"client_id": "somebody"}, "invalid_request"),
        ({"client_id": ""}, "invalid_request"),
        ({"client_id": "\0"}, "invalid_request"),
        ({"scope": "s" * 1001}, "invalid_request"),
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
    ],
)
def test_devices_of_others_are_refused(cli: Cli, values: dict[str, str], refusal: str) -> None:
    assert error(cli.device(**values)) == refusal


def test_no_code_of_a_device_is_kept_as_it_is(cli: Cli) -> None:
    begun = cli.device().json()
    assert not DeviceGrant.objects.filter(device_code=begun["device_code"]).exists()
    assert DeviceGrant.objects.count() == 1


def test_an_unknown_device_code_is_refused(cli: Cli) -> None:
    assert error(cli.poll("x" * 30)) == "invalid_grant"
    assert error(cli.token(grant_type=DEVICE_GRANT)) == "invalid_request"


# --- a browser on the same machine ------------------------------------------------------------------------------


def test_login_by_code_with_pkce(cli: Cli, ann: Any, browser: Browser) -> None:
    back = code_from(browser, cli.address(nonce="n-1"))
    assert back["state"] == "s-1"
    assert back["iss"] == "http://127.0.0.1:8080/"
    tokens = cli.exchange(back["code"]).json()
    assert tokens["scope"] == SCOPE
    assert cli.get("/v2/me", tokens["access_token"]).status_code == 200
    found = claims(tokens["access_token"])
    assert found["aud"] == cli.found["auth0_audience"]
    assert found["scope"] == SCOPE
    assert (found["caas_tier"], found["caas_cyoda_employee"]) == ("pro", False)
    identity = claims(tokens["id_token"])
    assert identity["nonce"] == "n-1"
    assert identity["aud"] == cli.client
    assert identity["sub"] == str(ann.person.id)
    assert identity["email"] == "ann@example.org"


def test_an_id_token_opens_nothing(cli: Cli, ann: Any, browser: Browser) -> None:
    token = device_tokens(cli, browser)["id_token"]
    assert cli.get("/v2/me", token).status_code == 401


def test_any_port_of_the_loopback_address_does(cli: Cli, ann: Any, browser: Browser) -> None:
    other = "http://127.0.0.1:50123/callback"
    code = code_from(browser, cli.address(redirect_uri=other))["code"]
    assert error(cli.exchange(code)) == "invalid_request"  # another one than the browser was led to
    code = code_from(browser, cli.address(redirect_uri=other))["code"]
    assert cli.exchange(code, redirect_uri=other).status_code == 200


@pytest.mark.parametrize(
    "values",
    [
        {"redirect_uri": "http://127.0.0.1:42777/elsewhere"},
        {"redirect_uri": "http://localhost:42777/callback"},
        {"redirect_uri": "https://127.0.0.1:42777/callback"},
        {"redirect_uri": "http://evil.example/callback"},
        {"redirect_uri": "http://evil@127.0.0.1:42777/callback"},
        {"redirect_uri": "http://127.0.0.1:42777/callback?next=x"},
        {"client_id": "somebody"},
        {"client_id": None},
        {"client_id": "\0"},
        {"nonce": "\0"},
        {"scope": "s" * 1001},
    ],
)
def test_nobody_is_led_to_a_place_that_is_not_the_clients(
    cli: Cli, ann: Any, browser: Browser, values: dict[str, str | None]
) -> None:
    answer = browser.get(cli.address(**values))
    assert answer.status_code == 400
    assert not answer.has_header("Location")
    assert browser.post(cli.address(**values), {"decision": "allow"}).status_code == 400


@pytest.mark.parametrize(
    ("values", "refusal"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "c" * 44}, "invalid_request"),
        ({"code_challenge": "c" * 200}, "invalid_request"),
        ({"nonce": "n" * 256}, "invalid_request"),
        ({"response_type": "token"}, "unauthorized_client"),
        ({"response_type": "id_token"}, "unsupported_response_type"),
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
    ],
)
def test_a_request_that_is_not_safe_goes_back_with_its_error(
    cli: Cli, ann: Any, browser: Browser, values: dict[str, str | None], refusal: str
) -> None:
    for answer in (browser.get(cli.address(**values)), browser.post(cli.address(**values), {"decision": "allow"})):
        back = brought(answer)
        assert (back["error"], back.get("state")) == (refusal, "s-1")
        assert "code" not in back


@pytest.mark.parametrize("query", ["%zz", "a", "client_id=%zz", "client_id=cyoda-cloud-cli&client_id=x", "é=%ff", ""])
def test_an_address_that_cannot_be_read_is_said_to(cli: Cli, ann: Any, browser: Browser, query: str) -> None:
    for answer in (browser.get(f"/authorize?{query}"), browser.post(f"/authorize?{query}", {"decision": "allow"})):
        assert answer.status_code == 400
        assert not answer.has_header("Location")


@pytest.mark.parametrize("path", ["/oauth/token", "/oauth/revoke", "/oauth/device/code"])
def test_endpoints_answer_nonsense_with_a_refusal(cli: Cli, path: str) -> None:
    for answer in (
        cli.http.post(f"{path}?%zz", {"client_id": cli.client}),
        cli.http.post(f"{path}?client_id={cli.client}"),
        cli.http.post(path, {"client_id": cli.client, "token": "\0", "grant_type": "refresh_token"}),
        cli.http.post(path, b"{}", content_type="application/json"),
        cli.http.post(path, b"%zz=%zz", content_type="application/x-www-form-urlencoded"),
        cli.http.post(path),
    ):
        assert answer.status_code in (400, 401)
        assert answer.json()["error"]
    assert cli.http.get(path).status_code == 405


def test_a_person_who_does_not_allow_it_is_led_back(cli: Cli, ann: Any, browser: Browser) -> None:
    back = brought(browser.post(cli.address(), {"decision": "deny"}))
    assert (back["error"], back["state"]) == ("access_denied", "s-1")
    assert not Consent.objects.exists()
    assert not Grant.objects.exists()
    assert AuditEvent.objects.filter(action="sign-in refused").exists()


def test_the_page_lets_its_form_lead_to_the_loopback_address_only(cli: Cli, ann: Any, browser: Browser) -> None:
    policy = browser.get(cli.address())["Content-Security-Policy"]
    assert "form-action 'self' http://127.0.0.1:*;" in policy + ";"
    assert "127.0.0.1" not in browser.get("/me")["Content-Security-Policy"]


def test_who_is_not_signed_in_does_that_first(cli: Cli, ann: Any) -> None:
    stranger = Browser()
    assert stranger.get(cli.address())["Location"].startswith("/login?next=/authorize%3F")
    assert stranger.post(cli.address(), {"decision": "allow"})["Location"].startswith("/login?")
    answer = stranger.get(cli.address(screen_hint="signup"))
    assert answer["Location"].startswith("/sign-up?next=/authorize%3F")
    assert stranger.get(answer["Location"]).status_code == 200
    landed = stranger.post("/login", {"login": "ann@example.org", "password": PASSWORD, "next": cli.address()})
    assert landed["Location"] == cli.address()


def test_a_code_is_used_once(cli: Cli, ann: Any, browser: Browser) -> None:
    code = code_from(browser, cli.address())["code"]
    tokens = cli.exchange(code).json()
    assert error(cli.exchange(code)) == "invalid_grant"
    assert error(cli.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert events()[-1] == "sign-in ended: code used twice"


@pytest.mark.parametrize("values", [{"code_verifier": "w" * 64}, {"code": "x" * 30}, {"redirect_uri": "http://a.b/c"}])
def test_a_stolen_code_is_worth_nothing(cli: Cli, ann: Any, browser: Browser, values: dict[str, str]) -> None:
    code = code_from(browser, cli.address())["code"]
    assert error(cli.exchange(**{"code": code, **values})) in ("invalid_grant", "invalid_request")
    assert cli.exchange(code).status_code == 200


def test_a_code_without_its_verifier_is_refused(cli: Cli, ann: Any, browser: Browser) -> None:
    code = code_from(browser, cli.address())["code"]
    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    assert error(cli.token(**asked)) == "invalid_request"


def test_an_old_code_is_refused(cli: Cli, ann: Any, browser: Browser) -> None:
    code = code_from(browser, cli.address())["code"]
    Grant.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert error(cli.exchange(code)) == "invalid_grant"


@pytest.mark.parametrize("grant_type", ["password", "client_credentials", "implicit", ""])
def test_no_other_grant_is_given(cli: Cli, ann: Any, grant_type: str) -> None:
    for password in (PASSWORD, "wrong"):
        answer = cli.token(grant_type=grant_type, username="ann@example.org", password=password)
        assert error(answer) == "unsupported_grant_type"


# --- refreshing and signing out ---------------------------------------------------------------------------------


def test_a_refresh_gives_a_new_pair(cli: Cli, ann: Any, browser: Browser) -> None:
    first = device_tokens(cli, browser)
    second = cli.refresh(first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert second["scope"] == SCOPE
    assert cli.get("/v2/me", second["access_token"]).status_code == 200
    third = cli.refresh(second["refresh_token"], scope="read:builds").json()
    assert third["scope"] == "read:builds"
    assert cli.refresh(third["refresh_token"]).json()["scope"] == SCOPE


def test_a_refresh_token_used_twice_ends_the_sign_in(cli: Cli, ann: Any, browser: Browser) -> None:
    first = device_tokens(cli, browser)
    second = cli.refresh(first["refresh_token"]).json()
    other = device_tokens(cli, browser)
    assert error(cli.refresh(first["refresh_token"])) == "invalid_grant"
    assert error(cli.refresh(second["refresh_token"])) == "invalid_grant"
    assert events()[-1] == "sign-in ended: refresh token used twice"
    assert cli.refresh(other["refresh_token"]).status_code == 200  # another sign-in of hers


def test_without_offline_access_there_is_no_refresh_token(cli: Cli, ann: Any, browser: Browser) -> None:
    tokens = device_tokens(cli, browser, scope="read:builds")
    assert set(tokens) == {"access_token", "expires_in", "token_type", "scope"}
    assert tokens["scope"] == "read:builds"


def test_logout_ends_the_sign_in(cli: Cli, ann: Any, browser: Browser) -> None:
    tokens = device_tokens(cli, browser)
    assert cli.logout(tokens["refresh_token"]).status_code == 200
    assert error(cli.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert events()[-1] == "signed out"
    assert cli.logout(tokens["refresh_token"]).status_code == 200
    assert cli.logout("unknown").status_code == 200
    assert cli.http.post("/oauth/revoke", {"token": "x", "client_id": "somebody"}).status_code in (400, 401)


def test_a_refresh_token_is_no_bearer(cli: Cli, ann: Any, browser: Browser) -> None:
    assert slug(cli.get("/v2/me", device_tokens(cli, browser)["refresh_token"])) == (401, "unauthenticated")


def test_a_refresh_token_that_rests_too_long_is_over(cli: Cli, ann: Any, browser: Browser) -> None:
    token = device_tokens(cli, browser)["refresh_token"]
    AccessToken.objects.update(expires=timezone.now() - consents.IDLE - timedelta(seconds=1))
    assert error(cli.refresh(token)) == "invalid_grant"


def test_no_token_is_kept_as_it_is(cli: Cli, ann: Any, browser: Browser) -> None:
    device_tokens(cli, browser)
    assert not AccessToken.objects.exclude(token="").exists()
    assert not DashboardToken.objects.exists()


# --- what a token may do ----------------------------------------------------------------------------------------


def test_a_token_is_for_the_chosen_environment(cli: Cli, ann: Any, browser: Browser, acme: Organisation) -> None:
    ready(acme, "dev")
    staging = ready(acme, "staging")
    answer = cli.device()
    assert allowed(browser, answer, place=staging.tenant_id)["Location"] == "/activate/allowed"
    tokens = cli.poll(answer.json()["device_code"]).json()
    assert claims(tokens["access_token"])["caas_org_id"] == staging.tenant_id
    assert cli.get("/v2/me", tokens["access_token"]).json()["org_id"] == str(acme.pk)

    Environment.objects.filter(pk=staging.pk).update(state=Environment.State.DELETED)
    assert cli.get("/v2/envs", tokens["access_token"]).status_code == 200
    tokens = cli.refresh(tokens["refresh_token"]).json()
    assert claims(tokens["access_token"])["caas_org_id"] == str(acme.pk)


def test_an_organisation_without_environments_is_no_tenant(acme: Organisation) -> None:
    assert standing_of(str(acme.pk)) is Standing.GONE
    assert standing_of(str(uuid4())) is Standing.UNKNOWN


def test_a_tenant_of_another_organisation_cannot_be_chosen(cli: Cli, ann: Any, browser: Browser) -> None:
    foreign = ready(Organisation.objects.create(name="Other"))
    answer = cli.device()
    assert allowed(browser, answer, place=foreign.tenant_id).status_code == 200  # asked again
    assert error(cli.poll(answer.json()["device_code"])) == "authorization_pending"
    page = browser.post(cli.address(), {"decision": "allow", "place": foreign.tenant_id})
    assert page.status_code == 200
    assert not Consent.objects.exists()


def test_environments_of_others_are_not_found(cli: Cli, ann: Any, browser: Browser) -> None:
    ready(Organisation.objects.create(name="Other"), "theirs")
    token = device_tokens(cli, browser)["access_token"]
    assert slug(cli.get("/v2/envs/theirs", token)) == (404, "not-found")


def test_the_organisation_may_be_named_beforehand(cli: Cli, ann: Any, browser: Browser, acme: Organisation) -> None:
    second = Organisation.objects.create(name="Second")
    people.add_member(PLATFORM, second, ann, Role.VIEWER)
    form = browser.get(cli.address(organization=str(second.pk))).context["form"]
    assert [tenant for tenant, _ in form.fields["place"].choices] == [str(second.pk)]
    assert browser.get(cli.address(organization="nobody's")).status_code == 403


@pytest.mark.parametrize(
    ("role", "scope"),
    [
        (Role.OWNER, "openid read:builds deploy:env delete:env"),
        (Role.DEVELOPER, "openid read:builds"),
        (Role.VIEWER, "openid read:builds"),
    ],
)
def test_a_token_has_no_more_than_the_role_allows(cli: Cli, ann: Any, browser: Browser, role: Role, scope: str) -> None:
    Membership.objects.update(role=role)
    asked = "openid read:builds deploy:env delete:env admin:all unheard:of"
    tokens = device_tokens(cli, browser, scope=asked)
    assert tokens["scope"] == claims(tokens["access_token"])["scope"] == scope


def test_a_refresh_takes_the_role_over_that_the_person_has_now(cli: Cli, ann: Any, browser: Browser) -> None:
    first = device_tokens(cli, browser)
    Membership.objects.update(role=Role.VIEWER)
    second = cli.refresh(first["refresh_token"]).json()
    assert "deploy:env" not in second["scope"]
    assert "offline_access" in second["scope"]
    assert claims(second["access_token"])["user_roles"] == ["ROLE_VIEWER"]
    Membership.objects.update(role=Role.OWNER)
    assert "deploy:env" in cli.refresh(second["refresh_token"]).json()["scope"]


def leave(user: Any, acme: Organisation) -> None:
    Membership.objects.filter(user=user).delete()


def deactivate(user: Any, acme: Organisation) -> None:
    people.deactivate_person(PLATFORM, user)


def change_password(user: Any, acme: Organisation) -> None:
    people.end_tokens(user)


def suspend(user: Any, acme: Organisation) -> None:
    acme.state = Organisation.State.SUSPENDED
    acme.save()


@pytest.mark.parametrize("happen", [leave, deactivate, change_password, suspend])
def test_a_sign_in_ends_with_what_it_rests_on(
    cli: Cli, ann: Any, browser: Browser, acme: Organisation, happen: Any
) -> None:
    tokens, answer = device_tokens(cli, browser), cli.device()
    allowed(browser, answer)
    happen(ann, acme)
    assert error(cli.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert error(cli.poll(answer.json()["device_code"])) == "access_denied"


def test_operators_are_known_as_such(cli: Cli, ann: Any, browser: Browser) -> None:
    ann.is_staff = True
    ann.save()
    assert claims(device_tokens(cli, browser)["access_token"])["caas_cyoda_employee"] is True


def test_userinfo_tells_what_the_scopes_allow(cli: Cli, ann: Any, browser: Browser) -> None:
    full = cli.get("/userinfo", device_tokens(cli, browser)["access_token"]).json()
    assert full == {
        "sub": str(ann.person.id),
        "name": "ann@example.org",
        "preferred_username": "ann@example.org",
        "email": "ann@example.org",
        "email_verified": True,
    }
    bare = cli.get("/userinfo", device_tokens(cli, browser, scope="openid")["access_token"]).json()
    assert bare == {"sub": str(ann.person.id)}
    none = cli.get("/userinfo", device_tokens(cli, browser, scope="read:builds")["access_token"])
    assert none.status_code == 403
    assert cli.get("/userinfo", "no token").status_code == 401


def test_what_is_over_is_forgotten(cli: Cli, ann: Any, browser: Browser) -> None:
    device_tokens(cli, browser)
    kept = device_tokens(cli, browser)
    oldest = Consent.objects.earliest("created_at")
    Consent.objects.filter(pk=oldest.pk).update(used_at=timezone.now() - 3 * consents.IDLE)
    cli.device()
    DeviceGrant.objects.update(expires=timezone.now() - timedelta(days=1))
    consents.forget_old()
    assert Consent.objects.count() == 1
    assert not DeviceGrant.objects.exists()
    assert cli.refresh(kept["refresh_token"]).status_code == 200


# --- at once ----------------------------------------------------------------------------------------------------


@SEVERAL_TRANSACTIONS
def test_of_two_refreshes_at_once_one_is_given_and_the_sign_in_ends(cli: Cli, ann: Any, browser: Browser) -> None:
    token = device_tokens(cli, browser)["refresh_token"]
    answers = at_once(lambda _: str(cli.refresh(token).status_code), 1, 2)
    assert answers == ["200", "400"]
    assert events()[-1] == "sign-in ended: refresh token used twice"


@SEVERAL_TRANSACTIONS
def test_of_two_exchanges_at_once_one_is_given(cli: Cli, ann: Any, browser: Browser) -> None:
    code = code_from(browser, cli.address())["code"]
    assert at_once(lambda _: str(cli.exchange(code).status_code), 1, 2) == ["200", "400"]
    answer = cli.device()
    allowed(browser, answer)
    device_code = answer.json()["device_code"]
    assert at_once(lambda _: str(cli.poll(device_code).status_code), 1, 2) == ["200", "400"]


@SEVERAL_TRANSACTIONS
def test_a_device_is_answered_once(cli: Cli, ann: Any, browser: Browser) -> None:
    path = urlsplit(cli.device().json()["verification_uri_complete"])
    page = f"{path.path}?{path.query}"
    place = browser.get(page).context["form"].fields["place"].choices[0][0]

    def answer(decision: str) -> str:
        own = Browser()
        own.force_login(ann)
        return str(own.post(page, {"decision": decision, "place": place}).status_code)

    first, second = at_once(answer, "allow", "deny")
    assert first == "302"
    assert second in ("404", "409")
    assert DeviceGrant.objects.get().status != DeviceGrant.AUTHORIZATION_PENDING
