"""The operators' back office: what the platform holds, and what operators do to it through the services of the API."""

from tenants.admin import (
    applications,
    audit,
    backends,
    clients,
    environments,
    keys,
    libraries,
    logins,
    members,
    organisations,
    providers,
    runs,
    tiers,
    webhooks,
)

__all__ = [
    "applications",
    "audit",
    "backends",
    "clients",
    "environments",
    "keys",
    "libraries",
    "logins",
    "members",
    "organisations",
    "providers",
    "runs",
    "tiers",
    "webhooks",
]
