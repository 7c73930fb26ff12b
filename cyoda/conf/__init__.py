"""Every CYODA_* variable, once: name, kind, default, meaning; one module of this package for each group of them.

`load(environ)` turns an environment into one frozen `Conf`. A value that is not allowed stops the start with a
sentence naming its variable; an empty one counts as unset. Secrets may come from a file named by `NAME_FILE`
(contract: entities 1.1, identity 2, engine 8, gRPC 18, search 13).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from cyoda.conf.cloud import Applications, Cloud
from cyoda.conf.cluster import Cluster
from cyoda.conf.engine import Engine, Scheduler, Search
from cyoda.conf.identity import Bootstrap, Iam, Jwt, Oidc
from cyoda.conf.pem import belong_together
from cyoda.conf.people import People
from cyoda.conf.platform import Admin, Development, Grpc, Http, Platform, Quotas, Storage
from cyoda.conf.variables import ConfError, Variable, read, read_group, variables_of

__all__ = [
    "Admin",
    "Applications",
    "Bootstrap",
    "Cloud",
    "Cluster",
    "Conf",
    "ConfError",
    "Development",
    "Engine",
    "Grpc",
    "Http",
    "Iam",
    "Jwt",
    "Oidc",
    "People",
    "Platform",
    "Quotas",
    "Scheduler",
    "Search",
    "Storage",
    "load",
    "table",
    "unknown_names",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conf:
    """Everything that the environment decides."""

    platform: Platform = dataclasses.field(default_factory=Platform)
    http: Http = dataclasses.field(default_factory=Http)
    admin: Admin = dataclasses.field(default_factory=Admin)
    grpc: Grpc = dataclasses.field(default_factory=Grpc)
    iam: Iam = dataclasses.field(default_factory=Iam)
    jwt: Jwt = dataclasses.field(default_factory=Jwt)
    bootstrap: Bootstrap = dataclasses.field(default_factory=Bootstrap)
    oidc: Oidc = dataclasses.field(default_factory=Oidc)
    people: People = dataclasses.field(default_factory=People)
    storage: Storage = dataclasses.field(default_factory=Storage)
    engine: Engine = dataclasses.field(default_factory=Engine)
    scheduler: Scheduler = dataclasses.field(default_factory=Scheduler)
    cluster: Cluster = dataclasses.field(default_factory=Cluster)
    search: Search = dataclasses.field(default_factory=Search)
    quotas: Quotas = dataclasses.field(default_factory=Quotas)
    cloud: Cloud = dataclasses.field(default_factory=Cloud)
    applications: Applications = dataclasses.field(default_factory=Applications)
    development: Development = dataclasses.field(default_factory=Development)

    @property
    def secrets_at_rest(self) -> tuple[str, ...]:
        """Passphrases of the secrets in the database, the current one first; none when no lasting one is configured."""
        return self.iam.encryption_keys or tuple(filter(None, (self.jwt.signing_key, self.platform.secret_key)))[:1]


GROUPS: tuple[type[Any], ...] = (
    Platform,
    Http,
    Admin,
    Grpc,
    Iam,
    Jwt,
    Bootstrap,
    Oidc,
    People,
    Storage,
    Engine,
    Scheduler,
    Cluster,
    Search,
    Quotas,
    Cloud,
    Applications,
    Development,
)


def load(environ: Mapping[str, str]) -> Conf:
    """The configuration that an environment describes.

    Raises ConfError: a value is not allowed, a secret's file is unreadable, or settings contradict each other.
    """
    environment = str(read(next(variables_of(Platform))[1], environ, "development"))
    platform = read_group(Platform, environ, environment)
    http = read_group(Http, environ, environment)
    conf = Conf(
        platform=dataclasses.replace(platform, home=platform.home.absolute()),
        http=dataclasses.replace(http, context_path=http.context_path.rstrip("/")),
        admin=read_group(Admin, environ, environment),
        grpc=read_group(Grpc, environ, environment),
        iam=read_group(Iam, environ, environment),
        jwt=read_group(Jwt, environ, environment),
        bootstrap=read_group(Bootstrap, environ, environment),
        oidc=read_group(Oidc, environ, environment),
        people=read_group(People, environ, environment),
        storage=read_group(Storage, environ, environment),
        engine=read_group(Engine, environ, environment),
        scheduler=read_group(Scheduler, environ, environment),
        cluster=read_group(Cluster, environ, environment),
        search=read_group(Search, environ, environment),
        quotas=read_group(Quotas, environ, environment),
        cloud=read_group(Cloud, environ, environment),
        applications=read_group(Applications, environ, environment),
        development=read_group(Development, environ, environment),
    )
    for sentence in _contradictions(conf):
        raise ConfError(sentence)
    return conf


def _contradictions(conf: Conf) -> Iterator[str]:
    if conf.platform.environment == "production" and conf.platform.secret_key is None:
        yield "CYODA_SECRET_KEY must be set when CYODA_ENV is production."
    if conf.iam.require_jwt and conf.iam.mode != "jwt":
        yield "CYODA_IAM_MODE must be jwt when CYODA_REQUIRE_JWT is true."
    if conf.iam.mode == "jwt" and conf.jwt.signing_key is None:
        yield "CYODA_JWT_SIGNING_KEY must be set when CYODA_IAM_MODE is jwt: an RSA private key in PEM, or its base64."
    if (conf.bootstrap.client_id is None) != (conf.bootstrap.client_secret is None):
        yield "CYODA_BOOTSTRAP_CLIENT_ID and CYODA_BOOTSTRAP_CLIENT_SECRET must be set both or neither."
    if conf.admin.metrics_require_auth and conf.admin.metrics_bearer is None:
        yield "CYODA_METRICS_BEARER must be set when CYODA_METRICS_REQUIRE_AUTH is true."
    if (conf.people.oidc_url is None) != (conf.people.oidc_client_id is None):
        yield "CYODA_SIGNIN_OIDC_URL and CYODA_SIGNIN_OIDC_CLIENT_ID must be set both or neither."
    ports = [port for port in (conf.http.port, conf.grpc.port, conf.admin.port) if port]
    if len(set(ports)) < len(ports):
        yield "CYODA_HTTP_PORT, CYODA_GRPC_PORT and CYODA_ADMIN_PORT must differ from each other."
    yield from _tls_contradictions(conf.grpc)
    if conf.cluster.hmac_key is not None and len(conf.cluster.hmac_key) < 32:
        yield "CYODA_HMAC_SECRET must have at least 32 bytes."
    if conf.cluster.enabled:
        yield from _cluster_contradictions(conf)


def _tls_contradictions(grpc: Grpc) -> Iterator[str]:
    if (grpc.tls_cert is None) != (grpc.tls_key is None):
        yield "CYODA_GRPC_TLS_CERT and CYODA_GRPC_TLS_KEY must be set both or neither."
    if grpc.tls_cert is None:
        if grpc.tls_client_ca is not None:
            yield "CYODA_GRPC_TLS_CERT and CYODA_GRPC_TLS_KEY must be set when CYODA_GRPC_TLS_CLIENT_CA is."
    elif grpc.tls_key is not None and not belong_together(grpc.tls_cert, grpc.tls_key):
        yield "CYODA_GRPC_TLS_KEY must be the key of the first certificate in CYODA_GRPC_TLS_CERT."


def _cluster_contradictions(conf: Conf) -> Iterator[str]:
    if conf.cluster.hmac_key is None:
        yield "CYODA_HMAC_SECRET must be set when CYODA_CLUSTER_ENABLED is true."
    if conf.cluster.peer_port and conf.cluster.peer_port in (conf.http.port, conf.grpc.port, conf.admin.port):
        yield "CYODA_PEER_PORT must differ from the other ports."
    if (conf.cluster.zookeeper_tls_cert is None) != (conf.cluster.zookeeper_tls_key is None):
        yield "CYODA_ZOOKEEPER_TLS_CERT and CYODA_ZOOKEEPER_TLS_KEY must be set both or neither."
    if conf.cluster.node_id == "local":
        yield "CYODA_NODE_ID must be set to an id of its own when CYODA_CLUSTER_ENABLED is true."
    if conf.engine.tx_token_ttl < conf.engine.dispatch_forward_timeout:
        yield "CYODA_TX_TOKEN_TTL must be at least CYODA_DISPATCH_FORWARD_TIMEOUT."


def table(conf: Conf) -> Iterator[tuple[str, Variable, object]]:
    """Each variable in order, with its group's name and its value in `conf`."""
    for group in dataclasses.fields(conf):
        values = getattr(conf, group.name)
        for attribute, variable in variables_of(cast("type[object]", type(values))):
            yield group.name, variable, getattr(values, attribute)


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """CYODA_* names of the environment that no setting has: most often a slip of the keyboard."""
    known = {variable.name for group in GROUPS for _, variable in variables_of(group)}
    secrets = {f"{variable.name}_FILE" for group in GROUPS for _, variable in variables_of(group) if variable.secret}
    return sorted(name for name in environ if name.startswith("CYODA_") and name not in known | secrets)
