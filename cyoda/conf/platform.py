"""The installation: its listeners, its operators, its storage (contract: entities 1.1, identity 2 and 17)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from cyoda.conf import pem
from cyoda.conf import variables as kind
from cyoda.conf.origins import check_origins
from cyoda.conf.variables import by_environment, optional, seconds, setting

Environment = Literal["development", "production"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What kind of installation this is, and how it speaks to its operators."""

    environment: Environment = setting(
        "CYODA_ENV", kind.choice("development", "production"), "development", "Strictness of the defaults."
    )
    home: Path = setting(
        "CYODA_HOME", kind.path, Path(".cyoda"), "Folder of the embedded services: data, generated secrets, logs."
    )
    static_root: Path | None = setting(
        "CYODA_STATIC_ROOT",
        optional(kind.path),
        None,
        "Folder that `manage.py collectstatic` fills with the static files of the pages, compressed and named by their "
        "content; without it they are served as the packages have them.",
    )
    tenant_auto_create: bool = setting(
        "CYODA_TENANT_AUTO_CREATE",
        kind.boolean,
        by_environment(development=True, production=False),
        "A tenant seen for the first time in a valid token gets its storage on first use.",
    )
    log_format: Literal["json", "console"] = setting(
        "CYODA_LOG_FORMAT",
        kind.choice("json", "console"),
        by_environment(development="console", production="json"),
        "Form of the log lines on standard error.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        "CYODA_LOG_LEVEL", kind.choice("debug", "info", "warning", "error"), "info", "Least level that is logged."
    )
    error_response_mode: Literal["sanitized", "verbose"] = setting(
        "CYODA_ERROR_RESPONSE_MODE",
        kind.choice("sanitized", "verbose"),
        "sanitized",
        "`verbose` puts internal text into the detail of 5xx answers.",
    )
    suppress_banner: bool = setting("CYODA_SUPPRESS_BANNER", kind.boolean, False, "No start-up warning in mock mode.")
    otel_enabled: bool = setting("CYODA_OTEL_ENABLED", kind.boolean, False, "Export traces with OpenTelemetry.")
    secret_key: str | None = setting(
        "CYODA_SECRET_KEY",
        optional(kind.pattern(r"(?s).{32,}", "at least 32 characters long")),
        None,
        "Key of sessions and form tokens of the pages; required in production.",
        secret=True,
    )
    admin_user: str = setting(
        "CYODA_ADMIN_USER",
        kind.text,
        "admin",
        "Login of the operators' back office, made at start when a password is given.",
    )
    admin_password: str | None = setting(
        "CYODA_ADMIN_PASSWORD", optional(kind.text), None, "Password of that login.", secret=True
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Development:
    """Developer mode (`manage.py dev`)."""

    tunnel: str | None = setting(
        "CYODA_DEV_TUNNEL",
        optional(kind.text),
        None,
        "A command that makes the installation reachable from elsewhere, such as "
        "`cloudflared tunnel --url {http}`; `{http}` is the API's address, `{grpc}` host and port of gRPC, "
        "`{http_port}` and `{grpc_port}` the ports.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """The API listener."""

    port: int = setting("CYODA_HTTP_PORT", kind.port, 8080, "API listener; 0 takes any free port.")
    bind_address: str = setting("CYODA_HTTP_BIND_ADDRESS", kind.text, "0.0.0.0", "Address that the API listens on.")  # noqa: S104 - a server's default, `up` binds loopback
    context_path: str = setting(
        "CYODA_CONTEXT_PATH",
        kind.pattern(r"(?:/[\w.~-]+)*/?", "empty or a path that starts with /"),
        "/api",
        "Prefix of every API route; empty for none.",
        empty_is_value=True,
    )
    legacy_aliases: bool = setting(
        "CYODA_LEGACY_ALIASES", kind.boolean, True, "Serve the paths of older clients beside those of the API."
    )
    allowed_hosts: tuple[str, ...] = setting(
        "CYODA_ALLOWED_HOSTS",
        kind.listed(),
        by_environment(development=("*",), production=()),
        "Host names under which the pages are served.",
    )
    cors_enabled: bool = setting("CYODA_CORS_ENABLED", kind.boolean, True, "Answer cross-origin requests of browsers.")
    cors_allowed_origins: tuple[str, ...] = setting(
        "CYODA_CORS_ALLOWED_ORIGINS",
        kind.listed(check_origins),
        (),
        "Origins, or `*`; empty allows loopback origins only.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """The listener of probes and metrics."""

    port: int = setting("CYODA_ADMIN_PORT", kind.port, 9091, "Probes and metrics; 0 takes any free port.")
    bind_address: str = setting("CYODA_ADMIN_BIND_ADDRESS", kind.text, "127.0.0.1", "Address of that listener.")
    metrics_bearer: str | None = setting(
        "CYODA_METRICS_BEARER", optional(kind.text), None, "Bearer token that reads the metrics.", secret=True
    )
    metrics_require_auth: bool = setting(
        "CYODA_METRICS_REQUIRE_AUTH", kind.boolean, False, "Refuse to start without CYODA_METRICS_BEARER."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grpc:
    """The gRPC listener and the streams of calculation members."""

    port: int = setting("CYODA_GRPC_PORT", kind.port, 9090, "gRPC listener; 0 takes any free port.")
    bind_address: str = setting("CYODA_GRPC_BIND_ADDRESS", kind.text, "0.0.0.0", "Address that gRPC listens on.")  # noqa: S104 - a server's default, `up` binds loopback
    keepalive_interval: timedelta = setting(
        "CYODA_KEEPALIVE_INTERVAL", kind.duration(), seconds(10), "Period of the server's keep-alive events."
    )
    keepalive_timeout: timedelta = setting(
        "CYODA_KEEPALIVE_TIMEOUT", kind.duration(), seconds(30), "A member unseen for longer loses its stream."
    )
    reflection: bool = setting(
        "CYODA_GRPC_REFLECTION",
        kind.boolean,
        by_environment(development=True, production=False),
        "Clients may ask the gRPC server what it offers.",
    )
    tls_cert: str | None = setting(
        "CYODA_GRPC_TLS_CERT",
        optional(pem.certificates),
        None,
        "The gRPC server's certificate and those that lead to its issuer; gRPC then speaks TLS only.",
        secret=True,
    )
    tls_key: str | None = setting(
        "CYODA_GRPC_TLS_KEY", optional(pem.private_key), None, "The key of that certificate.", secret=True
    )
    tls_client_ca: str | None = setting(
        "CYODA_GRPC_TLS_CLIENT_CA",
        optional(pem.certificates),
        None,
        "Issuers of clients' certificates; a gRPC client without one of theirs is then refused (mutual TLS).",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where data and tasks are kept."""

    database_url: str | None = setting(
        "CYODA_DATABASE_URL",
        optional(kind.url("postgresql", "postgres")),
        None,
        "PostgreSQL 17 or newer; without it an embedded one is started in CYODA_HOME.",
        secret=True,
    )
    db_pool_size: int = setting(
        "CYODA_DB_POOL_SIZE", kind.integer(1, 1000), 8, "Database connections of one node's data plane."
    )
    broker_url: str | None = setting(
        "CYODA_BROKER_URL",
        optional(kind.url("redis", "rediss", "amqp", "amqps", "memory")),
        None,
        "Broker of the workers' tasks.",
        secret=True,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What organisations may use (contract: control plane 3)."""

    enabled: bool = setting(
        "CYODA_QUOTAS_ENABLED", kind.boolean, False, "Hold every organisation to the limits of its tier."
    )
    default_tier: str = setting(
        "CYODA_DEFAULT_TIER", kind.text, "free", "Tier of organisations without a subscription; it must exist."
    )
