"""Unique values: held by at most one live entity of a model (contract: entities 4.8)."""

from __future__ import annotations

import asyncio
import hashlib

import pytest

from cyoda.errors import UniqueViolation
from tests.conformance.home import INVOICE, Home, changed, created, deleted
from workflows.core.entity import ModelKey
from workflows.core.unique import Claim


def claim(value: str, key: str = "by-mail") -> Claim:
    return Claim(key, hashlib.sha256(value.encode()).digest())


A, B, C = (claim(letter) for letter in "abc")


async def test_a_value_that_is_taken_cannot_be_claimed(home: Home) -> None:
    await home.create(claims=(A,))
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(A,)))
    await home.commit(created(claims=(B,)))
    assert len(await home.scan()) == 2


async def test_a_violation_refuses_the_whole_change(home: Home) -> None:
    await home.create(claims=(A,))
    free = await home.create()
    with pytest.raises(UniqueViolation):
        await home.commit(changed(free, 2, claims=(B,)), created(claims=(A,)))
    assert await home.current(free) == free
    await home.commit(created(claims=(B,)))


async def test_equal_values_of_other_keys_and_models_do_not_collide(home: Home) -> None:
    await home.create(claims=(A,))
    await home.commit(created(claims=(claim("a", "by-name"),)))
    await home.commit(created(model=INVOICE, claims=(A,)))
    await home.commit(created(model=ModelKey("order", 2), claims=(A,)))
    assert len(await home.scan()) == 2


async def test_two_entities_of_one_change_cannot_claim_the_same(home: Home) -> None:
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(A,)), created(claims=(A,)))
    assert await home.scan() == []


async def test_an_entity_may_claim_its_own_value_again(home: Home) -> None:
    version = await home.create(claims=(A, claim("x", "by-name")))
    version = await home.update(version, 2, claims=(A, claim("x", "by-name")))
    assert version.number == 2
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(A,)))


async def test_a_changed_value_is_free_and_the_new_one_is_taken(home: Home) -> None:
    version = await home.create(claims=(A,))
    await home.update(version, 2, claims=(B,))
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(B,)))
    await home.commit(created(claims=(A,)))


async def test_a_cleared_value_is_free(home: Home) -> None:
    version = await home.create(claims=(A,))
    await home.update(version, 2, claims=())
    await home.commit(created(claims=(A,)))


@pytest.mark.parametrize("claims", [(), None])
async def test_a_deleted_entity_holds_nothing(home: Home, claims: tuple[Claim, ...] | None) -> None:
    version = await home.create(claims=(A, claim("x", "by-name")))
    await home.commit(deleted(version, claims=claims))
    await home.commit(created(claims=(A, claim("x", "by-name"))))


async def test_values_of_other_keys_stay_held_when_one_moves(home: Home) -> None:
    version = await home.create(claims=(A, claim("x", "by-name")))
    await home.update(version, 2, claims=(B, claim("x", "by-name")))
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(claim("x", "by-name"),)))


async def test_a_value_freed_and_claimed_in_one_change_moves(home: Home) -> None:
    version = await home.create(claims=(A,))
    heir = created(claims=(A,))
    await home.commit(changed(version, 2, claims=(B,)), heir)
    with pytest.raises(UniqueViolation):
        await home.commit(changed(await home.current(version), 3, claims=(A,)))
    await home.delete(await home.current(heir))
    await home.commit(changed(await home.current(version), 3, claims=(A,)))


async def test_a_value_of_an_entity_deleted_in_the_same_change_moves(home: Home) -> None:
    version = await home.create(claims=(A,))
    await home.commit(deleted(version), created(claims=(A,)))
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(A,)))


async def test_two_entities_may_swap_their_values_in_one_change(home: Home) -> None:
    one, two = await home.create(claims=(A,)), await home.create(claims=(B,))
    await home.commit(changed(one, 2, claims=(B,)), changed(two, 2, claims=(A,)))
    await home.delete(await home.current(one))
    await home.commit(created(claims=(B,)))
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(A,)))


async def test_of_concurrent_claims_of_one_value_exactly_one_wins(home: Home) -> None:
    verdicts = await asyncio.gather(
        *(home.commit(created(number, claims=(A, claim(str(number))))) for number in range(12)),
        return_exceptions=True,
    )
    assert sorted(type(verdict).__name__ for verdict in verdicts) == ["UniqueViolation"] * 11 + ["datetime"]
    winner = [isinstance(verdict, UniqueViolation) for verdict in verdicts].index(False)
    assert [version.document.value for version in await home.scan()] == [{"value": winner}]
    losers = [number for number in range(12) if number != winner]
    await home.commit(*(created(number, claims=(claim(str(number)),)) for number in losers))


async def test_concurrent_claims_of_different_values_all_win(home: Home) -> None:
    await asyncio.gather(*(home.commit(created(number, claims=(claim(str(number)),))) for number in range(20)))
    assert len(await home.scan()) == 20


async def test_a_refused_claim_may_be_repeated_once_the_value_is_free(home: Home) -> None:
    holder = await home.create(claims=(A,))
    seeker = created(claims=(A,))
    with pytest.raises(UniqueViolation):
        await home.commit(seeker)
    await home.delete(holder)
    await home.commit(seeker)
    assert (await home.current(seeker)).number == 1


async def test_updating_to_a_value_that_another_holds_is_refused(home: Home) -> None:
    await home.create(claims=(A,))
    version = await home.create(claims=(B,))
    with pytest.raises(UniqueViolation):
        await home.commit(changed(version, 2, claims=(A,)))
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(B,)))


async def test_key_ids_are_taken_literally(home: Home) -> None:
    await home.commit(created(claims=(claim("a", "k'\"%_\\é"),)))
    with pytest.raises(UniqueViolation):
        await home.commit(created(claims=(claim("a", "k'\"%_\\é"),)))
    await home.commit(created(claims=(claim("a", "k'\"%x\\é"),)))
