"""Two changes of one document: theirs, which was made meanwhile, and mine, which was begun before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tenants.ui.console.differing import Difference, differences

Json = Any
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Meeting:
    """A field that one of the two changed, or both; None where there is nothing."""

    path: str
    base: str | None
    theirs: str | None
    mine: str | None
    is_conflict: bool


def meetings(base: Json, theirs: Json, mine: Json) -> list[Meeting]:
    """By path; in conflict are those that both changed, and not to the same."""
    their = {each.path: each for each in differences(base, theirs)}
    my = {each.path: each for each in differences(base, mine)}
    return [_meeting(path, their.get(path), my.get(path)) for path in dict.fromkeys([*their, *my])]


def _meeting(path: str, their: Difference | None, my: Difference | None) -> Meeting:
    either = their or my
    assert either is not None
    theirs = either.before if their is None else their.after
    mine = either.before if my is None else my.after
    return Meeting(path, either.before, theirs, mine, their is not None and my is not None and theirs != mine)


def merged(base: Json, theirs: Json, mine: Json, *, prefer_mine: bool) -> Json:
    """Theirs with my changes; arrays are changed as a whole."""
    if mine == base:
        return theirs
    if theirs in (base, mine):
        return mine
    if not (isinstance(base, dict) and isinstance(theirs, dict) and isinstance(mine, dict)):
        return mine if prefer_mine else theirs
    found: dict[str, Json] = {}
    for name in dict.fromkeys([*theirs, *mine]):
        values = [each.get(name, _NOTHING) for each in (base, theirs, mine)]
        value = merged(*values, prefer_mine=prefer_mine)
        if value is not _NOTHING:
            found[name] = value
    return found
