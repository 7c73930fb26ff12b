"""The cloud API and the provisioning behind it (contract: control plane 2, 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from cyoda.conf import variables as kind
from cyoda.conf.variables import optional, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """Environments as callers of the cloud API see them."""

    client_host: str | None = setting(
        "CYODA_CLIENT_HOST",
        optional(kind.pattern(r"[A-Za-z0-9.-]+(?::\d+)?", "a host name, with a port if it needs one")),
        None,
        "Environments are told to be at `https://<namespace>.<this host>`; unset: at `CYODA_PUBLIC_URL`.",
    )
    cli_min_version: str = setting(
        "CYODA_CLI_MIN_VERSION",
        kind.pattern(r"\d+\.\d+\.\d+", "a version like 0.4.0"),
        "0.4.0",
        "Oldest command line that the cloud API answers.",
    )
    orphan_grace: timedelta = setting(
        "CYODA_ORPHAN_GRACE",
        kind.duration(minimum=timedelta(minutes=1)),
        timedelta(hours=24),
        "How long a schema that belongs to no environment is reported before it is removed.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Applications:
    """Programs of organisations that run beside their environments (`manage.py applications`)."""

    commands: bool = setting(
        "CYODA_APPLICATIONS_COMMANDS",
        kind.boolean,
        False,
        "Organisations may run commands on the machine of `manage.py applications`, as its user: only where everyone "
        "who may deploy is trusted with that machine. Images need no such trust.",
    )
    images: bool = setting(
        "CYODA_APPLICATIONS_IMAGES",
        kind.boolean,
        True,
        "Organisations may run container images there, where docker or podman is.",
    )
