"""How a replica is started: its command line and the variables that it is given (contract: control plane 11)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from cyoda.conf import Conf
from cyoda.demo import api_url, grpc_target
from cyoda.embedded.home import write_private
from tenants.models import Application
from tenants.services.applications import COMMANDS_ARE_OFF, IMAGES_ARE_OFF, client_secret_of, variables_of

MARK = "CYODA_APPLICATION_ID"
"""The variable by which processes of a supervisor that was killed are found."""
_RUNTIMES = ("docker", "podman")
_LABEL = "cyoda.home"
_HOST = "host.docker.internal"
_LOOPBACK = "127.0.0.1"
_ENGINE_SECONDS = 30
_LIMITS = (
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=512",
    "--memory=1g",
    "--cpus=1",
)

log = structlog.get_logger(__name__)


class CannotRun(Exception):
    """The revision cannot be run on this machine; the text is a sentence."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A program with its whole environment and its working folder.

    Once it has ended, `remove` is run, if given, and the file of its `secrets` deleted.
    """

    command: list[str]
    environ: dict[str, str]
    folder: Path
    remove: tuple[str, ...] = ()
    secrets: Path | None = None


def launch_of(application: Application, replica: int, conf: Conf) -> Launch:
    """Raises CannotRun, Undecryptable."""
    if application.client is None:
        raise CannotRun("Its client was deleted: roll the application out again.")
    given = variables_of(application) | _platform_variables(application, conf)
    folder = conf.platform.home / "applications" / str(application.pk)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    own = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "LANG": os.environ.get("LANG", "C.UTF-8")}
    if application.image:
        if not conf.applications.images:
            raise CannotRun(IMAGES_ARE_OFF)
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
    try:
        asked = subprocess.run(listed, capture_output=True, text=True, check=False, timeout=_ENGINE_SECONDS)
        if found := asked.stdout.split():
            remove = [runtime, "rm", "--force", *found]
            subprocess.run(remove, capture_output=True, check=False, timeout=_ENGINE_SECONDS)
    except subprocess.TimeoutExpired:
        log.warning("containers that are left are not removed: the container engine does not answer")


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
    secrets = folder / f"variables-{replica}"
    write_private(secrets, _listed(inside))
    command = [
        *(runtime, "run", "--rm", "--init", f"--add-host={_HOST}:host-gateway", *_LIMITS),
        *("--name", container, "--label", f"{_LABEL}={conf.platform.home}"),
        *("--env-file", str(secrets), application.image),
    ]
    removal = (runtime, "rm", "--force", container)
    return Launch(command, own | {MARK: given[MARK]}, folder, remove=removal, secrets=secrets)


def _listed(variables: Mapping[str, str]) -> str:
    """As the engine reads them from a file: none of them reaches the engine's own client, which they could steer.

    Raises CannotRun.
    """
    for name, value in variables.items():
        if "\n" in value or "\r" in value:
            raise CannotRun(f"A container cannot be given the variable {name}: its value has more than one line.")
    return "".join(f"{name}={value}\n" for name, value in variables.items())


def _runtime() -> str | None:
    return next(filter(None, map(shutil.which, _RUNTIMES)), None)
