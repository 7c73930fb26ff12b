"""Where the platform is, and as whom to sign in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

DEFAULT_API = "http://localhost:8080/api"
DEFAULT_GRPC = "localhost:9090"


class SettingsMissing(Exception):
    """A setting without a default is not given; the text names its variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`api` ends with the context path; `grpc` is host:port; `tls` encrypts the gRPC connection, verified by the
    system's certificates or those of `root_certificates` (PEM)."""

    client_id: str
    client_secret: str = field(repr=False)
    api: str = DEFAULT_API
    grpc: str = DEFAULT_GRPC
    tls: bool = False
    root_certificates: bytes | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """From CYODA_CLIENT_ID, CYODA_CLIENT_SECRET, CYODA_API_URL, CYODA_GRPC_TARGET and CYODA_GRPC_TLS (true).

        Raises SettingsMissing.
        """
        return cls(
            client_id=_needed(environ, "CYODA_CLIENT_ID"),
            client_secret=_needed(environ, "CYODA_CLIENT_SECRET"),
            api=environ.get("CYODA_API_URL", DEFAULT_API),
            grpc=environ.get("CYODA_GRPC_TARGET", DEFAULT_GRPC),
            tls=environ.get("CYODA_GRPC_TLS", "").lower() == "true",
        )


def _needed(environ: Mapping[str, str], name: str) -> str:
    try:
        return environ[name]
    except KeyError:
        raise SettingsMissing(f"{name} is not set") from None
