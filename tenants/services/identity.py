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
from tenants.api.provider_trials import TrialEndpoints
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
    if conf.iam.mode == "mock":
        return _mock_identity(conf, NodeAccounts(orm=orm, clock=clock, has_quotas=conf.quotas.enabled))
    parts = _Parts(conf, clock, orm, directory)
    return Identity(parts.authenticator, parts.routes(), parts.background(), parts.issuer, parts.refresh)


class _Parts:
    """What the service in jwt mode is made of, wired."""

    def __init__(self, conf: Conf, clock: Clock, orm: OrmThread, directory: StoredTenants) -> None:
        self._conf = conf
        self._clock = clock
        self._orm = orm
        self._directory = directory
        self._configured = bootstrap_key_pair(conf, clock)
        self._ring, self._cipher = KeyRing(), cipher_of(conf)
        self._fetcher = Fetcher(conf.oidc)
        self._foreign = ProviderTokens(self._fetcher, roles_claim=conf.oidc.roles_claim, clock=clock)
        rereads = {
            Epoch.Name.KEYS: StoredKeys(orm, self._ring, self._cipher, self._configured).reread,
            Epoch.Name.PROVIDERS: StoredProviders(orm, self._foreign).reread,
        }
        self._freshness = Freshness(orm, rereads)
        self._clients = StoredClients(orm, clock=clock)
        self._environments = CallersEnvironments(orm, directory)
        self.issuer = token_issuer(conf, self._ring, clock)
        self._threads = OrmThreads()
        self.authenticator = BearerAuthenticator(token_verifier(conf, self._ring, clock), self._foreign)

    @asynccontextmanager
    async def background(self) -> AsyncGenerator[None]:
        """Keeps keys and providers as the rows have them, and the rows of what is configured as the settings say."""
        conf, configured = self._conf, self._configured
        await self._orm.run(lambda: keep_configured_pair(configured, clock=self._clock))
        if conf.bootstrap.client_id is not None:
            await self._directory.admit(conf.bootstrap.tenant_id)
        await self._orm.run(lambda: keep_bootstrap_client(conf.bootstrap))
        with closing(self._threads), closing(self._foreign):
            async with self._freshness:
                yield
            await self._clients.settle()

    async def refresh(self) -> None:
        """Raises StorageUnavailable."""
        self._clients.forget_all()
        await self._freshness.look()

    def routes(self) -> list[Route]:
        conf, orm, clock = self._conf, self._orm, self._clock
        endpoint = TokenEndpoint(self._clients, self.issuer, StoredTrustedKeys(orm), clock)
        accounts = NodeAccounts(orm=orm, clock=clock, has_quotas=conf.quotas.enabled)
        people = NodeSignIn(threads=self._threads, issuer=self.issuer, authenticator=self.authenticator, clock=clock)
        return [
            *jwt_routes(endpoint, self._ring, clock),
            *KeyPairEndpoints(self._keys(), conf.iam.platform_tenant).routes(),
            *_trusted_key_endpoints(
                conf,
                NodeTrustedKeys(orm=orm, environments=self._environments, rules=_trusted_key_rules(conf), clock=clock),
            ).routes(),
            *_client_endpoints(
                conf, NodeClients(orm=orm, environments=self._environments, registry=self._clients, clock=clock)
            ).routes(),
            *ProviderEndpoints(self._providers(), conf.oidc).routes(),
            *TrialEndpoints(self._providers(), conf.oidc).routes(),
            *Administration(conf.iam.platform_tenant).routes(),
            *AccountEndpoints(accounts).routes(),
            *SignInEndpoints(people).routes(),
        ]

    def _keys(self) -> NodeKeys:
        return NodeKeys(
            ring=self._ring,
            freshness=self._freshness,
            cipher=self._cipher,
            clock=self._clock,
            default_validity=timedelta(days=self._conf.iam.keypair_default_validity_days),
        )

    def _providers(self) -> NodeProviders:
        return NodeProviders(
            orm=self._orm,
            environments=self._environments,
            freshness=self._freshness,
            tokens=self._foreign,
            fetcher=self._fetcher,
            clock=self._clock,
        )


def cipher_of(conf: Conf) -> Cipher:
    """What encrypts secrets in rows; the signing key's text stands in for passphrases that are not set."""
    return Cipher(conf.secrets_at_rest)


def _mock_identity(conf: Conf, accounts: NodeAccounts) -> Identity:
    """Everyone is one principal, and nothing of tokens, keys and clients is offered."""
    routes = [
        *mock_routes(),
        *KeyPairEndpoints(None, conf.iam.platform_tenant).routes(),
        *_trusted_key_endpoints(conf, None).routes(),
        *_client_endpoints(conf, None).routes(),
        *ProviderEndpoints(None, conf.oidc).routes(),
        *TrialEndpoints(None, conf.oidc).routes(),
        *Administration(conf.iam.platform_tenant).routes(),
        *AccountEndpoints(accounts, MOCK_NAMES).routes(),
        *SignInEndpoints(None).routes(),
    ]
    return Identity(mock_authenticator(conf), routes)


def _trusted_key_endpoints(conf: Conf, keys: NodeTrustedKeys | None) -> TrustedKeyEndpoints:
    return TrustedKeyEndpoints(keys, is_enabled=conf.iam.trusted_key_registration_enabled)


def _client_endpoints(conf: Conf, clients: NodeClients | None) -> ClientEndpoints:
    return ClientEndpoints(clients, may_grant_admin=conf.iam.m2m_admin_role_enabled)


def _trusted_key_rules(conf: Conf) -> TrustedKeyRules:
    return TrustedKeyRules(
        cap=conf.iam.trusted_key_max_per_tenant,
        max_properties=conf.iam.trusted_key_max_jwk_properties,
        default_validity=timedelta(days=conf.iam.trusted_key_max_validity_days),
    )
