"""Refreshing tokens and signing out (contract: control plane 4.7)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.test import Client as Browser
from django.utils import timezone
from oauth2_provider.models import AccessToken

from tenants.models import RefreshToken as DashboardToken
from tenants.services import consents
from tests.contract.cloud.conftest import slug
from tests.contract.cloud.sign_in.conftest import (
    SCOPE,
    Cli,
    device_tokens,
    error,
    events,
)


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
    assert slug(cli.get("/v2/envs", second["access_token"])) == (401, "revoked")
    assert cli.get("/v2/envs", other["access_token"]).status_code == 200
    assert cli.refresh(other["refresh_token"]).status_code == 200  # another sign-in of hers


def test_without_offline_access_there_is_no_refresh_token(cli: Cli, ann: Any, browser: Browser) -> None:
    tokens = device_tokens(cli, browser, scope="read:builds")
    assert set(tokens) == {"access_token", "expires_in", "token_type", "scope"}
    assert tokens["scope"] == "read:builds"


def test_logout_ends_the_sign_in(cli: Cli, ann: Any, browser: Browser) -> None:
    tokens = device_tokens(cli, browser)
    assert cli.get("/v2/me", tokens["access_token"]).status_code == 200
    assert cli.logout(tokens["refresh_token"]).status_code == 200
    assert slug(cli.get("/v2/me", tokens["access_token"])) == (401, "revoked")
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
