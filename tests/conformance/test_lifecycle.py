"""Opening and closing a store (issue: storage port)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cyoda.errors import StorageUnavailable
from tests.conformance.home import Home, created
from workflows.storage.base import Storage


async def test_an_open_store_is_ready(store: Storage) -> None:
    assert await store.ready() is True


async def test_a_store_that_is_not_open_is_not_ready_and_says_so(new_store: Callable[[], Storage]) -> None:
    store = new_store()
    home = Home(store, "nobody")
    assert await store.ready() is False
    with pytest.raises(StorageUnavailable):
        await home.scan()
    with pytest.raises(StorageUnavailable):
        await home.commit(created())


async def test_closing_twice_is_no_fault(new_store: Callable[[], Storage]) -> None:
    store = new_store()
    await store.open()
    assert await store.ready() is True
    await store.close()
    await store.close()
    assert await store.ready() is False
