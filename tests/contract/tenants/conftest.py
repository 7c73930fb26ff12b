"""A migrated database, and what a tenant leaves in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

import pytest
from django.db import connection, connections

from cyoda.databases import current_url
from tenants.models import Client, Environment

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
