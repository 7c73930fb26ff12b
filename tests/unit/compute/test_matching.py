"""The match rule, and the registry's fast lookup against it (contract: grpc 15.1)."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workflows.compute.matching import is_match, required_tags
from workflows.compute.members import Member, Pending, Registry


@pytest.mark.parametrize(
    ("tags", "requirement", "matches"),
    [
        ((), "", True),
        (("a",), "", True),
        (("a",), "a", True),
        (("a", "b"), "c, b", True),
        (("a",), " a ", True),
        (("a",), "A", False),
        (("A",), "a", False),
        ((" a",), "a", False),
        (("a",), "a;b", False),
        (("a",), ",", False),
        (("",), ",", True),
        (("",), " ", True),
        ((), " ", False),
        ((), "a", False),
    ],
)
def test_one_common_tag_is_enough_and_only_an_empty_requirement_means_any(
    tags: tuple[str, ...], requirement: str, matches: bool
) -> None:
    assert is_match(tags, requirement) is matches


def test_a_requirement_names_each_tag_once() -> None:
    assert required_tags("a, b,a") == ("a", "b")


def member(number: int, tenant: str, tags: tuple[str, ...]) -> Member:
    def send(pending: Pending) -> None:
        raise AssertionError("nothing is sent here")

    return Member(
        id=UUID(int=number), tenant=tenant, tags=tags, send=send, clock=lambda: datetime(2026, 1, 1, tzinfo=UTC)
    )


TAG = st.sampled_from(["", "a", "b", "c", " a"])
MEMBERS = st.lists(st.tuples(st.sampled_from(["acme", "other"]), st.lists(TAG).map(tuple), st.booleans()), max_size=8)


@given(MEMBERS, st.lists(TAG, max_size=3).map(",".join))
def test_the_registry_finds_exactly_the_members_of_the_tenant_that_match(
    described: list[tuple[str, tuple[str, ...], bool]], requirement: str
) -> None:
    registry = Registry()
    joined = [(member(number, tenant, tags), stays) for number, (tenant, tags, stays) in enumerate(described)]
    for each, _ in joined:
        registry.add(each)
    for each, stays in joined:
        if not stays:
            registry.remove(each)
    for tenant in ("acme", "other"):
        expected = [m for m, stays in joined if stays and m.tenant == tenant and is_match(m.tags, requirement)]
        found = registry.candidates(tenant, requirement)
        assert len(found) == len(expected)
        assert {m.id for m in found} == {m.id for m in expected}
        assert registry.tags(tenant) == {t for m, stays in joined if stays and m.tenant == tenant for t in m.tags}
    assert {m.id for m in registry.members()} == {m.id for m, stays in joined if stays}


def test_removing_a_member_twice_is_fine() -> None:
    registry, one = Registry(), member(1, "acme", ("a",))
    registry.add(one)
    registry.remove(one)
    registry.remove(one)
    assert registry.members() == []
