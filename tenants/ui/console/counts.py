"""An environment's models with how many entities they have in which state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404
from django.utils.http import urlencode

from cyoda import jsonio
from tenants.ui.console.place import Place


@dataclass(slots=True)
class Counted:
    """A model with its live entities by state, the fullest state first."""

    name: str
    version: int
    state: str
    updated_at: str
    change_level: str = ""
    last_write: str = ""
    by_state: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    @property
    def shares(self) -> list[tuple[str, int, str]]:
        """State, number of entities, and the query of the list that has only those."""
        return [(state, count, in_state(state)) for state, count in self.by_state]

    @property
    def is_locked(self) -> bool:
        return self.state == "LOCKED"

    @property
    def entities(self) -> int:
        return sum(count for _, count in self.by_state)


def in_state(state: str) -> str:
    """The query of a list of entities that are in a state."""
    condition = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": state}
    return "?" + urlencode({"q": jsonio.dumps(condition).decode()})


def listed_models(place: Place) -> list[Counted]:
    """The same without their entities. One call."""
    return _counted(place.api.get("model", ""), ())


def connected_members(place: Place) -> list[dict[str, Any]]:
    """As the API tells of those that are there, without those that were lost."""
    return present(place.api.get("members")["members"])


def present(members: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [member for member in members if member["state"] != "lost"]


def counted_models(place: Place) -> list[Counted]:
    """By name and version. Two calls, whatever their number."""
    return _counted(place.api.get("model", ""), place.api.get("entity", "stats", "states", lastWrite="true"))


def one_model(place: Place, name: str, version: int) -> Counted:
    """Two calls that do not look at the entities of other models."""
    listed = [m for m in place.api.get("model", "") if (m["modelName"], m["modelVersion"]) == (name, version)]
    if not listed:
        raise Http404
    (found,) = _counted(listed, place.api.get("entity", "stats", "states", name, version, lastWrite="true"))
    return found


def _counted(models: Iterable[dict[str, Any]], counts: Iterable[dict[str, Any]]) -> list[Counted]:
    found = {
        (model["modelName"], model["modelVersion"]): Counted(
            model["modelName"],
            model["modelVersion"],
            model["currentState"],
            model["modelUpdateDate"],
            model.get("changeLevel", ""),
        )
        for model in models
    }
    for count in sorted(counts, key=lambda count: -count["count"]):
        if model := found.get((count["modelName"], count["modelVersion"])):
            model.by_state.append((count["state"], count["count"]))
            model.last_write = max(model.last_write, count["lastWrite"])
    return [found[key] for key in sorted(found)]
