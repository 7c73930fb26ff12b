"""One page of the entities that match, as the API finds it: by ids from the one before, or of a few in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from cyoda import jsonio
from tenants.ui.console.api import Api, Refused
from tenants.ui.console.conditions import Group, Row
from tenants.ui.console.counts import Counted
from tenants.ui.console.listing import BY_ID, BY_ID_DESCENDING, Listing

SORTED_AT_MOST = 1000
"""More matches are not sorted while somebody waits: a background search is."""
MATCH_ALL = b'{"type":"group","operator":"AND","conditions":[]}'

Entity = dict[str, Any]


@dataclass(slots=True)
class Found:
    """`refusal`: why the API does not answer this question. `is_unsorted`: too many match for the order asked for."""

    entities: list[Entity] = field(default_factory=list[Entity])
    start: int = 0
    has_previous: bool = False
    has_next: bool = False
    refusal: Refused | None = None
    is_unsorted: bool = False

    @property
    def end(self) -> int:
        return self.start + len(self.entities)


def find(api: Api, model: Counted, listing: Listing) -> Found:
    """Refusals of the question are part of the answer. Raises Refused when it is the storage that does not answer."""
    try:
        if listing.is_by_id:
            return _by_id(api, model, listing)
        try:
            return _sorted(api, model, listing)
        except Refused as refusal:
            if refusal.code != "SEARCH_RESULT_LIMIT":
                raise
        found = _by_id(api, model, listing.having(sort=BY_ID, after=listing.after, before=listing.before,
                                                  start=listing.start))  # fmt: skip
        found.is_unsorted = True
        return found
    except Refused as refusal:
        if refusal.status != 400:
            raise
        return Found(refusal=refusal)


def _by_id(api: Api, model: Counted, listing: Listing) -> Found:
    """A page more than is shown by one, which tells whether there is another behind it."""
    backwards = bool(listing.before)
    descending = (listing.sort == BY_ID_DESCENDING) is not backwards
    found = _search(
        api, model, listing, limit=listing.size + 1, after=listing.before or listing.after,
        sort=BY_ID_DESCENDING if descending else None,
    )  # fmt: skip
    more, shown = len(found) > listing.size, found[: listing.size]
    if not backwards:
        return Found(shown, listing.start, bool(listing.after), more)
    start = max(listing.start - len(shown), 0) if more else 0
    return Found(shown[::-1], start, more, True)


def _sorted(api: Api, model: Counted, listing: Listing) -> Found:
    found = _search(api, model, listing, limit=SORTED_AT_MOST, sort=listing.sort.replace("$.", "", 1))
    end = listing.start + listing.size
    return Found(found[listing.start : end], listing.start, listing.start > 0, len(found) > end)


def _search(api: Api, model: Counted, listing: Listing, **query: object) -> list[Entity]:
    answer = api.question(
        "search", "direct", model.name, model.version, body=condition_bytes(listing),
        pointInTime=listing.at or None, **query,
    )  # fmt: skip
    return [jsonio.parse(line) for line in answer.body.splitlines()]


def condition_bytes(listing: Listing) -> bytes:
    return listing.condition.encode() or MATCH_ALL


def counted(api: Api, model: Counted, listing: Listing) -> int | None:
    """How many match, by asking for it. None: the API refuses the question."""
    question: dict[str, Any] = {"groupBy": ["state"]}
    try:
        if listing.condition:
            question["condition"] = jsonio.parse(listing.condition)
        if listing.at:
            question["pointInTime"] = listing.at
        answer = api.question(
            "entity", "stats", model.name, model.version, "query", body=jsonio.dumps(question)
        )  # fmt: skip
    except (jsonio.InvalidJson, Refused):
        return None
    return sum(bucket["count"] for bucket in answer.json)


def states_asked(listing: Listing, tree: Group | None) -> set[str] | None:
    """The states whose counts say how many match, none of them for all; None when they do not say it."""
    if listing.of or listing.at or tree is None:
        return None
    if not tree.children:
        return set() if tree.operator == "AND" else None
    if len(tree.children) > 1 and tree.operator == "AND":
        return None
    tests = [child for child in tree.children if isinstance(child, Row)]
    names = {test.value for test in tests if (test.path, test.operator) == ("@state", "EQUALS")}
    return names if len(names) == len(tree.children) else None


def known_count(model: Counted, asked: set[str]) -> int:
    return sum(count for state, count in model.by_state if not asked or state in asked)


@dataclass(frozen=True, slots=True)
class Plan:
    """The API's explanation of a search."""

    indexes: list[str]
    examined: int
    judged: int
    matched: int


def explained(api: Api, model: Counted, listing: Listing) -> Plan | Refused:
    try:
        answer = api.question(
            "search", "direct", model.name, model.version, body=condition_bytes(listing),
            pointInTime=listing.at or None, explain="true",
        )  # fmt: skip
    except Refused as refusal:
        return refusal
    plan = answer.json
    return Plan(plan["index"], plan["rowsExamined"], plan["rowsJudged"], plan["rowsMatched"])
