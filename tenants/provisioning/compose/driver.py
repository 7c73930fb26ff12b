"""The `compose` driver: writes a Compose project for each environment, and starts it with Docker or Podman."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from django.db import transaction

from cyoda.embedded.credentials import signing_key
from cyoda.embedded.home import write_private
from tenants.models import Backend, Environment
from tenants.provisioning.base import Driver, Failure, Json, Parameter, Step, Work, checked_parameters
from tenants.provisioning.compose.engine import Engine
from tenants.provisioning.compose.project import Unit, project_of, text_of, validated
from tenants.provisioning.rows import mark_deleting, mark_ready, save

IMAGE_USER = 65532
"""The user of our image (Dockerfile)."""
ENGINES = ("docker", "podman")
PORT = "port"
"""In an environment's parameters: where its node is published; gRPC is at the next one."""
FILE = "compose.yaml"


class ComposeDriver(Driver):
    name, label = "compose", "Containers of its own on this machine"
    parameters = (
        Parameter("engine", str, "docker", choices=ENGINES),
        Parameter("folder", str, "/var/lib/cyoda/compose"),
        Parameter("image", str, "cyoda:latest"),
        Parameter("postgres_image", str, "postgres:18"),
        Parameter("valkey_image", str, "valkey/valkey:8"),
        Parameter("host", str, "127.0.0.1"),
        Parameter("bind_address", str, "127.0.0.1"),
        Parameter("first_port", int, 20000, minimum=1024, maximum=65000),
        Parameter("memory_mb", int, 512, minimum=256),
    )

    def steps(self, environment: Environment) -> tuple[Step, ...]:
        return (
            Step("write project", do=self.write, undo=self.remove),
            Step("validate project", do=self.validate),
            Step("start containers", do=self.start, undo=self.stop, lease=timedelta(seconds=50)),
            Step("wait until ready", do=self.wait, attempts=15, failure=Failure.BOOTSTRAP),
            Step(
                "create bootstrap client",
                do=self.create_client,
                undo=self.forget_client,
                lease=timedelta(seconds=40),
                failure=Failure.MINT,
            ),
            Step("mark ready", do=mark_ready, undo=mark_deleting),
        )

    def check(self, parameters: Mapping[str, Json]) -> Sequence[str]:
        values = checked_parameters(self, parameters)
        return (*Engine(values["engine"]).check(), *_unwritable(Path(values["folder"])))

    def plan(self, environment: Environment) -> Sequence[str]:
        unit = self._unit(environment)
        return (
            f"write the Compose project {unit.name} and its secrets below {unit.folder}",
            f"publish HTTP at {unit.url} and gRPC at {unit.host}:{unit.grpc_port}, or at the first free ports after",
            "start its containers, and wait until its node is ready",
            f"create a client for tenant {environment.tenant_id} in it",
            *text_of(project_of(unit)).splitlines(),
        )

    def address(self, environment: Environment) -> str | None:
        return self._unit(environment).url

    def write(self, work: Work) -> Mapping[str, Json]:
        _choose_port(work.environment, self._values(work.environment)["first_port"])
        unit = self._unit(work.environment)
        folder = unit.folder / "secrets"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name, text in _secrets_made(folder).items():
            if not (folder / name).exists():
                write_private(folder / name, text)
            os.chown(folder / name, *(int(part) for part in unit.owner.split(":")))
        write_private(unit.folder / FILE, text_of(project_of(unit)))
        return {"project": unit.name, "http": unit.url, "grpc": f"{unit.host}:{unit.grpc_port}"}

    def remove(self, work: Work) -> None:
        unit = self._unit(work.environment)
        if unit.folder.exists():
            shutil.rmtree(unit.folder)
        kept = {name: value for name, value in work.environment.parameters.items() if name != PORT}
        save(work.environment, parameters=kept)

    def validate(self, work: Work) -> Mapping[str, Json]:
        """By our own rules, and by Compose where it is installed."""
        unit, engine = self._unit(work.environment), self._engine(work.environment)
        project = validated((unit.folder / FILE).read_text(encoding="utf-8"))
        if engine.has_compose():
            engine.validate(unit.name, unit.folder / FILE)
        return {"services": sorted(project.services)}

    def start(self, work: Work) -> None:
        unit = self._unit(work.environment)
        self._engine(work.environment).begin_up(unit.name, unit.folder / FILE)

    def stop(self, work: Work) -> None:
        unit = self._unit(work.environment)
        self._engine(work.environment).down(unit.name, unit.folder)

    def wait(self, work: Work) -> None:
        unit = self._unit(work.environment)
        self._engine(work.environment).finish_up(unit.name, unit.folder / FILE)

    def create_client(self, work: Work) -> Mapping[str, Json]:
        """In the environment's own database, by its own node's program; of the secret only the hash is handed over."""
        environment, given = work.environment, work.input["client"]
        wanted = {"tenant_id": environment.tenant_id, "client": given}
        command = ("python", "manage.py", "tenant", "adopt")
        unit = self._unit(environment)
        self._engine(environment).execute(unit.name, "node", command, given=json.dumps(wanted))
        save(environment, m2m_client_id=given["id"])
        return {"client": given["id"]}

    def forget_client(self, work: Work) -> None:
        """It goes with the volumes."""
        save(work.environment, m2m_client_id="")

    def _values(self, environment: Environment) -> dict[str, Json]:
        """Of the environment, or of its back end where nothing is ordered yet."""
        given = environment.parameters or environment.backend.parameters
        return checked_parameters(self, {name: value for name, value in given.items() if name != PORT})

    def _engine(self, environment: Environment) -> Engine:
        return Engine(self._values(environment)["engine"])

    def _unit(self, environment: Environment) -> Unit:
        values = self._values(environment)
        name = f"cyoda-{environment.name}-{environment.pk.hex[:12]}"
        is_root = os.geteuid() == 0
        return Unit(
            name=name,
            folder=Path(values["folder"]) / name,
            owner=f"{IMAGE_USER}:{IMAGE_USER}" if is_root else f"{os.geteuid()}:{os.getegid()}",
            image=values["image"],
            postgres_image=values["postgres_image"],
            valkey_image=values["valkey_image"],
            host=values["host"],
            bind_address=values["bind_address"],
            http_port=environment.parameters.get(PORT, values["first_port"]),
            memory_mb=values["memory_mb"],
        )


@transaction.atomic
def _choose_port(environment: Environment, first: int) -> None:
    """The lowest one that no standing environment of the driver has; it is kept. One is chosen at a time."""
    list(Backend.objects.select_for_update().filter(driver=ComposeDriver.name).order_by("pk"))
    environment.refresh_from_db(fields=["parameters"])
    if PORT in environment.parameters:
        return
    rows = Environment.objects.filter(driver=ComposeDriver.name).exclude(state__in=Environment.ENDED)
    taken = {parameters.get(PORT) for parameters in rows.values_list("parameters", flat=True)}
    near = {port + one for port in taken if port is not None for one in (-1, 0, 1)}
    port = next(port for port in range(first, 65535, 2) if port not in near)
    save(environment, parameters={**environment.parameters, PORT: port})


def _secrets_made(folder: Path) -> dict[str, str]:
    """Fresh ones by file; the database's URL has the password that is kept already."""
    kept = folder / "postgres-password"
    password = kept.read_text(encoding="utf-8") if kept.exists() else secrets.token_urlsafe(24)
    return {
        "postgres-password": password,
        "database-url": f"postgresql://cyoda:{password}@postgres:5432/cyoda",
        "signing-key": signing_key(),
        "encryption-key": secrets.token_urlsafe(48),
        "secret-key": secrets.token_urlsafe(48),
    }


def _unwritable(folder: Path) -> Sequence[str]:
    """Of a folder that does not exist yet, the nearest one above it is looked at."""
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not folder.is_absolute():
        return (f"The folder {folder} is not absolute.",)
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        return (f"The folder {folder} cannot be written.",)
    return ()
