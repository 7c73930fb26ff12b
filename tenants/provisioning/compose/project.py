"""The Compose project of one environment: a node, its worker, PostgreSQL, Valkey (contract: control plane 11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

SECRETS = ("postgres-password", "database-url", "signing-key", "encryption-key", "secret-key")
HTTP_PORT, GRPC_PORT = 8080, 9090
_HEALTH = ["CMD", "python", "-m", "cyoda.health"]
_CELERY = ["python", "-m", "celery", "--app", "cyoda.celery", "worker", "--beat", "--schedule", "/tmp/schedule"]  # noqa: S108 - in the container, a folder of its own
_QUIET = ["--pool", "threads", "--concurrency", "4", "--without-gossip", "--without-mingle"]


class InvalidProject(ValueError):
    """The file is no Compose project that this driver would write; the text says where."""


class HealthCheck(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    test: list[str]
    interval: str = "5s"
    timeout: str = "3s"
    retries: int = 12
    start_period: str = "30s"


class Condition(msgspec.Struct, forbid_unknown_fields=True):
    condition: Literal["service_started", "service_healthy"]


class Service(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, kw_only=True):
    image: str
    restart: Literal["unless-stopped"]
    command: list[str] = []
    user: str = ""
    environment: dict[str, str] = {}
    secrets: list[str] = []
    volumes: list[str] = []
    tmpfs: list[str] = []
    ports: list[str] = []
    depends_on: dict[str, Condition] = {}
    healthcheck: HealthCheck | None = None
    mem_limit: str = ""
    stop_grace_period: str = ""
    read_only: bool = False
    cap_drop: list[str] = []
    security_opt: list[str] = []


class SecretFile(msgspec.Struct, forbid_unknown_fields=True):
    file: str


class Volume(msgspec.Struct, forbid_unknown_fields=True):
    """A named one of the engine's own making."""


class Project(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A Compose file, as far as this driver uses the format."""

    name: str
    services: dict[str, Service]
    volumes: dict[str, Volume]
    secrets: dict[str, SecretFile]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What is particular to one environment; `owner` is `uid:gid` of the containers and of their secrets' files."""

    name: str
    folder: Path
    owner: str
    image: str
    postgres_image: str
    valkey_image: str
    host: str
    bind_address: str
    http_port: int
    memory_mb: int

    @property
    def grpc_port(self) -> int:
        return self.http_port + 1

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.http_port}"


def project_of(unit: Unit) -> Project:
    return Project(
        name=unit.name,
        services={
            "postgres": _postgres(unit),
            "valkey": Service(
                image=unit.valkey_image,
                restart="unless-stopped",
                command=["valkey-server", "--appendonly", "yes"],
                volumes=["broker:/data"],
                healthcheck=HealthCheck(test=["CMD", "valkey-cli", "ping"]),
            ),
            "node": _node(unit),
            "worker": _cyoda(unit, command=[*_CELERY, *_QUIET], depends_on={"node": Condition("service_healthy")}),
        },
        volumes={"data": Volume(), "broker": Volume()},
        secrets={name: SecretFile(str(unit.folder / "secrets" / name)) for name in SECRETS},
    )


def text_of(project: Project) -> str:
    return msgspec.yaml.encode(project, order="deterministic").decode()


def validated(text: str) -> Project:
    """A file of this driver, read again and judged as a whole. Raises InvalidProject."""
    try:
        project = msgspec.yaml.decode(text, type=Project)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidProject(str(error)) from None
    for sentence in _dangling(project):
        raise InvalidProject(sentence)
    return project


def _dangling(project: Project) -> Iterator[str]:
    published: set[str] = set()
    for name, service in project.services.items():
        for volume in service.volumes:
            if (source := volume.partition(":")[0]) not in project.volumes:
                yield f"the service {name} has a volume {source} that is not declared"
        for secret in service.secrets:
            if secret not in project.secrets:
                yield f"the service {name} has a secret {secret} that is not declared"
        for other in service.depends_on:
            if other not in project.services:
                yield f"the service {name} waits for {other}, which is no service"
        for port in service.ports:
            if (outside := port.rpartition(":")[0]) in published:
                yield f"the address {outside} is published twice"
            published.add(outside)


def _postgres(unit: Unit) -> Service:
    return Service(
        image=unit.postgres_image,
        restart="unless-stopped",
        environment={
            "POSTGRES_USER": "cyoda",
            "POSTGRES_DB": "cyoda",
            "POSTGRES_PASSWORD_FILE": "/run/secrets/postgres-password",
        },
        secrets=["postgres-password"],
        volumes=["data:/var/lib/postgresql"],
        healthcheck=HealthCheck(test=["CMD", "pg_isready", "--username", "cyoda", "--dbname", "cyoda"]),
    )


def _node(unit: Unit) -> Service:
    healthy = Condition("service_healthy")
    node = _cyoda(unit, command=["python", "manage.py", "serve"], depends_on={"postgres": healthy, "valkey": healthy})
    node.healthcheck = HealthCheck(test=_HEALTH)
    address = f"[{unit.bind_address}]" if ":" in unit.bind_address else unit.bind_address
    node.ports = [f"{address}:{unit.http_port}:{HTTP_PORT}", f"{address}:{unit.grpc_port}:{GRPC_PORT}"]
    return node


def _cyoda(unit: Unit, *, command: list[str], depends_on: dict[str, Condition]) -> Service:
    return Service(
        image=_plain(unit.image),
        restart="unless-stopped",
        command=command,
        user=unit.owner,
        environment={name: _plain(value) for name, value in _settings(unit).items()},
        secrets=[name for name in SECRETS if name != "postgres-password"],
        tmpfs=["/tmp"],  # noqa: S108 - in the container
        depends_on=depends_on,
        mem_limit=f"{unit.memory_mb}m",
        stop_grace_period="15s",
        read_only=True,
        cap_drop=["ALL"],
        security_opt=["no-new-privileges:true"],
    )


def _settings(unit: Unit) -> dict[str, str]:
    return {
        "CYODA_HOME": "/tmp/cyoda",  # noqa: S108 - in the container, and nothing lasting is kept there
        "CYODA_IAM_MODE": "jwt",
        "CYODA_REQUIRE_JWT": "true",
        "CYODA_TENANT_AUTO_CREATE": "false",
        "CYODA_PUBLIC_URL": unit.url,
        "CYODA_ALLOWED_HOSTS": unit.host,
        "CYODA_BROKER_URL": "redis://valkey:6379/0",
        "CYODA_DATABASE_URL_FILE": "/run/secrets/database-url",
        "CYODA_JWT_SIGNING_KEY_FILE": "/run/secrets/signing-key",
        "CYODA_ENCRYPTION_KEY_FILE": "/run/secrets/encryption-key",
        "CYODA_SECRET_KEY_FILE": "/run/secrets/secret-key",
    }


def _plain(value: str) -> str:
    """Compose reads `$` as the beginning of a variable."""
    return value.replace("$", "$$")
