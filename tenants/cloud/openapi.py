"""The OpenAPI document of the cloud API, made of the endpoints' declarations and of the types that they use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cyoda import __version__
from tenants.cloud import problems
from tenants.cloud.endpoint import LONGEST_KEY, SHORTEST_KEY, Endpoint, Methods
from tenants.cloud.problems import MEDIA_TYPE, Type
from tenants.cloud.shapes import MinVersion, Problem

_REFERENCE = "#/components/schemas/{name}"
_JSON = "application/json"
_ALWAYS = (
    problems.UNAUTHENTICATED,
    problems.REVOKED,
    problems.INVALID_ORG_ID,
    problems.FORBIDDEN,
    problems.SERVER_MIN_VERSION_REQUIRED,
    problems.QUOTA_EXCEEDED,
    problems.INTERNAL_ERROR,
    problems.UPSTREAM_FAILURE,
)
_DESCRIPTION = "Environments and builds of an organisation. Refusals are problem documents; `type` ends with a slug."

Json = dict[str, Any]


def document(paths: Mapping[str, Methods]) -> Json:
    """By path below `/v2`, with `{name}` for a part of it, the endpoints; the two public ones are added."""
    endpoints = [endpoint for methods in paths.values() for endpoint in methods.values()]
    shapes = [Problem, MinVersion, *{id(shape): shape for shape in _shapes(endpoints)}.values()]
    rendered, components = msgspec.json.schema_components(shapes, ref_template=_REFERENCE)
    schemas = {id(shape): schema for shape, schema in zip(shapes, rendered, strict=True)}
    described: dict[str, Json] = {
        path: {method.lower(): _operation(path, endpoint, schemas) for method, endpoint in methods.items()}
        for path, methods in paths.items()
    }
    described["/.well-known/openapi.json"] = {"get": _public("This document", {"type": "object"})}
    described["/.well-known/cli-min-version"] = {
        "get": _public("The oldest command line that is answered", schemas[id(MinVersion)])
    }
    return {
        "openapi": "3.1.1",
        "info": {"title": "Cyoda Cloud API", "version": __version__, "description": _DESCRIPTION},
        "servers": [{"url": "/v2"}],
        "security": [{"bearer": []}],
        "paths": described,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


def _shapes(endpoints: list[Endpoint]) -> Iterator[Any]:
    for endpoint in endpoints:
        yield from (shape for shape in (endpoint.body, *endpoint.answers.values()) if shape is not None)
        yield from (parameter.type for parameter in endpoint.query)


def _operation(path: str, endpoint: Endpoint, schemas: Mapping[int, Json]) -> Json:
    operation: Json = {
        "summary": endpoint.summary,
        "description": " ".join(filter(None, (f"Needs the scope `{endpoint.scope}`.", endpoint.note))),
        "parameters": [*_path_parameters(path), *_other_parameters(endpoint, schemas)],
        "responses": _answers(endpoint, schemas) | _refusals(endpoint, schemas),
    }
    if endpoint.body is not None:
        content = {_JSON: {"schema": schemas[id(endpoint.body)]}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(path: str) -> list[Json]:
    text = {"type": "string"}
    return [{"name": name, "in": "path", "required": True, "schema": text} for name in re.findall(r"{(\w+)}", path)]


def _other_parameters(endpoint: Endpoint, schemas: Mapping[int, Json]) -> list[Json]:
    given = [
        {"name": one.name, "in": "query", "schema": schemas[id(one.type)], "description": one.help}
        for one in endpoint.query
    ]
    if endpoint.has_key:
        text = {"type": "string", "minLength": SHORTEST_KEY, "maxLength": LONGEST_KEY}
        given.append({"name": "Idempotency-Key", "in": "header", "required": True, "schema": text})
    return given


def _answers(endpoint: Endpoint, schemas: Mapping[int, Json]) -> Json:
    answers: Json = {}
    for status, shape in endpoint.answers.items():
        answers[str(status)] = {"description": "Accepted." if status == 202 else "Done."}
        if shape is not None:
            answers[str(status)]["content"] = {endpoint.media: {"schema": schemas[id(shape)]}}
    return answers


def _refusals(endpoint: Endpoint, schemas: Mapping[int, Json]) -> Json:
    has_input = endpoint.body is not None or endpoint.query
    kinds: list[Type] = [*_ALWAYS, *endpoint.refusals, *((problems.VALIDATION_ERROR,) if has_input else ())]
    content = {MEDIA_TYPE: {"schema": schemas[id(Problem)]}}
    return {
        str(status): {
            "description": ", ".join(sorted(kind.slug for kind in kinds if kind.status == status)),
            "content": content,
        }
        for status in sorted({kind.status for kind in kinds})
    }


def _public(summary: str, schema: Json) -> Json:
    content = {_JSON: {"schema": schema}}
    return {
        "summary": summary,
        "security": [],
        "responses": {"200": {"description": "Done.", "content": content}},
    }
