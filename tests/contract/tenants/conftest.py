"""A migrated database, and what a tenant leaves in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client as Browser

from cyoda.conf import load
from cyoda.data_plane import OperatorsDataPlane, asked_by_operators
from cyoda.databases import current_url
from cyoda.schemas import PostgresSchemas
from cyoda.worker import DataPlaneWorker
from tenants.models import Client, Environment
from tenants.provisioning.local import LocalDriver
from tenants.provisioning.saga import Progress, Saga
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import Order, provision_environment
from workflows.compute.members import Registry

P = ParamSpec("P")
T = TypeVar("T")


def off_loop(ask: Callable[P, T]) -> Callable[P, Awaitable[T]]:
    """The ORM in a thread beside the test's loop, which leaves no connection behind."""

    def asked(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return ask(*args, **kwargs)
        finally:
            connections.close_all()

    @wraps(ask)
    async def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(asked, *args, **kwargs)

    return answered


@dataclass(frozen=True)
class Traces:
    """What exists in the database because of one tenant."""

    schemas: int
    registered: int
    clients: int


def traces_of(environment: Environment) -> Traces:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = %s", [environment.schema_name])
        schemas = cursor.fetchone()[0]
        cursor.execute("SELECT count(*) FROM public.cyoda_schema WHERE schema_name = %s", [environment.schema_name])
        registered = cursor.fetchone()[0]
    return Traces(schemas, registered, Client.objects.filter(environment=environment).count())


EVERYTHING = Traces(1, 1, 1)
NOTHING = Traces(0, 0, 0)


@pytest.fixture
def database(transactional_db: None) -> Iterator[str]:
    """The URL of the database that the ORM uses; schemas of tenants are gone afterwards."""
    yield current_url()
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 't\\_%'")
        for (schema,) in cursor.fetchall():
            cursor.execute(f'DROP SCHEMA "{schema}" CASCADE')
        cursor.execute("DROP TABLE IF EXISTS public.cyoda_schema")


@pytest.fixture
def order(database: str) -> Order:
    """A tenant that is ready, with names that need escaping."""
    order = provision_environment(PLATFORM, "Acme & Söhne", tenant_id="a b/ü")
    saga = Saga(driver_of=lambda _: LocalDriver(PostgresSchemas()))
    while saga.advance(order.run.pk) is Progress.MORE:
        pass
    order.run.refresh_from_db()
    return order


@pytest.fixture
def data_plane(database: str) -> Iterator[OperatorsDataPlane]:
    """What operators ask, as a node without callers has it."""
    worker = DataPlaneWorker(load({}), database).opened()
    served = OperatorsDataPlane(worker.platform, worker, "test-node", Registry())
    with asked_by_operators(served):
        yield served
    worker.close()


@pytest.fixture
def office(order: Order, data_plane: OperatorsDataPlane, settings: Any) -> Browser:
    """The back office as a superuser sees it."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]  # looks at every asset
    browser = Browser()
    browser.force_login(User._default_manager.create_superuser("operator", password="a long password"))
    return browser
