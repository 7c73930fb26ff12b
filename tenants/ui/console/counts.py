"""An environment's models with how many entities they have in which state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.http import Http404

from tenants.ui.console.place import Place


@dataclass(slots=True)
class Counted:
    """A model with its live entities by state, the fullest state first."""

    name: str
    version: int
    state: str
    updated_at: str
    by_state: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])

    @property
    def entities(self) -> int:
        return sum(count for _, count in self.by_state)


def counted_models(place: Place) -> list[Counted]:
    """By name and version. Two calls, whatever their number."""
    return _counted(place.api.get("model", ""), place.api.get("entity", "stats", "states"))


def one_model(place: Place, name: str, version: int) -> Counted:
    """Two calls that do not look at the entities of other models."""
    listed = [m for m in place.api.get("model", "") if (m["modelName"], m["modelVersion"]) == (name, version)]
    if not listed:
        raise Http404
    (found,) = _counted(listed, place.api.get("entity", "stats", "states", name, version))
    return found


def _counted(models: Iterable[dict[str, Any]], counts: Iterable[dict[str, Any]]) -> list[Counted]:
    found = {
        (model["modelName"], model["modelVersion"]): Counted(
            model["modelName"], model["modelVersion"], model["currentState"], model["modelUpdateDate"]
        )
        for model in models
    }
    for count in sorted(counts, key=lambda count: -count["count"]):
        if model := found.get((count["modelName"], count["modelVersion"])):
            model.by_state.append((count["state"], count["count"]))
    return [found[key] for key in sorted(found)]
