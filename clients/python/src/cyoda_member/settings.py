"""Where the platform is, and as whom to sign in."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_API = "http://localhost:8080/api"
DEFAULT_GRPC = "localhost:9090"


class SettingsMissing(Exception):
    """A setting that is needed is not given; the text names its variable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`api` ends with the context path and is encrypted as `https://…`; `grpc` is host:port, encrypted when `tls`.

    For both: `ca_file` holds the authorities that are trusted instead of the public ones, `certificate_file` and
    `key_file` what this program shows where the platform asks for it (mutual TLS). All are PEM files, read when the
    member starts. `tags`, if there are any, are joined with instead of the member's own.

    Raises SettingsMissing for a certificate without its key.
    """

    client_id: str
    client_secret: str = field(repr=False)
    api: str = DEFAULT_API
    grpc: str = DEFAULT_GRPC
    tls: bool = False
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if (self.certificate_file is None) != (self.key_file is None):
            raise SettingsMissing("CYODA_TLS_CERTIFICATE_FILE and CYODA_TLS_KEY_FILE are needed together")

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """From CYODA_CLIENT_ID, CYODA_CLIENT_SECRET, CYODA_API_URL, CYODA_GRPC_TARGET, CYODA_GRPC_TLS (true),
        CYODA_TLS_CA_FILE, CYODA_TLS_CERTIFICATE_FILE, CYODA_TLS_KEY_FILE and CYODA_MEMBER_TAGS (with commas).

        Raises SettingsMissing.
        """
        return cls(
            client_id=_needed(environ, "CYODA_CLIENT_ID"),
            client_secret=_needed(environ, "CYODA_CLIENT_SECRET"),
            api=environ.get("CYODA_API_URL", DEFAULT_API),
            grpc=environ.get("CYODA_GRPC_TARGET", DEFAULT_GRPC),
            tls=environ.get("CYODA_GRPC_TLS", "").lower() == "true",
            ca_file=_path(environ, "CYODA_TLS_CA_FILE"),
            certificate_file=_path(environ, "CYODA_TLS_CERTIFICATE_FILE"),
            key_file=_path(environ, "CYODA_TLS_KEY_FILE"),
            tags=tuple(tag.strip() for tag in environ.get("CYODA_MEMBER_TAGS", "").split(",") if tag.strip()),
        )

    def http_tls(self) -> ssl.SSLContext:
        """How https is spoken. Raises OSError (ssl.SSLError among them) when a file cannot be used."""
        context = ssl.create_default_context(cafile=self.ca_file)
        if self.certificate_file is not None:
            context.load_cert_chain(self.certificate_file, self.key_file)
        return context


def _needed(environ: Mapping[str, str], name: str) -> str:
    try:
        return environ[name]
    except KeyError:
        raise SettingsMissing(f"{name} is not set") from None


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    return Path(environ[name]) if environ.get(name) else None
