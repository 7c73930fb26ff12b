"""Orders at the same moment (contract: control plane 4.5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connections

from tenants.models import Environment, Provisioning
from tests.contract.cloud.conftest import Caller, Organise

pytestmark = pytest.mark.usefixtures("database")
MANY = 8


def at_once(ask: Callable[[int], Any]) -> list[Any]:
    start = Barrier(MANY)

    def asked(number: int) -> Any:
        try:
            start.wait()
            return ask(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(MANY) as threads:
        return list(threads.map(asked, range(MANY)))


def test_equal_orders_make_one_environment(organise: Organise) -> None:
    ann = organise()
    answers = at_once(lambda _: ann.up(key="the-same-key-for-all"))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: MANY - 1}
    assert len({answer.json()["env_id"] for answer in answers}) == 1
    assert (Environment.objects.count(), Provisioning.objects.count()) == (1, 1)


def test_of_orders_of_one_name_one_wins(organise: Organise) -> None:
    ann = organise()
    answers = at_once(lambda number: ann.up(key=f"a-key-of-its-own-{number}"))
    assert Counter(answer.status_code for answer in answers) == {202: 1, 409: MANY - 1}
    assert Environment.objects.count() == 1


def test_the_quota_is_not_exceeded_by_orders_at_once(organise: Organise) -> None:
    ann = organise(tier="pro")
    answers = at_once(lambda number: ann.up(f"dev-{number}"))
    assert Counter(answer.status_code for answer in answers) == {202: 3, 429: MANY - 3}


def test_the_rate_limit_lets_no_more_through_than_its_burst(organise: Organise) -> None:
    ann = organise()

    def twice(_: int) -> list[int]:
        return [ann("GET", "/me").status_code for _ in range(2)]

    statuses = Counter(status for answers in at_once(twice) for status in answers)
    assert statuses[200] in (10, 11, 12), "the burst, and what a slow machine refills meanwhile"
    assert statuses[429] == 2 * MANY - statuses[200]


def test_deleting_and_cancelling_at_once_ends_in_one_way(organise: Organise) -> None:
    ann: Caller = organise()
    ann.up()
    paths = [("DELETE", "/envs/dev"), ("POST", "/envs/dev:cancel")]
    answers = at_once(lambda number: ann(*paths[number % 2]))
    assert {answer.status_code for answer in answers} <= {202, 409}
    assert Provisioning.objects.get().state == "undoing"
