"""The identity service of one node over the rows of the installation (contract: identity 1, 5, 7 to 9, 18)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from datetime import timedelta

from cyoda.clock import Clock
from cyoda.conf import Conf
from cyoda.http.router import Route
from tenants.api.account import AccountEndpoints, NodeAccounts
from tenants.api.administration import Administration
from tenants.api.callers import CallersEnvironments
from tenants.api.clients import ClientEndpoints, NodeClients
from tenants.api.keypairs import KeyPairEndpoints, NodeKeys
from tenants.api.providers import NodeProviders, ProviderEndpoints
from tenants.api.sign_in import NodeSignIn, SignInEndpoints
from tenants.api.trusted_keys import NodeTrustedKeys, TrustedKeyEndpoints, TrustedKeyRules
from tenants.identity.cipher import Cipher
from tenants.identity.keys import KeyRing
from tenants.identity.oidc.fetching import Fetcher
from tenants.identity.oidc.tokens import ProviderTokens
from tenants.identity.service import (
    Identity,
    bootstrap_key_pair,
    mock_authenticator,
    token_issuer,
    token_verifier,
)
from tenants.identity.token_endpoint import TokenEndpoint
from tenants.identity.tokens import jwt_routes, mock_routes
from tenants.identity.verify import BearerAuthenticator
from tenants.models import Epoch
from tenants.services.account import Names
from tenants.services.clients import StoredClients, keep_bootstrap_client
from tenants.services.directory import StoredTenants
from tenants.services.epochs import Freshness
from tenants.services.keypairs import StoredKeys, keep_configured_pair
from tenants.services.off_loop import OrmThread, OrmThreads
from tenants.services.providers import StoredProviders
from tenants.services.trusted_keys import StoredTrustedKeys

MOCK_NAMES = Names("Mock User", "Mock Tenant")


def stored_identity(conf: Conf, clock: Clock, orm: OrmThread, directory: StoredTenants) -> Identity:
    """The service in the configured mode; its `background` must be entered before the node listens.

    Raises ConfError when the signing key is not an RSA private key.
    """
    accounts = NodeAccounts(orm=orm, clock=clock, has_quotas=conf.quotas.enabled)
    if conf.iam.mode == "mock":
        return _mock_identity(conf, accounts)
    configured = bootstrap_key_pair(conf, clock)
    ring, cipher = KeyRing(), cipher_of(conf)
    keys = StoredKeys(orm, ring, cipher, configured)
    fetcher = Fetcher(conf.oidc)
    foreign = ProviderTokens(fetcher, roles_claim=conf.oidc.roles_claim, clock=clock)
    providers = StoredProviders(orm, foreign)
    freshness = Freshness(orm, {Epoch.Name.KEYS: keys.reread, Epoch.Name.PROVIDERS: providers.reread})
    clients = StoredClients(orm, clock=clock)
    environments = CallersEnvironments(orm, directory)
    issuer = token_issuer(conf, ring, clock)
    authenticator = BearerAuthenticator(token_verifier(conf, ring, clock), foreign)
    threads = OrmThreads()

    @asynccontextmanager
    async def background() -> AsyncGenerator[None]:
        await orm.run(lambda: keep_configured_pair(configured, clock=clock))
        if conf.bootstrap.client_id is not None:
            await directory.admit(conf.bootstrap.tenant_id)
        await orm.run(lambda: keep_bootstrap_client(conf.bootstrap))
        with closing(foreign):
            async with freshness:
                yield
        await clients.settle()
        threads.close()

    routes = [
        *jwt_routes(TokenEndpoint(clients, issuer, StoredTrustedKeys(orm), clock), ring, clock),
        *KeyPairEndpoints(
            NodeKeys(
                ring=ring,
                freshness=freshness,
                cipher=cipher,
                clock=clock,
                default_validity=timedelta(days=conf.iam.keypair_default_validity_days),
            ),
            conf.iam.platform_tenant,
        ).routes(),
        *TrustedKeyEndpoints(
            NodeTrustedKeys(orm=orm, environments=environments, rules=_trusted_key_rules(conf), clock=clock),
            is_enabled=conf.iam.trusted_key_registration_enabled,
        ).routes(),
        *ClientEndpoints(
            NodeClients(orm=orm, environments=environments, registry=clients, clock=clock),
            may_grant_admin=conf.iam.m2m_admin_role_enabled,
        ).routes(),
        *ProviderEndpoints(
            NodeProviders(
                orm=orm,
                environments=environments,
                freshness=freshness,
                tokens=foreign,
                fetcher=fetcher,
                clock=clock,
            ),
            conf.oidc,
        ).routes(),
        *Administration(conf.iam.platform_tenant).routes(),
        *AccountEndpoints(accounts).routes(),
        *SignInEndpoints(NodeSignIn(threads=threads, issuer=issuer, authenticator=authenticator, clock=clock)).routes(),
    ]
    return Identity(authenticator, routes, background())


def cipher_of(conf: Conf) -> Cipher:
    """What encrypts secrets in rows; the signing key's text stands in for passphrases that are not set."""
    return Cipher(conf.iam.encryption_keys or (conf.jwt.signing_key or "",))


def _mock_identity(conf: Conf, accounts: NodeAccounts) -> Identity:
    """Everyone is one principal, and nothing of tokens, keys and clients is offered."""
    return Identity(mock_authenticator(conf), [*mock_routes(), *_mock_management(conf, accounts)])


def _mock_management(conf: Conf, accounts: NodeAccounts) -> list[Route]:
    return [
        *KeyPairEndpoints(None, conf.iam.platform_tenant).routes(),
        *TrustedKeyEndpoints(None, is_enabled=conf.iam.trusted_key_registration_enabled).routes(),
        *ClientEndpoints(None, may_grant_admin=conf.iam.m2m_admin_role_enabled).routes(),
        *ProviderEndpoints(None, conf.oidc).routes(),
        *Administration(conf.iam.platform_tenant).routes(),
        *AccountEndpoints(accounts, MOCK_NAMES).routes(),
        *SignInEndpoints(None).routes(),
    ]


def _trusted_key_rules(conf: Conf) -> TrustedKeyRules:
    return TrustedKeyRules(
        cap=conf.iam.trusted_key_max_per_tenant,
        max_properties=conf.iam.trusted_key_max_jwk_properties,
        default_validity=timedelta(days=conf.iam.trusted_key_max_validity_days),
    )
