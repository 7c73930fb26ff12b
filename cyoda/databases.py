"""Django's view of the database URL, and the one way to change it after start."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from django.db import connections

_OPTIONS = {"sslmode", "sslrootcert", "sslcert", "sslkey", "application_name", "connect_timeout"}


def django_database(url: str) -> dict[str, Any]:
    """The DATABASES entry of a `postgresql://user:password@host:port/name?sslmode=…` URL.

    A `host` in the query (a socket's folder) wins over the one in the address.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": unquote(parts.path.lstrip("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.get("host", parts.hostname or ""),
        "PORT": query.get("port", str(parts.port or "")),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {name: value for name, value in query.items() if name in _OPTIONS},
    }


def use_database(url: str) -> None:
    """Point Django at a database that was started after the settings were read (embedded PostgreSQL, tests)."""
    connections["default"].close()
    connections["default"].settings_dict.update(django_database(url))


def current_url() -> str:
    """The URL of the database that Django uses now, for drivers beside it."""
    values = connections["default"].settings_dict
    user, password, name = (quote(str(values[key]), safe="") for key in ("USER", "PASSWORD", "NAME"))
    options = {key: value for key, value in values["OPTIONS"].items() if key in _OPTIONS}
    query = urlencode({"host": values["HOST"], "port": values["PORT"], **options})
    return f"postgresql://{user}:{password}@/{name}?{query}"
