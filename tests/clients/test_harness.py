"""Handlers run without a platform: what the library offers to its users' own tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest

from cyoda_member import ApiError, Caller, Context, Entity, HandlerFailed, Member, Model, NotJoinable, Schedule
from cyoda_member.testing import CalloutFailed, Harness, MemoryApi, run_criterion, run_function, run_processor

member = Member()


@member.processor("price")
def price(order: dict[str, Any]) -> dict[str, Any]:
    if "unit" not in order:
        raise HandlerFailed("no unit price")
    return order | {"total": order["quantity"] * order["unit"]}


@member.criterion("mayApprove")
def may_approve(_order: dict[str, Any], context: Context) -> tuple[bool, str]:
    context.warnings.add("audited")
    is_boss = context.caller is not None and "ROLE_BOSS" in context.caller.roles
    return is_boss, f"{context.state} by {context.caller}"


@member.function("due")
async def due(order: dict[str, Any], context: Context) -> Schedule:
    return Schedule(after=timedelta(hours=order["hours"] * context.parsed_parameters()["factor"]))


@member.processor("archive")
async def archive(order: dict[str, Any], context: Context) -> None:
    async with context.join() as api:
        for twin in await api.search("order", 1, {}):
            await api.delete(twin.id)
        (copy,) = await api.create("archive", 1, order)
        await api.update(copy, (await api.get(copy)).document | {"of": context.entity_id})


def test_a_processor_gets_and_gives_what_would_be_on_the_wire() -> None:
    order = {"quantity": 3, "unit": Decimal("1.10")}
    assert str(run_processor(member, "price", order).document["total"]) == "3.30"
    assert order == {"quantity": 3, "unit": Decimal("1.10")}


def test_a_failure_is_raised_with_the_text_that_the_platform_reports() -> None:
    with pytest.raises(CalloutFailed, match=r"^no unit price$"):
        run_processor(member, "price", {"quantity": 3})
    with pytest.raises(CalloutFailed, match="no criterion 'price'"):
        run_criterion(member, "price", {})


def test_a_criterion_says_yes_or_no_why_and_with_which_warnings() -> None:
    yes = run_criterion(member, "mayApprove", {}, caller=Caller("user", "ann", ("ROLE_BOSS",)), state="NEW")
    assert (yes.matches, yes.warnings) == (True, ("audited",))
    no = run_criterion(member, "mayApprove", {}, caller=None, state="OPEN")
    assert (no.matches, no.reason) == (False, "OPEN by None")


def test_a_function_gives_a_schedule() -> None:
    assert run_function(member, "due", {"hours": 2}, parameters='{"factor":3}').result == {"fireAfterMs": 21_600_000}


async def test_in_async_tests_handlers_are_awaited() -> None:
    api = MemoryApi(found=[Entity({}, {"id": "twin"})])
    api.entities["twin"] = api.found[0]
    await Harness(member).processor("archive", {"quantity": 1}, entity_id="o-1", api=api)
    (stored,) = api.entities.values()
    assert (stored.document, stored.model) == ({"quantity": 1, "of": "o-1"}, Model("archive", 1))
    with pytest.raises(ApiError):
        await api.get("twin")


def test_outside_a_transaction_there_is_nothing_to_join() -> None:
    with pytest.raises(CalloutFailed, match=NotJoinable.__name__):
        run_processor(member, "archive", {})


def test_a_name_is_given_once_and_a_handler_takes_one_or_two_arguments() -> None:
    with pytest.raises(ValueError, match="there is a processor 'price' already"):
        member.processor("price")(price)

    def three(_a: object, _b: object, _c: object) -> None: ...

    with pytest.raises(ValueError, match="must take the document"):
        member.processor("three")(three)


MOMENT = datetime(2026, 3, 29, 3, 0, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("schedule", "result"),
    [
        (Schedule(at=MOMENT), {"fireAt": 1_774_746_000_000}),
        (
            Schedule(after=timedelta(seconds=1), expire_at=MOMENT.astimezone(UTC)),
            {"fireAfterMs": 1000, "expireAt": 1_774_746_000_000},
        ),
        (
            Schedule(after=timedelta(0), expire_after=timedelta(days=1)),
            {"fireAfterMs": 0, "expireAfterMs": 86_400_000},
        ),
    ],
)
def test_a_schedule_is_told_in_milliseconds(schedule: Schedule, result: dict[str, int]) -> None:
    assert schedule.result() == result


@pytest.mark.parametrize(
    "times",
    [
        {},
        {"at": MOMENT, "after": timedelta(1)},
        {"after": timedelta(1), "expire_at": MOMENT, "expire_after": timedelta(1)},
        {"at": MOMENT.replace(tzinfo=None)},
    ],
)
def test_a_schedule_without_one_clear_moment_is_refused(times: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Schedule(**times)
