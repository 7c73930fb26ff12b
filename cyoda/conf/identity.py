"""Who may call, and with what tokens (contract: identity 2 and 18)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cyoda.conf import variables as kind
from cyoda.conf.variables import optional, setting

_ROLES = ("ROLE_ADMIN", "ROLE_M2M")


@dataclass(frozen=True, slots=True, kw_only=True)
class Iam:
    """Who may call."""

    mode: Literal["mock", "jwt"] = setting(
        "CYODA_IAM_MODE",
        kind.choice("mock", "jwt"),
        "mock",
        "`mock` lets everyone in as one principal; `jwt` validates bearer tokens.",
    )
    require_jwt: bool = setting("CYODA_REQUIRE_JWT", kind.boolean, False, "Refuse to start in mock mode.")
    mock_roles: tuple[str, ...] = setting("CYODA_IAM_MOCK_ROLES", kind.listed(), _ROLES, "Roles of the mock principal.")
    mock_kind: Literal["user", "service", "system"] = setting(
        "CYODA_IAM_MOCK_KIND", kind.choice("user", "service", "system"), "user", "Kind of the mock principal."
    )
    keypair_default_validity_days: int = setting(
        "CYODA_IAM_KEYPAIR_DEFAULT_VALIDITY_DAYS", kind.integer(1, 36500), 365, "Validity of issued and bootstrap keys."
    )
    trusted_key_registration_enabled: bool = setting(
        "CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED", kind.boolean, False, "Tenants may register trusted keys."
    )
    trusted_key_max_per_tenant: int = setting(
        "CYODA_IAM_TRUSTED_KEY_MAX_PER_TENANT", kind.integer(0), 10, "Trusted keys a tenant may hold; 0 is unbounded."
    )
    trusted_key_max_validity_days: int = setting(
        "CYODA_IAM_TRUSTED_KEY_MAX_VALIDITY_DAYS", kind.integer(1, 36500), 365, "Default validity of trusted keys."
    )
    trusted_key_max_jwk_properties: int = setting(
        "CYODA_IAM_TRUSTED_KEY_MAX_JWK_PROPERTIES", kind.integer(1), 20, "Properties that a registered JWK may have."
    )
    m2m_admin_role_enabled: bool = setting(
        "CYODA_IAM_M2M_ADMIN_ROLE_ENABLED", kind.boolean, False, "Technical users may be given the admin role."
    )
    platform_tenant: str | None = setting(
        "CYODA_IAM_PLATFORM_TENANT",
        optional(kind.text),
        None,
        "If set, only admins of this tenant manage signing keys, log level and trace sampler; unset: admins of any.",
    )
    encryption_keys: tuple[str, ...] = setting(
        "CYODA_ENCRYPTION_KEY",
        kind.listed(),
        (),
        "Passphrases of the secrets in the database, the current one first; the signing key stands in for none.",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Jwt:
    """First-party tokens."""

    signing_key: str | None = setting(
        "CYODA_JWT_SIGNING_KEY",
        optional(kind.text),
        None,
        "RSA private key: PEM (PKCS#8 or PKCS#1) or base64 of it; required in jwt mode.",
        secret=True,
    )
    issuer: str = setting(
        "CYODA_JWT_ISSUER", kind.text, "cyoda", "`iss` of minted tokens, and required of first-party tokens."
    )
    audience: str | None = setting(
        "CYODA_JWT_AUDIENCE",
        optional(kind.text),
        None,
        "If set, first-party tokens must carry it in `aud`; of minted ones only those of command lines do.",
    )
    expiry_seconds: int = setting(
        "CYODA_JWT_EXPIRY_SECONDS", kind.integer(1, 31_536_000), 3600, "Lifetime of minted tokens."
    )
    bootstrap_audience: Literal["client", "human"] = setting(
        "CYODA_JWT_BOOTSTRAP_AUDIENCE", kind.choice("client", "human"), "client", "Audience label of the bootstrap key."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """The client that exists from the start, in jwt mode."""

    client_id: str | None = setting(
        "CYODA_BOOTSTRAP_CLIENT_ID", optional(kind.text), None, "Id of the bootstrap client; needs the secret too."
    )
    client_secret: str | None = setting(
        "CYODA_BOOTSTRAP_CLIENT_SECRET", optional(kind.text), None, "Secret of the bootstrap client.", secret=True
    )
    tenant_id: str = setting("CYODA_BOOTSTRAP_TENANT_ID", kind.text, "default-tenant", "Its tenant.")
    user_id: str = setting("CYODA_BOOTSTRAP_USER_ID", kind.text, "admin", "`caas_user_id` of its tokens.")
    roles: tuple[str, ...] = setting("CYODA_BOOTSTRAP_ROLES", kind.listed(), _ROLES, "Its roles.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Oidc:
    """Tokens of other identity providers."""

    require_https: bool = setting("CYODA_OIDC_REQUIRE_HTTPS", kind.boolean, True, "Providers must be reached by https.")
    allow_private_networks: bool = setting(
        "CYODA_OIDC_ALLOW_PRIVATE_NETWORKS", kind.boolean, False, "Switch the block list of private addresses off."
    )
    roles_claim: str = setting(
        "CYODA_OIDC_ROLES_CLAIM", kind.text, "roles", "Claim that carries the roles, unless the provider names one."
    )
    max_providers: int = setting(
        "CYODA_OIDC_PROVIDER_MAX_PER_TENANT",
        kind.integer(0),
        50,
        "Providers a tenant may register, invalidated ones too; 0 is unbounded.",
    )
    connect_timeout_ms: int = setting(
        "CYODA_OIDC_CONNECT_TIMEOUT_MS", kind.integer(1), 5000, "First part of the time that a fetch may take."
    )
    socket_timeout_ms: int = setting("CYODA_OIDC_SOCKET_TIMEOUT_MS", kind.integer(1), 5000, "Second part.")
    connection_request_timeout_ms: int = setting(
        "CYODA_OIDC_CONNECTION_REQUEST_TIMEOUT_MS", kind.integer(1), 5000, "Third part."
    )
