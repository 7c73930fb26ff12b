"""Where a document has not the shape of an import request: every part is looked at alone, so each can say so (ours)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import cast

import msgspec

from cyoda import jsonio
from cyoda.jsonio import Json

from .decode import SentProcessor, SentRequest, SentSchedule, SentState, SentTransition, SentWorkflow
from .issue import Issue, pointed

Kind = type[msgspec.Struct]

_PARTS: Mapping[Kind, Mapping[str, Kind]] = {
    SentRequest: {"workflows": SentWorkflow},
    SentWorkflow: {"states": SentState},
    SentState: {"transitions": SentTransition},
    SentTransition: {"processors": SentProcessor, "schedule": SentSchedule},
}
"""Members that hold parts: in an array, in an object, or alone."""
_UNKNOWN = re.compile(r"Object contains unknown field `(.*?)`", re.DOTALL)
_PATH = re.compile(r" - at `\$(.*)`$", re.DOTALL)
_STEP = re.compile(r"\.(\w+)|\[(\d+)\]")


def shape_faults(value: Json, kind: Kind = SentRequest, pointer: str = "") -> Iterator[Issue]:
    """One fault for each innermost part that has one; none when the whole decodes."""
    error = _fault(value, kind)
    if error is None:
        return
    inner = list(_inner_faults(value, kind, pointer))
    yield from inner or [_issue(error, pointer)]


def _inner_faults(value: Json, kind: Kind, pointer: str) -> Iterator[Issue]:
    if not isinstance(value, dict):
        return
    members = cast("dict[str, Json]", value)
    for name, part in _PARTS.get(kind, {}).items():
        for segments, child in _parts(members.get(name), is_alone=part is SentSchedule):
            yield from shape_faults(child, part, pointed(pointer, name, *segments))


def _parts(value: Json, *, is_alone: bool) -> Iterator[tuple[tuple[str | int, ...], Json]]:
    if is_alone:
        yield (), value
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[Json]", value)):
            yield (index,), item
    elif isinstance(value, dict):
        for name, item in cast("dict[str, Json]", value).items():
            yield (name,), item


def _fault(value: Json, kind: Kind) -> str | None:
    try:
        msgspec.json.decode(jsonio.dumps(value), type=kind | None)
    except msgspec.ValidationError as error:
        return str(error)
    return None


def _issue(error: str, pointer: str) -> Issue:
    path = _PATH.search(error)
    steps = [name or int(index) for name, index in _STEP.findall(path[1] if path else "")]
    unknown = _UNKNOWN.match(error)
    if unknown:
        message = f'unknown field "{unknown[1]}"'
        return Issue(message=message, pointer=pointed(pointer, *steps, unknown[1]), code="UNKNOWN_FIELD")
    text = _PATH.sub("", error).replace("`", "").replace(" | null", "")
    return Issue(message=text, pointer=pointed(pointer, *steps), code="TYPE")
