"""How a replica is started: its command line and the variables that it is given (contract: control plane 11)."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cyoda.conf import Conf
from cyoda.demo import api_url, grpc_target
from tenants.models import Application
from tenants.services.applications import COMMANDS_ARE_OFF, client_secret_of, variables_of

MARK = "CYODA_APPLICATION_ID"
"""The variable by which processes of a supervisor that was killed are found."""
_RUNTIMES = ("docker", "podman")
_LABEL = "cyoda.home"
_HOST = "host.docker.internal"
_LOOPBACK = "127.0.0.1"
_LIMITS = (
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=512",
    "--memory=1g",
    "--cpus=1",
)


class CannotRun(Exception):
    """The revision cannot be run on this machine; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A program with its whole environment and its working folder; `remove` is run once it has ended, if given."""

    command: list[str]
    environ: dict[str, str]
    folder: Path
    remove: tuple[str, ...] = ()


def launch_of(application: Application, replica: int, conf: Conf) -> Launch:
    """Raises CannotRun, Undecryptable."""
    if application.client is None:
        raise CannotRun("Its client was deleted: roll the application out again.")
    given = variables_of(application) | _platform_variables(application, conf)
    folder = conf.platform.home / "applications" / str(application.pk)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": os.environ.get("LANG", "C.UTF-8")}
    if application.image:
        return _of_image(application, replica, own, given, folder, conf)
    if not conf.applications.commands:
        raise CannotRun(COMMANDS_ARE_OFF)
    environ = own | given
    program = shutil.which(application.command[0], path=environ["PATH"])
    if program is None:
        raise CannotRun(f"There is no program called {application.command[0]} on this machine.")
    return Launch([program, *application.command[1:]], environ, folder)


def remove_containers(home: Path) -> None:
    """Those of a supervisor of this installation that was killed."""
    runtime = _runtime()
    if runtime is None:
        return
    listed = [runtime, "ps", "--all", "--quiet", "--filter", f"label={_LABEL}={home}"]
    found = subprocess.run(listed, capture_output=True, text=True, check=False).stdout.split()
    if found:
        subprocess.run([runtime, "rm", "--force", *found], capture_output=True, check=False)


def _platform_variables(application: Application, conf: Conf) -> dict[str, str]:
    assert application.client is not None
    return {
        MARK: str(application.pk),
        "CYODA_API_URL": api_url(conf),
        "CYODA_GRPC_TARGET": grpc_target(conf),
        "CYODA_CLIENT_ID": application.client.pk,
        "CYODA_CLIENT_SECRET": client_secret_of(application),
        "CYODA_MEMBER_TAGS": ",".join(application.tags),
    }


def _of_image(
    application: Application, replica: int, own: dict[str, str], given: dict[str, str], folder: Path, conf: Conf
) -> Launch:
    """A container in a network of its own, from which the platform is the host. Raises CannotRun."""
    runtime = _runtime()
    if runtime is None:
        raise CannotRun("Images need docker or podman on the machine of the platform's applications; there is neither.")
    container = f"cyoda-{application.pk}-{replica}"
    inside = given | {name: given[name].replace(_LOOPBACK, _HOST) for name in ("CYODA_API_URL", "CYODA_GRPC_TARGET")}
    names = [argument for name in inside for argument in ("--env", name)]
    command = [
        *(runtime, "run", "--rm", "--init", f"--add-host={_HOST}:host-gateway", *_LIMITS),
        *("--name", container, "--label", f"{_LABEL}={conf.platform.home}", *names, application.image),
    ]
    return Launch(command, inside | own, folder, remove=(runtime, "rm", "--force", container))


def _runtime() -> str | None:
    return next(filter(None, map(shutil.which, _RUNTIMES)), None)
