"""Credentials of a single-machine installation: made once, kept below CYODA_HOME, handed on as `_FILE` variables."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

from cyoda.embedded.home import Home


def environment(home: Home, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the platform's processes: the caller's, completed; what the caller set stays.

    Secrets are named by files, so that they stand in no process's environment or arguments.
    """
    completed = dict(environ)
    completed["CYODA_HOME"] = str(home.path)
    completed["DJANGO_SETTINGS_MODULE"] = "cyoda.settings"
    for name, value in _PLAIN.items():
        completed.setdefault(name, value)
    if not _has(completed, "CYODA_BOOTSTRAP_CLIENT_SECRET"):
        completed.setdefault("CYODA_BOOTSTRAP_CLIENT_ID", "demo")
    for name, (file, make) in _SECRETS.items():
        if not _has(completed, name):
            completed[f"{name}_FILE"] = str(home.secret_path(file, make))
    return completed


def _has(environ: Mapping[str, str], name: str) -> bool:
    return bool(environ.get(name) or environ.get(f"{name}_FILE"))


def signing_key() -> str:
    """A fresh RSA private key, PKCS#8 in PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


_PLAIN = {
    "CYODA_IAM_MODE": "jwt",
    "CYODA_HTTP_BIND_ADDRESS": "127.0.0.1",
    "CYODA_GRPC_BIND_ADDRESS": "127.0.0.1",
    "CYODA_BOOTSTRAP_TENANT_ID": "demo",
}
_SECRETS: dict[str, tuple[str, Callable[[], str]]] = {
    "CYODA_JWT_SIGNING_KEY": ("signing-key.pem", signing_key),
    "CYODA_ENCRYPTION_KEY": ("encryption-key", lambda: secrets.token_urlsafe(48)),
    "CYODA_SECRET_KEY": ("secret-key", lambda: secrets.token_urlsafe(48)),
    "CYODA_ADMIN_PASSWORD": ("admin-password", lambda: secrets.token_urlsafe(12)),
    "CYODA_BOOTSTRAP_CLIENT_SECRET": ("bootstrap-client-secret", lambda: secrets.token_urlsafe(24)),
}
