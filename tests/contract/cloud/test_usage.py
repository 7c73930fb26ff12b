"""`GET /v2/envs/{name}/usage`: an environment's usage against the limits of its tier."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

import pytest

from cyoda.clock import system_clock
from tenants.usage import measure
from tenants.usage.sums import Measure, Tally, add_measures, add_sums
from tests.contract.cloud.conftest import Organise, environment, slug, work


def test_usage_is_shown_against_limits_with_the_age_of_each_figure(database: str, organise: Organise) -> None:
    owner = organise(tier="free")
    owner.up()
    work()
    schema = environment().schema_name
    fresh = {one["entitlement_id"]: one for one in owner("GET", "/envs/dev/usage").json()["figures"]}
    assert (fresh["ENTITIES"]["used"], fresh["ENTITIES"]["measured_at"]) == (None, None)
    now = system_clock()
    add_sums(uuid4(), {schema: Tally(requests=7, callouts=2)}, {schema: 1}, now)
    add_measures({schema: Measure(entities=12, bytes=1_073_741_824)}, now)
    usage = owner("GET", "/envs/dev/usage").json()
    assert usage["env_name"] == "dev"
    figures = {one["entitlement_id"]: one for one in usage["figures"]}
    assert list(figures) == ["ENTITIES", "DISK_USAGE", "API_REQUEST", "EXTERNALIZED_CALL", "NUM_CLIENT_NODES"]
    storage = figures["DISK_USAGE"]
    assert (storage["used"], storage["limit"], storage["percent"]) == (1_073_741_824, 2 * 1024**3, 50)
    assert datetime.fromisoformat(storage["measured_at"]) == now
    assert (figures["ENTITIES"]["used"], figures["ENTITIES"]["limit"]) == (12, -1)
    assert (figures["API_REQUEST"]["today"], figures["EXTERNALIZED_CALL"]["today"]) == (7, 2)
    assert figures["NUM_CLIENT_NODES"]["used"] == 1
    assert all(figure["renewed_after_seconds"] > 0 for figure in figures.values())
    assert [day["requests"] for day in usage["days"]] == [hour["requests"] for hour in usage["hours"]] == [7]


def test_with_more_environments_than_a_round_has_figures_are_renewed_later(
    database: str, organise: Organise, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = organise(tier="enterprise")
    for name in ("dev", "two", "three"):
        owner.up(name)
    work()
    monkeypatch.setattr(measure, "AT_ONCE", 2)
    figures = {one["entitlement_id"]: one for one in owner("GET", "/envs/dev/usage").json()["figures"]}
    assert figures["DISK_USAGE"]["renewed_after_seconds"] == 120


def test_usage_of_an_unknown_environment_is_not_found(database: str, organise: Organise) -> None:
    assert slug(organise()("GET", "/envs/nope/usage")) == (404, "not-found")
