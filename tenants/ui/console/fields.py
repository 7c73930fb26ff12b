"""The fields of a model that a list can filter by and show: those of its schema, and the life cycle's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants.ui.console.place import Place

Kind = Literal["text", "number", "boolean", "date", "time", "instant", "mixed", "none"]
"""How a field's values are compared and typed in; `none` has no values of its own, only presence."""

LIFECYCLE: dict[str, tuple[Promise, Kind]] = {
    "@state": (_("State"), "text"),
    "@creationDate": (_("Created"), "instant"),
    "@lastUpdateTime": (_("Changed"), "instant"),
    "@previousTransition": (_("Last transition"), "text"),
    "@transactionId": (_("Transaction"), "text"),
    "@id": (_("Id"), "text"),
}
"""Fields of every entity, under the names that conditions, columns and orders have for them here."""

_SORTABLE = re.compile(r"\$(?:\.[A-Za-z0-9_-]+)+")
"""Paths that an order may name (contract: search 5.1)."""
_ALIASES = {"@transitionForLatestSave": "@previousTransition"}
_KINDS: dict[str, Kind] = {
    "BOOLEAN": "boolean",
    "LOCAL_DATE": "date",
    "ZONED_DATE_TIME": "instant",
    "LOCAL_DATE_TIME": "time",
    "LOCAL_TIME": "time",
    "YEAR_MONTH": "time",
    "YEAR": "time",
    "INTEGER": "number",
    "LONG": "number",
    "BIG_INTEGER": "number",
    "UNBOUND_INTEGER": "number",
    "DOUBLE": "number",
    "BIG_DECIMAL": "number",
    "UNBOUND_DECIMAL": "number",
}


@dataclass(frozen=True, slots=True)
class Field:
    """`path` is `$.a.b` in the document, or `@state` and the like."""

    path: str
    kind: Kind
    label: str

    @property
    def is_number(self) -> bool:
        return self.kind == "number"

    @property
    def is_sortable(self) -> bool:
        if self.path.startswith("@"):
            return self.path != "@previousTransition"
        return self.kind not in ("mixed", "none") and bool(_SORTABLE.fullmatch(self.path))


def known(path: str) -> str:
    """A path as it is written here, whatever spelling a condition or an address has for it."""
    if path.startswith("@"):
        return _ALIASES.get(path, path)
    return path if path.startswith("$") else f"$.{path}"


class Fields(dict[str, Field]):
    """By path; those of the life cycle first."""

    def of(self, path: str) -> Field:
        """Also of a path that the model does not have (any more)."""
        return self.get(path) or Field(path, "mixed", path.removeprefix("$."))


def fields_of(place: Place, model: str, version: int) -> Fields:
    """One call. Raises Refused."""
    simple = place.api.get("model", "export", "SIMPLE_VIEW", model, version)["model"]
    found = lifecycle_fields()
    for path, types in leaves(simple):
        found[path] = Field(path, _kind(types), path.removeprefix("$."))
    return found


def leaves(simple: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    """Path and types of each leaf, from the simple view: `.` starts a field's name, `#.` an object's or array's."""
    for parent in sorted(simple):
        for name, types in simple[parent].items():
            if name.startswith("."):
                yield f"{parent}{name}", types


def _kind(types: Any) -> Kind:
    names = {name.strip() for name in str(types).strip("[]").split(",")} - {"NULL"}
    if not names:
        return "none"
    kinds: set[Kind] = {_KINDS.get(name, "text") for name in names}
    return kinds.pop() if len(kinds) == 1 else "mixed"


def lifecycle_fields() -> Fields:
    """What is known without asking for a model."""
    return Fields({path: Field(path, kind, str(label)) for path, (label, kind) in LIFECYCLE.items()})
