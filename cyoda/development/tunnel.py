"""A command of the user's choice that makes this installation reachable from elsewhere (CYODA_DEV_TUNNEL)."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from cyoda.conf import Conf
from cyoda.demo import api_url, grpc_target
from cyoda.development.output import Heard, Screen
from cyoda.embedded.supervisor import Child

_ADDRESS = re.compile(r"https://[^\s/|\"'<>()\[\]]+(?=/?(?:[\s|\"'<>)\]]|$))")
"""Without a path: tunnel clients also print links to their terms and manuals."""
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")

Opened = Callable[[str], None]
"""Told the address at which the tunnel has opened."""


class TunnelUnavailable(Exception):
    """The command cannot be run; the text is a sentence for the person at the terminal."""


def tunnel(template: str, conf: Conf, screen: Screen, opened: Opened) -> Child:
    """The command with its placeholders filled, as a process that the supervisor looks after; it runs where the
    person at the terminal is.

    `opened` is told the first address in its output, once a start. Raises TunnelUnavailable.
    """
    try:
        words = [_filled(word, conf) for word in shlex.split(template)]
    except ValueError as error:
        raise TunnelUnavailable(f"The tunnel's command {template!r} cannot be read: {error}.") from None
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise TunnelUnavailable(
            f"There is no tunnel: the program {words[0] if words else template!r} is not installed."
        )
    command = [str(Path(program).absolute()), *words[1:]]
    return Child("tunnel", command, restarts=True, folder=Path.cwd(), listener=lambda: _listener(screen, opened))


def outside(template: str, address: str, conf: Conf) -> dict[str, str]:
    """What a member elsewhere is given to come through the tunnel to the listener that it leads to."""
    if "{grpc" in template:
        parts = urlsplit(address)
        return {"CYODA_GRPC_TARGET": f"{parts.hostname}:{parts.port or 443}", "CYODA_GRPC_TLS": "true"}
    return {"CYODA_API_URL": address + conf.http.context_path}


def _filled(word: str, conf: Conf) -> str:
    values = {
        "{http}": api_url(conf).removesuffix(conf.http.context_path),
        "{grpc}": grpc_target(conf),
        "{http_port}": str(conf.http.port),
        "{grpc_port}": str(conf.grpc.port),
    }
    for placeholder, value in values.items():
        word = word.replace(placeholder, value)
    return word


def _listener(screen: Screen, opened: Opened) -> Heard:
    show, found = screen.voice("tunnel"), False

    def heard(line: str) -> None:
        nonlocal found
        show(line)
        address = None if found else _ADDRESS.search(_ESCAPES.sub("", line))
        if address is not None:
            found = True
            opened(address[0])

    return heard
