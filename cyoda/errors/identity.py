"""Refusals about keys, clients, providers and tiers (contract: identity 13; control plane 3)."""

from __future__ import annotations

from cyoda.errors.base import CyodaError


class KeypairNotFound(CyodaError):
    """There is no such signing key pair, or none that can sign for the audience now."""

    code, status = "KEYPAIR_NOT_FOUND", 404

    def __init__(self, message: str = "key pair not found") -> None:
        super().__init__(message)


class UnsupportedAlgorithm(CyodaError):
    """A signing key of another algorithm than RS256."""

    code, status = "UNSUPPORTED_ALGORITHM", 400

    def __init__(self) -> None:
        super().__init__("only RS256 supported in this version")


class UnsupportedKeyType(CyodaError):
    """A trusted key that is no RSA key."""

    code, status = "UNSUPPORTED_KEY_TYPE", 400

    def __init__(self, key_type: str) -> None:
        super().__init__(f"only RSA keys are supported, not {key_type[:100]}")


class TrustedKeyNotFound(CyodaError):
    """The tenant has no trusted key of this id."""

    code, status = "TRUSTED_KEY_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("trusted key not found")


class KeyOwnedByDifferentTenant(CyodaError):
    """The id of the trusted key is taken: choose another."""

    code, status = "KEY_OWNED_BY_DIFFERENT_TENANT", 409

    def __init__(self) -> None:
        super().__init__("key with this keyId belongs to a different tenant")


class TrustedKeyCapReached(CyodaError):
    """The tenant has as many active trusted keys as the installation allows: invalidate or delete one."""

    code, status = "TRUSTED_KEY_CAP_REACHED", 400

    def __init__(self) -> None:
        super().__init__("trusted-key cap reached for tenant")


class M2mClientNotFound(CyodaError):
    """The tenant has no technical client of this id."""

    code, status = "M2M_CLIENT_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("M2M client not found")


class OidcProviderNotFound(CyodaError):
    """The tenant has no OIDC provider of this id."""

    code, status = "OIDC_PROVIDER_NOT_FOUND", 404

    def __init__(self) -> None:
        super().__init__("OIDC provider not found")


class OidcProviderInactive(CyodaError):
    """The OIDC provider is invalidated: reactivate it before it is changed."""

    code, status = "OIDC_PROVIDER_INACTIVE", 409

    def __init__(self) -> None:
        super().__init__("OIDC provider is invalidated")


class OidcProviderDuplicate(CyodaError):
    """The tenant has registered this OIDC provider already; an invalidated one keeps its place until it is deleted."""

    code, status = "OIDC_PROVIDER_DUPLICATE", 409

    def __init__(self) -> None:
        super().__init__("provider with this wellKnownConfigUri already registered for this tenant")


class OidcSsrfBlocked(CyodaError):
    """The OIDC provider's host has an address that is private, local or otherwise not public."""

    code, status = "OIDC_SSRF_BLOCKED", 400

    def __init__(self) -> None:
        super().__init__("wellKnownConfigUri resolves to a blocked address range")


class OidcInvalidTenant(CyodaError):
    """Only tenants whose id is a UUID can register OIDC providers."""

    code, status = "OIDC_INVALID_TENANT", 400

    def __init__(self) -> None:
        super().__init__("the tenant id must be a UUID to register OIDC providers")
