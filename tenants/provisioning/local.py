"""The `local` driver: a schema in the platform's own PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cyoda.principal import ROLE_ADMIN
from tenants.models import Application, Client, Environment
from tenants.provisioning.base import Driver, Failure, Json, Step, StepRefused, Work
from tenants.provisioning.rows import mark_deleting, mark_ready, save
from tenants.provisioning.schemas import Schemas, configured_schemas


class LocalDriver(Driver):
    name, label = "local", "Schema in the platform's PostgreSQL"

    def __init__(self, schemas: Schemas | None = None) -> None:
        self._schemas = schemas or configured_schemas()

    def steps(self, environment: Environment) -> tuple[Step, ...]:
        return (
            Step("create schema", do=self.create_schema, undo=self.drop_schema),
            Step("create tables", do=self.create_tables, failure=Failure.BOOTSTRAP),
            Step("create bootstrap client", do=self.create_client, undo=self.delete_clients, failure=Failure.MINT),
            Step("mark ready", do=mark_ready, undo=mark_deleting),
        )

    def check(self, parameters: Mapping[str, Json]) -> Sequence[str]:
        return self._schemas.check()

    def plan(self, environment: Environment) -> Sequence[str]:
        return (
            f"create the PostgreSQL schema {environment.schema_name}",
            "create its tables",
            "create a client with the roles that were asked for",
            f"let callers of tenant {environment.tenant_id} in",
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
        if ROLE_ADMIN in given["roles"] and not given.get("may_have_admin_role", True):
            raise StepRefused("clients with the admin role are not enabled (CYODA_IAM_M2M_ADMIN_ROLE_ENABLED)")
        Client.objects.update_or_create(
            id=given["id"],
            defaults={
                "secret_hash": given["secret_hash"],
                "secret_start": given.get("secret_start", ""),
                "created_by": given.get("created_by", ""),
                "environment": work.environment,
                "user_id": given["user_id"],
                "roles": given["roles"],
            },
        )
        save(work.environment, m2m_client_id=given["id"])
        return {"client": given["id"]}

    def delete_clients(self, work: Work) -> None:
        """With the applications that use them: the supervisor ends the processes when their rows are gone."""
        Application.objects.filter(environment=work.environment).delete()
        Client.objects.filter(environment=work.environment).delete()
        save(work.environment, m2m_client_id="")
