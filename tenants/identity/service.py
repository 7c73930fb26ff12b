"""The identity service of one node, assembled from its settings (contract: identity 1, 2, 18)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import timedelta

from cyoda.clock import Clock
from cyoda.conf import Bootstrap, Conf, ConfError
from cyoda.http.authentication import Authenticator, FixedAuthenticator
from cyoda.http.router import Route
from cyoda.principal import Principal
from tenants.identity.clients import BootstrapClients, Client
from tenants.identity.issue import TokenIssuer
from tenants.identity.keys import InvalidKey, KeyPair, KeyRing, load_key_pair
from tenants.identity.secrets import hash_secret
from tenants.identity.token_endpoint import TokenEndpoint
from tenants.identity.tokens import jwt_routes, mock_routes
from tenants.identity.trusted import NoTrustedKeys
from tenants.identity.verify import BearerAuthenticator, TokenVerifier

MOCK_TENANT = "mock-tenant"
MOCK_USER = "mock-user-001"


async def nothing_to_refresh() -> None:
    """All is in the settings."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the edges need: who calls, and the routes that hand out tokens and keys.

    `issuer` signs tokens of people; there is none in mock mode. `background` is entered while the node runs: it keeps
    keys and providers as the rows have them; `refresh` has it look at them now (it raises StorageUnavailable).
    """

    authenticator: Authenticator
    routes: Sequence[Route]
    background: AbstractAsyncContextManager[object] = field(default_factory=nullcontext)
    issuer: TokenIssuer | None = None
    refresh: Callable[[], Awaitable[None]] = nothing_to_refresh


def identity_service(conf: Conf, clock: Clock) -> Identity:
    """The service that knows what the settings say and no more; it has no memory and manages nothing.

    Raises ConfError when the signing key is not an RSA private key.
    """
    if conf.iam.mode == "mock":
        return Identity(mock_authenticator(conf), mock_routes())
    ring = KeyRing([bootstrap_key_pair(conf, clock)])
    clients = BootstrapClients(bootstrap_client(conf.bootstrap))
    issuer = token_issuer(conf, ring, clock)
    endpoint = TokenEndpoint(clients, issuer, NoTrustedKeys(), clock)
    routes = jwt_routes(endpoint, ring, clock)
    return Identity(BearerAuthenticator(token_verifier(conf, ring, clock)), routes, issuer=issuer)


def token_issuer(conf: Conf, ring: KeyRing, clock: Clock) -> TokenIssuer:
    return TokenIssuer(ring, issuer=conf.jwt.issuer, expiry_seconds=conf.jwt.expiry_seconds, clock=clock)


def token_verifier(conf: Conf, ring: KeyRing, clock: Clock) -> TokenVerifier:
    return TokenVerifier(ring, issuer=conf.jwt.issuer, audience=conf.jwt.audience, clock=clock)


def mock_authenticator(conf: Conf) -> Authenticator:
    return FixedAuthenticator(mock_principal(conf))


def mock_principal(conf: Conf) -> Principal:
    """Everyone, in mock mode."""
    return Principal(tenant=MOCK_TENANT, user_id=MOCK_USER, kind=conf.iam.mock_kind, roles=conf.iam.mock_roles)


def bootstrap_key_pair(conf: Conf, clock: Clock) -> KeyPair:
    """Raises ConfError."""
    now = clock()
    try:
        return load_key_pair(
            conf.jwt.signing_key or "",
            audience=conf.jwt.bootstrap_audience,
            valid_from=now,
            valid_to=now + timedelta(days=conf.iam.keypair_default_validity_days),
        )
    except InvalidKey as fault:
        raise ConfError(f"CYODA_JWT_SIGNING_KEY {fault}.") from None


def bootstrap_client(bootstrap: Bootstrap) -> Client | None:
    """The client of the configuration; None when none is configured."""
    if bootstrap.client_id is None or bootstrap.client_secret is None:
        return None
    return Client(
        id=bootstrap.client_id,
        secret_hashes=(hash_secret(bootstrap.client_secret),),
        tenant=bootstrap.tenant_id,
        user_id=bootstrap.user_id,
        roles=bootstrap.roles,
    )
