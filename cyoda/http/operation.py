"""What an endpoint declares about itself, beside its code; the OpenAPI document is made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from cyoda.errors import CyodaError

F = TypeVar("F", bound=Callable[..., Any])

JSON_TYPE = "application/json"
_ATTRIBUTE = "operation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A query parameter or header; `type` is what its text binds to, with its limits as `msgspec.Meta`."""

    name: str
    type: Any
    help: str = ""
    required: bool = False
    is_header: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One endpoint: what it takes, what it answers with 200, and the refusals it knows.

    `body` maps media types to the type of the body; `answer` is the type of a JSON answer, or of each line of an
    NDJSON one (`answer_type` names the media type), None says that a 200 is empty; `other_answers` maps other media
    types of a 200 to their types, `other_refusals` statuses to the JSON of refusals that are no problem documents.
    """

    name: str
    summary: str
    tag: str
    help: str = ""
    parameters: tuple[Parameter, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict[str, Any])
    body_required: bool = False
    answer: Any = None
    answer_type: str = JSON_TYPE
    other_answers: Mapping[str, Any] = field(default_factory=dict[str, Any])
    errors: tuple[type[CyodaError], ...] = ()
    other_refusals: Mapping[int, Any] = field(default_factory=dict[int, Any])
    deprecated: bool = False

    def extended(self, parameters: Sequence[Parameter], errors: Sequence[type[CyodaError]]) -> Operation:
        """The same endpoint behind something that takes more parameters and refuses more."""
        return replace(self, parameters=(*self.parameters, *parameters), errors=(*self.errors, *errors))


def operation(
    summary: str,
    *parameters: Parameter,
    answer: Any,
    answer_type: str = JSON_TYPE,
    other_answers: Mapping[str, Any] | None = None,
    body: Any = None,
    body_required: bool = True,
    errors: Sequence[type[CyodaError]] = (),
    other_refusals: Mapping[int, Any] | None = None,
    deprecated: bool = False,
) -> Callable[[F], F]:
    """Declare a handler's operation: its name and tag are those of the function and its module.

    `body` is the type of a JSON body, or a mapping of media types to types.
    """

    def declare(handler: F) -> F:
        handler.__dict__[_ATTRIBUTE] = Operation(
            name=handler.__name__,
            summary=summary,
            tag=handler.__module__.rpartition(".")[2].replace("_", " "),
            help=handler.__doc__ or "",
            parameters=parameters,
            body=_media_types(body),
            body_required=body_required,
            answer=answer,
            answer_type=answer_type,
            other_answers=other_answers or {},
            errors=tuple(errors),
            other_refusals=other_refusals or {},
            deprecated=deprecated,
        )
        return handler

    return declare


def operation_of(handler: Callable[..., Any]) -> Operation | None:
    """What `operation` declared of a handler."""
    return getattr(handler, _ATTRIBUTE, None)


def query(name: str, type: Any, help: str = "", *, required: bool = False) -> Parameter:
    return Parameter(name=name, type=type, help=help, required=required)


def header(name: str, type: Any, help: str = "", *, required: bool = False) -> Parameter:
    return Parameter(name=name, type=type, help=help, required=required, is_header=True)


def _media_types(body: Any) -> Mapping[str, Any]:
    if body is None:
        return {}
    return body if isinstance(body, dict) else {JSON_TYPE: body}
