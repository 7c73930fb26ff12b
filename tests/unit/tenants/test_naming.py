"""Names of schemas and environments (contract: control plane 2.1)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.naming import UnusableTenantId, is_environment_name, schema_name_of

STRANGE = ["a b/ü", "x" * 100_000, "o'brien", 'say "no"', "public", "T_1", "t_1", "日本", "-- ;drop schema public", " "]


def test_every_tenant_has_a_safe_schema_name_of_its_own() -> None:
    names = [schema_name_of(tenant) for tenant in STRANGE]
    assert len(set(names)) == len(STRANGE)
    assert all(re.fullmatch(r"t_[0-9a-f]{32}", name) for name in names)


@given(st.text(min_size=1).filter(lambda text: "\0" not in text), st.text(min_size=1))
def test_two_texts_share_a_schema_only_when_they_are_equal(one: str, other: str) -> None:
    try:
        assert (schema_name_of(one) == schema_name_of(other)) == (one == other)
    except UnusableTenantId:
        assert "\0" in other


@pytest.mark.parametrize("tenant", ["", "a\0b", "\ud800"])
def test_what_the_database_cannot_hold_is_no_tenant(tenant: str) -> None:
    with pytest.raises(UnusableTenantId):
        schema_name_of(tenant)


@pytest.mark.parametrize("name", ["a", "dev", "dev-2", "a" * 22])
def test_environment_names(name: str) -> None:
    assert is_environment_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Dev",
        "2dev",
        "dev-",
        "a--b",
        "a" * 23,
        "default",
        "kube-system",
        "app",
        "cl",
        "app-x",
        "cl-x",
        "dev\n",
        "dév",
    ],
)
def test_names_that_environments_must_not_have(name: str) -> None:
    assert not is_environment_name(name)
