"""Finding the way to the sign-in (contract: control plane 4.7)."""

from __future__ import annotations

from urllib.parse import urlsplit

from tenants.identity.keys import KeyPair
from tests.contract.cloud.sign_in.conftest import (
    Cli,
)


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
