"""The exported form of a model (contract: entities 4.4, 4.5)."""

from __future__ import annotations

from cyoda import jsonio
from cyoda.errors import BadRequest
from cyoda.jsonio import Json
from workflows.core.schema.json_schema import json_schema
from workflows.core.schema.model import Model
from workflows.core.schema.simple_view import simple_view


def exported(model: Model, converter: str) -> bytes:
    """The model as compact JSON with members in byte order, so that equal models export equal bytes.

    Raises BadRequest for a converter other than SIMPLE_VIEW and JSON_SCHEMA.
    """
    if converter == "SIMPLE_VIEW":
        schema = simple_view(model.node)
    elif converter == "JSON_SCHEMA":
        schema = json_schema(model.node)
    else:
        raise BadRequest("unsupported export converter")
    form: dict[str, Json] = {"currentState": model.state, "model": schema}
    if model.unique_keys:
        form["uniqueKeys"] = [{"id": key.id, "fields": list(key.fields)} for key in model.unique_keys]
    return jsonio.dumps_sorted(form)
