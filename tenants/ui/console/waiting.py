"""Why an entity is where it is, in words, and the one thing that would move it on (docs/help/transitions.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenants.ui.console.conditions import OPERATORS
from tenants.ui.console.documents import SHOWN_VALUE, spelled

Json = dict[str, Any]

VERDICTS = {
    "MATCHES": lazy("true"),
    "DOES_NOT_MATCH": lazy("false"),
    "UNKNOWN": lazy("a compute node has to say"),
    "CANNOT_BE_EVALUATED": lazy("cannot be evaluated"),
}
WHEN = {
    "MANUAL": lazy("Taken by hand, or when a client names it."),
    "AUTOMATIC": lazy("Taken by itself at the next update."),
    "SCHEDULED": lazy("Taken by itself when its timer fires; each update arms it anew."),
}
_SHOWN_VALUES = 5


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition in words, whether it is true of the entity, and what it saw there; a group has `conditions`."""

    text: str
    verdict: str
    seen: str
    note: str
    path: str
    conditions: list[Condition]

    @property
    def verdict_text(self) -> str:
        return str(VERDICTS.get(self.verdict, self.verdict))


@dataclass(frozen=True, slots=True)
class Way:
    """A transition of the entity's state. `may_be_taken`: by hand, as far as can be known without taking it."""

    name: str
    next: str
    kind: str
    is_disabled: bool
    needs: list[Json]
    criterion: Condition | None
    timer: Json | None
    refusal: Json | None

    @property
    def is_manual(self) -> bool:
        return self.kind == "MANUAL" and not self.is_disabled

    @property
    def when(self) -> str:
        if self.is_disabled:
            return _("Never while it is disabled: the workflow says so.")
        return str(WHEN[self.kind])

    @property
    def missing(self) -> list[Json]:
        """What it needs of compute nodes and none offers."""
        return [need for need in self.needs if not need.get("members")]

    @property
    def is_open(self) -> bool:
        """Whether nothing is known that stands in the way."""
        return not self.is_disabled and not self.missing and self.verdict in ("MATCHES", "UNKNOWN")

    @property
    def may_be_taken(self) -> bool:
        return self.is_manual and self.is_open

    @property
    def verdict(self) -> str:
        return "MATCHES" if self.criterion is None else self.criterion.verdict


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do: `act` is `fire`, `loopback`, `edit`, `connect` or nothing; `transition` goes with it."""

    text: str
    act: str = ""
    transition: str = ""
    path: str = ""


def ways(why: Json) -> list[Way]:
    return [
        Way(
            name=each["name"],
            next=each["next"],
            kind=each["kind"],
            is_disabled=each["disabled"],
            needs=each["needs"],
            criterion=_condition(each["criterion"]) if "criterion" in each else None,
            timer=each.get("timer"),
            refusal=each.get("lastRefusal"),
        )
        for each in why["transitions"]
    ]


def advice(found: list[Way], state: str) -> Advice | None:
    """The one next step; None where nothing leads on to another state."""
    leading = [way for way in found if not way.is_disabled and way.next != state]
    for seek in (_taken, _reevaluated, _filled_in, _timed, _connected):
        for way in sorted(leading, key=lambda way: not way.is_manual):
            if advised := seek(way):
                return advised
    return None


def _taken(way: Way) -> Advice | None:
    if not way.may_be_taken:
        return None
    text = _("Take “%(name)s”: nothing stands in its way.") % {"name": way.name}
    return Advice(text, "fire", way.name)


def _reevaluated(way: Way) -> Advice | None:
    if way.kind != "AUTOMATIC" or not way.is_open:
        return None
    text = _("“%(name)s” is taken at the next update: save it again, even unchanged.") % {"name": way.name}
    return Advice(text, "loopback")


def _filled_in(way: Way) -> Advice | None:
    leaf = next(_in_the_way(way.criterion), None) if way.criterion and way.verdict == "DOES_NOT_MATCH" else None
    if leaf is None or way.kind == "SCHEDULED" or not leaf.path.startswith("$."):
        return None
    words = {"condition": leaf.text, "seen": leaf.seen or "null", "name": way.name}
    if way.is_manual:
        text = _("Change it so that %(condition)s (it sees %(seen)s), and take “%(name)s” with that change.") % words
        return Advice(text, "edit", way.name, leaf.path)
    text = _("Change it so that %(condition)s (it sees %(seen)s): “%(name)s” is taken by itself then.") % words
    return Advice(text, "edit", "", leaf.path)


def _timed(way: Way) -> Advice | None:
    if way.timer is None:
        return None
    return Advice(_("Wait for the timer of “%(name)s”.") % {"name": way.name})


def _connected(way: Way) -> Advice | None:
    if not way.missing:
        return None
    tags = way.missing[0]["tags"]
    if not tags:
        return Advice(_("Connect a compute node: “%(name)s” needs one.") % {"name": way.name}, "connect")
    words = {"tags": tags, "name": way.name}
    return Advice(_("Connect a compute node with the tags “%(tags)s”: “%(name)s” needs one.") % words, "connect")


def _in_the_way(condition: Condition) -> Iterator[Condition]:
    if condition.verdict == "DOES_NOT_MATCH":
        if condition.path:
            yield condition
        for each in condition.conditions:
            yield from _in_the_way(each)


def _condition(tree: Json) -> Condition:
    path = tree.get("path", "")
    return Condition(
        text=_words(tree),
        verdict=tree["verdict"],
        seen=_values(tree.get("values")),
        note=tree.get("note", ""),
        path=path,
        conditions=[_condition(child) for child in tree.get("conditions", ())],
    )


def _words(tree: Json) -> str:
    match tree["type"]:
        case "group":
            return _("all of these") if tree.get("operator") == "AND" else _("one of these")
        case "function":
            return _("the function %(name)s") % {"name": tree.get("name", "")}
        case "array":
            return f"{tree.get('path', '')} {_('has the items')} {_value(tree.get('operand'))}"
        case _:
            operator = tree.get("operator", "")
            words = [tree.get("path", ""), str(OPERATORS.get(operator, operator.lower().replace("_", " ")))]
            return " ".join(words if tree.get("operand") is None else [*words, _value(tree["operand"])])


def _values(values: list[Any] | None) -> str:
    if values is None:
        return ""
    more = " …" if len(values) > _SHOWN_VALUES else ""
    return ", ".join(_value(value) for value in values[:_SHOWN_VALUES]) + more


def _value(value: Any) -> str:
    match value:
        case str():
            return f'"{value[:SHOWN_VALUE]}"'
        case list():
            return ", ".join(_value(each) for each in value[:_SHOWN_VALUES])  # pyright: ignore[reportUnknownVariableType]
        case dict():
            return "{…}"
        case _:
            return spelled(value)
