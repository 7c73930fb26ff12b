"""`manage.py dev`: the platform with one environment, and the member of a folder, until Ctrl-C."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from cyoda.addresses import reachable
from cyoda.conf import Conf
from cyoda.development.command import MemberCommand, NothingToRun, ToBeConfirmed, member_command
from cyoda.development.output import Screen
from cyoda.development.reload import Reloader
from cyoda.development.snippet import Language, connecting
from cyoda.development.tunnel import TunnelUnavailable, outside, tunnel
from cyoda.development.watching import changes_of
from cyoda.embedded.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the person at the terminal asks for; `command` and `language` are chosen without."""

    folder: Path
    command: str | None
    tunnel: str | None
    language: Language | None


def develop(wanted: Wanted, supervisor: Supervisor, environ: Mapping[str, str], screen: Screen) -> None:
    """Beside a started platform: run the member, and start it anew as its code changes. `environ` is the caller's.

    Returns never; raises KeyboardInterrupt on a signal, EmbeddedError, NothingToRun.
    """
    conf = supervisor.conf
    screen.show(connecting(conf, supervisor.environ, wanted.language))
    if wanted.tunnel:
        _open_tunnel(wanted.tunnel, supervisor, screen)
    command = _command(wanted, conf, environ, screen)
    reloader = None if command is None else Reloader(command, lambda: connected_members(conf), screen)
    try:
        for changed in changes_of(wanted.folder, supervisor.home.path):
            supervisor.look()
            if reloader is not None:
                if changed:
                    screen.say(f"Changed: {', '.join(changed)}.")
                    reloader.code_changed()
                reloader.look()
    finally:
        if reloader is not None:
            reloader.stop()


def require_member(wanted: Wanted, conf: Conf, environ: Mapping[str, str]) -> None:
    """Before anything is started. Raises NothingToRun."""
    if not wanted.folder.is_dir():
        raise NothingToRun(f"There is no folder {wanted.folder}; --new makes it, with a member to begin with.")
    if environ.get("CYODA_IAM_MODE", "jwt") != "jwt":
        raise NothingToRun("Members sign in with a client's credentials: unset CYODA_IAM_MODE, or set it to jwt.")
    try:
        member_command(wanted.folder, wanted.command, conf, environ)
    except ToBeConfirmed:
        pass


def connected_members(conf: Conf) -> frozenset[str] | None:
    """Ids of the members of the node, as its metrics name them; None while it does not answer."""
    url = f"http://{reachable(conf.admin.bind_address)}:{conf.admin.port}/metrics"
    headers = {"Authorization": f"Bearer {conf.admin.metrics_bearer}"} if conf.admin.metrics_bearer else {}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=2) as answer:
            text = answer.read().decode()
    except (urllib.error.URLError, OSError):
        return None
    families = text_string_to_metric_families(text)
    return frozenset(
        sample.labels["member"]
        for family in families
        if family.name == "cyoda_member_in_flight"
        for sample in family.samples
    )


def _command(wanted: Wanted, conf: Conf, environ: Mapping[str, str], screen: Screen) -> MemberCommand | None:
    try:
        return member_command(wanted.folder, wanted.command, conf, environ)
    except ToBeConfirmed as guess:
        screen.say(f"{guess} No member is started.")
        return None


def _open_tunnel(template: str, supervisor: Supervisor, screen: Screen) -> None:
    conf = supervisor.conf

    def opened(address: str) -> None:
        exports = " ".join(f"{name}={value}" for name, value in outside(template, address, conf).items())
        screen.say(f"The tunnel is open at {address}; programs elsewhere use {exports}")

    try:
        supervisor.start_child(tunnel(template, conf, screen, opened))
    except TunnelUnavailable as problem:
        screen.say(str(problem))
