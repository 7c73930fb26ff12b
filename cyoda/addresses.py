"""Where the listeners of this installation are reached."""

from __future__ import annotations

from cyoda.conf import Conf


def reachable(address: str) -> str:
    """An address that a client on this machine can use for a listener's."""
    return "127.0.0.1" if address in {"0.0.0.0", "::", ""} else address  # noqa: S104 - compared, not bound


def public_url(conf: Conf, port: int | None = None) -> str:
    """The address of pages and API as people are told it, without a slash at its end; `port` is the one in use."""
    return conf.people.public_url or f"http://{reachable(conf.http.bind_address)}:{port or conf.http.port}"
