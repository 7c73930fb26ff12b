"""The OpenAPI 3.1 document, made of the route table and of what each endpoint declares (contract: entities 1.1).

Schemas come from the types that the code itself decodes and encodes.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from cyoda import __version__
from cyoda.errors import (
    BadRequest,
    CyodaError,
    Forbidden,
    PayloadTooLarge,
    QuotaExceeded,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from cyoda.http.operation import JSON_TYPE, Operation, Parameter
from cyoda.http.problem import PROBLEM, TITLES
from cyoda.http.router import Route
from cyoda.permissions import Action

VERSION = "3.1.1"
_REFERENCE = "#/components/schemas/{name}"
_BEARER = "bearer"
_DESCRIPTION = """Entities with a schema, a state machine and their full history.

Refusals are problem documents with an `errorCode`; `GET /help` lists short pages about each part.
"""

Schema = dict[str, Any]
PathTypes = Mapping[str, Any]
"""The types of path parameters by name; one that is not listed is a text."""


class ProblemProperties(msgspec.Struct, rename="camel", omit_defaults=True):
    """What a program needs of a refusal; further members depend on the code."""

    error_code: str
    retryable: bool = False


class Problem(msgspec.Struct, omit_defaults=True):
    """A refusal (`application/problem+json`); `ticket` names an internal failure in the log."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    properties: ProblemProperties
    ticket: str = ""


def openapi_document(routes: Iterable[Route], *, path_types: PathTypes) -> dict[str, Any]:
    """The whole document without `servers`. Routes without an operation are left out."""
    described = [(route, route.operation) for route in routes if route.operation is not None]
    schemas = _Schemas(list(_types(described, path_types)))
    names = _Names()
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in described:
        members = _Members(route, operation, schemas, path_types)
        paths.setdefault(route.template, {})[route.method.lower()] = members.render(names.of(route, operation))
    return {
        "openapi": VERSION,
        "info": {"title": "Cyoda", "version": __version__, "description": _DESCRIPTION},
        "security": [{_BEARER: []}],
        "tags": [{"name": tag} for tag in sorted({operation.tag for _, operation in described})],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {_BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


class _Schemas:
    """JSON schemas of types, and the named ones they refer to."""

    def __init__(self, types: Sequence[Any]) -> None:
        rendered, self.components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
        self._rendered = list(zip(types, rendered, strict=True))

    def of(self, wanted: Any) -> Schema:
        return next(schema for known, schema in self._rendered if known is wanted)


def _types(described: Iterable[tuple[Route, Operation]], path_types: PathTypes) -> Iterator[Any]:
    yield from (Problem, str, *path_types.values())
    for _, operation in described:
        yield from (parameter.type for parameter in operation.parameters)
        yield from operation.body.values()
        yield operation.answer
        yield from operation.other_answers.values()
        yield from operation.other_refusals.values()


class _Names:
    """Operation ids: the handler's name; a second route of one handler adds the parameter that it has more."""

    def __init__(self) -> None:
        self._seen: dict[str, Route] = {}

    def of(self, route: Route, operation: Operation) -> str:
        name = _camel(operation.name)
        first = self._seen.setdefault(name, route)
        more = [parameter for parameter in route.parameters if parameter not in first.parameters]
        return name + "".join(f"With{parameter[0].upper()}{parameter[1:]}" for parameter in more)


class _Members:
    """One operation object."""

    def __init__(self, route: Route, operation: Operation, schemas: _Schemas, path_types: PathTypes) -> None:
        self._route = route
        self._operation = operation
        self._schemas = schemas
        self._path_types = path_types

    def render(self, operation_id: str) -> dict[str, Any]:
        operation = self._operation
        members: dict[str, Any] = {
            "operationId": operation_id,
            "summary": operation.summary,
            "tags": [operation.tag],
            "parameters": [
                *map(self._path_parameter, self._route.parameters),
                *map(self._parameter, operation.parameters),
            ],
            "responses": self._responses(),
        }
        if operation.help:
            members["description"] = inspect.cleandoc(operation.help)
        if operation.body:
            content = {media: {"schema": self._schemas.of(body)} for media, body in operation.body.items()}
            members["requestBody"] = {"required": operation.body_required, "content": content}
        if operation.deprecated:
            members["deprecated"] = True
        if self._route.public:
            members["security"] = []
        return members

    def _path_parameter(self, name: str) -> dict[str, Any]:
        schema = self._schemas.of(self._path_types.get(name, str))
        return {"name": name, "in": "path", "required": True, "schema": schema}

    def _parameter(self, parameter: Parameter) -> dict[str, Any]:
        members: dict[str, Any] = {
            "name": parameter.name,
            "in": "header" if parameter.is_header else "query",
            "required": parameter.required,
            "schema": self._schemas.of(parameter.type),
        }
        return members | ({"description": parameter.help} if parameter.help else {})

    def _responses(self) -> dict[str, Any]:
        operation = self._operation
        answers = {operation.answer_type: operation.answer, **operation.other_answers}
        content = {media: {"schema": self._schemas.of(answer)} for media, answer in answers.items() if answer}
        responses: dict[str, Any] = {
            "200": {"description": "Done.", "content": content} if content else {"description": "Done."}
        }
        errors: tuple[type[CyodaError], ...] = (*operation.errors, BadRequest, ServerError)
        if not self._route.public:
            errors = (*errors, Unauthorized, TooManyRequests)
        if not self._route.public and operation.body:
            errors = (*errors, PayloadTooLarge)
        if self._route.action is not None:
            errors = (*errors, Forbidden)
        if self._route.action in (Action.WRITE, Action.CONFIGURE):
            errors = (*errors, QuotaExceeded)
        problem = {PROBLEM.decode(): {"schema": self._schemas.of(Problem)}}
        for status in sorted({error.status for error in errors}):
            codes = sorted({_shown(error) for error in errors if error.status == status})
            responses[str(status)] = {"description": f"{TITLES[status]}: {', '.join(codes)}", "content": problem}
        for status, refusal in operation.other_refusals.items():
            known = responses.setdefault(str(status), {"description": TITLES[status], "content": {}})
            known["content"] = known["content"] | {JSON_TYPE: {"schema": self._schemas.of(refusal)}}
        return responses


def _shown(error: type[CyodaError]) -> str:
    return f"{error.code} (retryable)" if error.retryable else error.code


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
