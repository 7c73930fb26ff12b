"""Entity models: the list, and one model's fields, states, schema, workflows, keys, indexes and versions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from cyoda import jsonio
from tenants.ui.console.confirming import is_guarded
from tenants.ui.console.counts import Counted, counted_models, one_model
from tenants.ui.console.documents import indented, shortened
from tenants.ui.console.editing import schema_of
from tenants.ui.console.fields import leaves
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.workflows.listing import workflows_of

TABS: tuple[tuple[str, str | Promise], ...] = (
    ("fields", lazy("Fields")),
    ("states", lazy("States")),
    ("workflows", lazy("Workflows")),
    ("schema", lazy("Schema")),
    ("keys", lazy("Unique keys")),
    ("indexes", lazy("Indexes")),
    ("check", lazy("Check")),
    ("versions", lazy("Versions")),
    ("rules", lazy("Rules")),
)
CHANGE_LEVELS = (
    ("ARRAY_LENGTH", lazy("longer arrays"), lazy("Arrays may have more items than any before.")),
    ("ARRAY_ELEMENTS", lazy("also other elements of arrays"), lazy("Items of arrays may have types not seen before.")),
    ("TYPE", lazy("also wider types"), lazy("Fields may have types not seen before: a text where only numbers were.")),
    ("STRUCTURAL", lazy("also new fields"), lazy("Documents may bring fields that the schema does not know.")),
)
"""What a document may bring that the schema of a locked model does not have; each includes those before it."""
SCHEMAS = ("json_schema", "simple_view", "sample")

Simple = dict[str, dict[str, str]]


@dataclass(frozen=True, slots=True)
class SchemaField:
    """A leaf of a schema: its path and types, the unique keys it is part of and the indexes that have it."""

    path: str
    types: str
    keys: list[str]
    indexes: list[str]

    @property
    def anchor(self) -> str:
        """The path as a name of its row, which may have no blanks."""
        return "-".join(self.path.split())


@in_environment()
@require_safe
def model_list(request: HttpRequest, place: Place) -> HttpResponse:
    """`?q=` is part of a name, `?schema=` is `locked` or `open`."""
    found = counted_models(place)
    wanted, schema = request.GET.get("q", "").strip(), request.GET.get("schema", "")
    shown = [
        model
        for model in found
        if wanted.lower() in model.name.lower() and schema in ("", "locked" if model.is_locked else "open")
    ]
    return show(
        request, place, "console/models.html", models=shown, all=len(found), q=wanted, schema=schema
    )  # fmt: skip


@in_environment()
@require_safe
def model(request: HttpRequest, place: Place, model: str, version: int, tab: str = TABS[0][0]) -> HttpResponse:
    found = one_model(place, model, version)
    gather = _GATHERERS.get(tab)
    if gather is None:
        raise Http404
    return model_page(request, place, found, tab, **gather(request, place, found))


def model_page(
    request: HttpRequest, place: Place, model: Counted, tab: str, status: int = 200, **context: object
) -> HttpResponse:
    """A tab of a model's page with what it needs."""
    return show(
        request, place, f"console/model_{tab}.html",
        status=status, model=model, tab=tab, tabs=TABS, label=dict(TABS)[tab], **context,
    )  # fmt: skip


def fields_of(place: Place, model: Counted) -> list[SchemaField]:
    exported = place.api.get("model", "export", "SIMPLE_VIEW", model.name, model.version)
    declared = place.api.get("model", model.name, model.version, "indexes")["indexes"]
    keys = exported.get("uniqueKeys", [])
    return [
        SchemaField(path, types, _having(keys, path), _having(declared, path))
        for path, types in leaves(exported["model"])
    ]


def _having(declared: list[dict[str, Any]], path: str) -> list[str]:
    return [each["id"] for each in declared if path in each["fields"]]


# --- what the tabs show ---------------------------------------------------------------------------------------------

Gatherer = Callable[[HttpRequest, Place, Counted], dict[str, Any]]


def _fields(_: HttpRequest, place: Place, model: Counted) -> dict[str, Any]:
    return {"fields": fields_of(place, model)}


def _states(*_: object) -> dict[str, Any]:
    return {}


def _workflows(_: HttpRequest, place: Place, model: Counted) -> dict[str, Any]:
    return {"workflows": workflows_of(place, model)}


def _schema(request: HttpRequest, place: Place, model: Counted) -> dict[str, Any]:
    given = request.GET.get("as", "")
    view = given if given in SCHEMAS else SCHEMAS[0]
    if view == "sample":
        text = sample_of(place, model)
    else:
        exported = place.api.answer("model", "export", view.upper(), model.name, model.version)
        text = indented(exported.body)
    return {"schema": shortened(text), "view": view}


def _keys(_: HttpRequest, place: Place, model: Counted) -> dict[str, Any]:
    exported = place.api.get("model", "export", "SIMPLE_VIEW", model.name, model.version)
    paths = [path for path, _types in leaves(exported["model"]) if "[" not in path]
    return {"keys": exported.get("uniqueKeys", []), "paths": paths}


def _indexes(_: HttpRequest, place: Place, model: Counted) -> dict[str, Any]:
    exported = place.api.get("model", "export", "SIMPLE_VIEW", model.name, model.version)
    paths = ["@state", *(path for path, _types in leaves(exported["model"]) if "[" not in path)]
    return {"indexes": place.api.get("model", model.name, model.version, "indexes")["indexes"], "paths": paths}


def _versions(request: HttpRequest, place: Place, model: Counted) -> dict[str, Any]:
    """The other versions of the name, and how the fields of `?with=` differ."""
    others = [each for each in counted_models(place) if each.name == model.name and each.version != model.version]
    given = request.GET.get("with", "")
    other = next((each for each in others if str(each.version) == given), None)
    context: dict[str, Any] = {"others": others, "other": other}
    if other is not None:
        mine, theirs = (dict(leaves(_simple(place, each))) for each in (model, other))
        paths = sorted(path for path in {**mine, **theirs} if mine.get(path) != theirs.get(path))
        context["differences"] = [(path, mine.get(path), theirs.get(path)) for path in paths]
    return context


def _rules(_: HttpRequest, place: Place, model: Counted) -> dict[str, Any]:
    names = [name for name, *_said in CHANGE_LEVELS]
    reach = names.index(model.change_level) if model.change_level in names else -1
    levels = [(*level, index <= reach, index == reach) for index, level in enumerate(CHANGE_LEVELS)]
    return {"change_levels": levels, "is_guarded": is_guarded(place)}


_GATHERERS: dict[str, Gatherer] = {
    "fields": _fields,
    "states": _states,
    "workflows": _workflows,
    "schema": _schema,
    "keys": _keys,
    "indexes": _indexes,
    "versions": _versions,
    "rules": _rules,
}


def _simple(place: Place, model: Counted) -> Simple:
    return place.api.get("model", "export", "SIMPLE_VIEW", model.name, model.version)["model"]


def sample_of(place: Place, model: Counted) -> str:
    """A document of which the schema would be discovered again, but for fields of several types."""
    types = dict(leaves(_simple(place, model)))
    return indented(jsonio.dumps(_sample(schema_of(place, model.name, model.version), types, "$")))


_SAMPLES: dict[str, Any] = {
    "INTEGER": 1,
    "LONG": 2**31,
    "BIG_INTEGER": 2**63,
    "UNBOUND_INTEGER": 2**127,
    "DOUBLE": Decimal("1.5"),
    "BIG_DECIMAL": Decimal("0.1234567890123456"),
    "UNBOUND_DECIMAL": Decimal("0.12345678901234567890"),
    "LOCAL_DATE": "2026-01-31",
    "LOCAL_DATE_TIME": "2026-01-31T12:00:00",
    "ZONED_DATE_TIME": "2026-01-31T12:00:00Z",
    "LOCAL_TIME": "12:00:00",
    "YEAR": "2026",
    "YEAR_MONTH": "2026-01",
    "BOOLEAN": True,
    "NULL": None,
}
_OF_KIND: dict[str, Any] = {"integer": 1, "number": Decimal("1.5"), "boolean": True, "null": None}


def _sample(schema: dict[str, Any], types: dict[str, str], path: str) -> Any:
    """`types` has those of the paths that the simple view tells; what lies deeper has only a kind."""
    kind = schema.get("type")
    if kind == "object":
        properties: dict[str, Any] = schema["properties"]
        return {name: _sample(inner, types, f"{path}.{name}") for name, inner in properties.items()}
    if kind == "array":
        return [_sample(schema["items"], types, f"{path}[*]")]
    if path in types:
        return _SAMPLES.get(types[path].strip("[]").partition(",")[0], "text")
    return _OF_KIND.get(str(kind), "text")
