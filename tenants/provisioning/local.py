"""The `local` driver: a schema in the platform's own PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping

from tenants.models import Client, Environment
from tenants.provisioning.base import Driver, Json, Step, Work
from tenants.provisioning.schemas import Schemas, configured_schemas


class LocalDriver(Driver):
    name, label = "local", "Schema in the platform's PostgreSQL"

    def __init__(self, schemas: Schemas | None = None) -> None:
        self._schemas = schemas or configured_schemas()

    def steps(self, environment: Environment) -> tuple[Step, ...]:
        return (
            Step("create schema", do=self.create_schema, undo=self.drop_schema),
            Step("create tables", do=self.create_tables),
            Step("create bootstrap client", do=self.create_client, undo=self.delete_clients),
            Step("mark ready", do=self.open, undo=self.close),
        )

    def create_schema(self, work: Work) -> Mapping[str, Json]:
        self._schemas.create(work.environment.schema_name)
        return {"schema": work.environment.schema_name}

    def drop_schema(self, work: Work) -> None:
        self._schemas.drop(work.environment.schema_name)

    def create_tables(self, work: Work) -> None:
        self._schemas.create_tables(work.environment.schema_name)

    def create_client(self, work: Work) -> Mapping[str, Json]:
        """The secret was shown to whoever asked for the environment; only its hash comes here."""
        given = work.input["client"]
        Client.objects.update_or_create(
            id=given["id"],
            defaults={
                "secret_hash": given["secret_hash"],
                "environment": work.environment,
                "user_id": given["user_id"],
                "roles": given["roles"],
            },
        )
        return {"client": given["id"]}

    def delete_clients(self, work: Work) -> None:
        Client.objects.filter(environment=work.environment).delete()

    def open(self, work: Work) -> None:
        _enter(work.environment, Environment.State.READY)

    def close(self, work: Work) -> None:
        """Before anything is removed, nobody is let in any more."""
        _enter(work.environment, Environment.State.DELETING)


def _enter(environment: Environment, state: Environment.State) -> None:
    environment.state = state
    environment.save(update_fields=["state", "updated_at"])
