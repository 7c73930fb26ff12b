"""What may stand in the list of allowed browser origins (contract: identity 17)."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from cyoda.conf.variables import NotAllowed

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.?|\[[0-9a-f:.]+\]")


def check_origins(origins: list[str]) -> None:
    """Raises NotAllowed, naming the first element that is not an origin exactly as a browser sends it."""
    for origin in origins:
        reason = "`*` cannot stand beside others" if origin == "*" and len(origins) > 1 else _fault(origin)
        if reason:
            raise NotAllowed(f"{origin!r}: {reason}")


def _fault(origin: str) -> str | None:
    if origin == "*":
        return None
    if not origin:
        return "an element is empty"
    if "*" in origin:
        return "a wildcard stands alone or not at all"
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:
        return "its host or port is not valid"
    if not re.match(r"https?://", origin) or parts.scheme not in _DEFAULT_PORTS:
        return "it must start with http:// or https://, in lower case"
    return _authority_fault(parts, port)


def _authority_fault(parts: SplitResult, port: int | None) -> str | None:
    if parts.path or parts.query or parts.fragment or "?" in parts.geturl() or "#" in parts.geturl():
        return "it must end after the host or port: no path, slash, query or fragment"
    if "@" in parts.netloc:
        return "user information is not part of an origin"
    host, separator, written_port = _split_port(parts.netloc)
    if not _HOST.fullmatch(host):
        return "its host must be lower case, and punycode when international"
    if re.match(r"0x", host.rsplit(".", 1)[-1]) or re.match(r"0x", host):
        return "a hexadecimal address is not allowed"
    if separator and (not written_port.isdigit() or not 1 <= int(written_port) <= 65535):
        return "its port must be between 1 and 65535"
    if port == _DEFAULT_PORTS[parts.scheme]:
        return "a browser leaves the default port out"
    return None


def _split_port(netloc: str) -> tuple[str, str, str]:
    closing = netloc.rfind("]")
    host, separator, port = netloc[closing + 1 :].partition(":")
    return netloc[: closing + 1] + host, separator, port
