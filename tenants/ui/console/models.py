"""Entity models: the list, and one model's fields, schema, states and workflows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from tenants.ui.console.counts import counted_models, one_model
from tenants.ui.console.documents import indented, shortened
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.workflows.listing import workflows_of

TABS = ("fields", "states", "workflows", "schema")
CHANGE_LEVELS = (
    ("ARRAY_LENGTH", lazy("longer arrays")),
    ("ARRAY_ELEMENTS", lazy("also other elements of arrays")),
    ("TYPE", lazy("also wider types")),
    ("STRUCTURAL", lazy("also new fields")),
)
"""What a document may bring that the schema of a locked model does not have; each includes those before it."""


@in_environment()
@require_safe
def model_list(request: HttpRequest, place: Place) -> HttpResponse:
    return show(request, place, "console/models.html", models=counted_models(place))


@in_environment()
@require_safe
def model(request: HttpRequest, place: Place, model: str, version: int, tab: str = TABS[0]) -> HttpResponse:
    if tab not in TABS:
        raise Http404
    found = one_model(place, model, version)
    simple = place.api.get("model", "export", "SIMPLE_VIEW", model, version)["model"]
    context: dict[str, Any] = {"model": found, "tab": tab, "tabs": TABS, "fields": list(_fields(simple))}
    context["change_levels"] = CHANGE_LEVELS
    if tab == "schema":
        schema = place.api.answer("model", "export", "JSON_SCHEMA", model, version).body
        context["schema"] = shortened(indented(schema))
    if tab == "workflows":
        context["workflows"] = workflows_of(place, found)
    return show(request, place, f"console/model_{tab}.html", **context)


def _fields(simple: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    """Path and types of each leaf, from the simple view: `.` starts a field's name, `#.` an object's or array's."""
    for parent in sorted(simple):
        for name, types in simple[parent].items():
            if name.startswith("."):
                yield f"{parent}{name}", types
