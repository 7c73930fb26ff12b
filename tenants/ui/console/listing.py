"""What a list of entities shows, all of it in its address, so that a link shows another person the same."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

from django.http import QueryDict
from django.utils.http import urlencode

from tenants.ui.console.fields import known

SIZES = (25, 50, 100, 200)
DEFAULT_SIZE = 50
MAX_COLUMNS = 40
MAX_MOMENT = 40
PAGING = ("after", "before", "start", "of")
"""What says which page it is."""
BY_ID, BY_ID_DESCENDING = "", "@id:desc"
"""An order by id is as usual; other orders are `$.a.b` or `@state`, with `:desc` behind it."""
Density = Literal["", "compact"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """`condition` is JSON text, empty for everything. Of `after` and `before`, ids at which the page begins or ends,
    one is given at most; `start` says how many entities lie before the page, as far as paging has counted, and `of` how
    many there were when that was last counted, 0 if it was not."""

    condition: str = ""
    columns: tuple[str, ...] = ()
    at: str = ""
    sort: str = BY_ID
    size: int = DEFAULT_SIZE
    density: Density = ""
    view: str | None = None
    after: str = ""
    before: str = ""
    start: int = 0
    of: int = 0

    @property
    def is_by_id(self) -> bool:
        return self.sort in (BY_ID, BY_ID_DESCENDING)

    @property
    def is_first_page(self) -> bool:
        return not (self.after or self.before or self.start)

    def having(self, **changes: Any) -> Listing:
        """The same with changes; a list of something else, or in another order, begins at its beginning."""
        if changes.keys() & {"condition", "at", "sort", "size"}:
            changes = {"after": "", "before": "", "start": 0, "of": 0} | changes
        return replace(self, **changes)

    def pairs(self, *without: str) -> list[tuple[str, str]]:
        """The address' query, without what is as usual."""
        found = [
            ("q", self.condition),
            *(("col", column) for column in self.columns),
            ("at", self.at),
            ("sort", self.sort),
            ("size", str(self.size) if self.size != DEFAULT_SIZE else ""),
            ("density", self.density),
            ("after", self.after),
            ("before", self.before),
            ("start", str(self.start) if self.start else ""),
            ("of", str(self.of) if self.of else ""),
        ]
        kept = [(name, value) for name, value in found if value and name not in without]
        return kept if self.view is None or "view" in without else [*kept, ("view", self.view)]

    def query(self, *more: tuple[str, str], **changes: Any) -> str:
        """`?…`, also of a list that is as usual: an address without a query may lead to somebody's own view."""
        return "?" + (urlencode([*self.having(**changes).pairs(), *more]) or "view=")


def listing_of(given: QueryDict) -> Listing:
    """What an address asks for; what it says wrongly is as if it were not said."""
    size = _number(given.get("size", ""))
    return Listing(
        condition=_text(given.get("q", "")),
        columns=_columns(given.getlist("col")),
        at=_text(given.get("at", ""))[:MAX_MOMENT],
        sort=_sort(_text(given.get("sort", ""))),
        size=size if size in SIZES else DEFAULT_SIZE,
        density="compact" if given.get("density") == "compact" else "",
        view=given.get("view"),
        after=_id(given.get("after", "")),
        before=_id(given.get("before", "")),
        start=_number(given.get("start", "")),
        of=_number(given.get("of", "")),
    )


def _columns(given: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(known(path) for path in map(_text, given) if path))[:MAX_COLUMNS]


def _text(given: str) -> str:
    """Without what no row of a database can hold."""
    return given.replace("\0", "").strip()


def _sort(given: str) -> str:
    key = given.removesuffix(":asc")
    return BY_ID if key == "@id" else key


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _id(text: str) -> str:
    try:
        return str(UUID(text)) if text else ""
    except ValueError:
        return ""
