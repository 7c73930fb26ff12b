"""Services that the suites share: one PostgreSQL and one Valkey a session, each in a temporary folder.

`CYODA_TEST_DATABASE_URL` names a running PostgreSQL to use instead (its user must be able to create databases).
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from cyoda.databases import use_database
from cyoda.embedded import EmbeddedPostgres, EmbeddedValkey


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A PostgreSQL without durability; its database is shared, so tests make schemas of their own."""
    if running := os.environ.get("CYODA_TEST_DATABASE_URL"):
        yield running
        return
    with EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), durable=False) as postgres:
        yield postgres.url


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey")) as valkey:
        yield valkey.url


@pytest.fixture(scope="session", autouse=True)
def quick_emptying() -> None:
    """Tests that commit are cleaned up after by ours, not by Django's flush."""
    from django.test import TransactionTestCase

    from tests.emptying import empty_database

    TransactionTestCase._fixture_teardown = lambda _: empty_database()  # type: ignore[method-assign] - no hook for it


@pytest.fixture(scope="session")
def django_db_modify_db_settings(postgres_url: str) -> None:
    """pytest-django makes its test database on the same server."""
    use_database(postgres_url)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that schemathesis makes of one function get ids of their own: run by two processes, tests that share an id
    would be one."""
    for item in items:
        if item.parent is not None and not item.nodeid.endswith(item.name):
            item._id = item.parent.id.child(item.name)  # type: ignore[attr-defined] - there is no other way
