"""The JSONPath dialect of conditions: member names and `[*]`, nothing else (contract: search 8.7, 9.10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from cyoda.jsonio import Json
from workflows.core.schema.types import TypeSet

FieldTypes = Mapping[str, TypeSet]
"""The declared types of every field of the flattened schema by path, as `schema.paths.field_paths` gives them."""

Step = str | None
"""A member name, or None for `[*]`."""

Reader = Callable[[Json], Json]
Collector = Callable[[Json], list[Json]]

_ELEMENTS = "[*]"


def normalised(path: str) -> str:
    """`a.b` and `$.a.b` are the same path (contract: search Q1). An empty path stays empty."""
    return path if path in ("", "$") or path.startswith(("$.", "$[")) else f"$.{path}"


def has_elements(path: str) -> bool:
    return _ELEMENTS in path


def element_path(path: str, fields: FieldTypes) -> str | None:
    """The path of the elements that an array condition on `path` compares; None when `path` is no known array.

    Both `$.tags` and `$.tags[*]` name the elements of `$.tags` (contract: search Q4).
    """
    spellings = [path, path + _ELEMENTS] if path.endswith(_ELEMENTS) else [path + _ELEMENTS]
    known = (spelling for spelling in spellings if spelling in fields or is_container(spelling, fields))
    return next(known, None)


def array_path(elements: str) -> str:
    """The array whose elements `elements` names."""
    return elements.removesuffix(_ELEMENTS)


def is_container(path: str, fields: FieldTypes) -> bool:
    """Whether `path` is a strict object prefix of a known leaf; `$` always is."""
    return path == "$" or any(field.startswith(path + ".") for field in fields)


def is_known(path: str, fields: FieldTypes) -> bool:
    return path in fields or is_container(path, fields)


def steps(path: str) -> tuple[Step, ...]:
    """The steps of a normalised path; `$` has none."""
    found: list[Step] = []
    body = path[1:].removeprefix(".")
    for segment in body.split(".") if body else ():
        name = segment
        wildcards = 0
        while name.endswith(_ELEMENTS):
            name = name.removesuffix(_ELEMENTS)
            wildcards += 1
        if name or not wildcards:
            found.append(name)
        found.extend([None] * wildcards)
    return tuple(found)


def reader(path: str) -> Reader:
    """Reads the value at a path without `[*]`; absent reads as None, and so does `$` itself."""
    names = cast("tuple[str, ...]", steps(path))
    match names:
        case ():
            return _nothing
        case (name,):
            return lambda document: document.get(name) if document.__class__ is dict else None
        case (outer, inner):
            return _two_step_reader(outer, inner)
        case _:
            return lambda document: _descend(document, names)


def collector(path: str) -> Collector:
    """Collects the values at a path with `[*]`, flattened over all levels (contract: search 9.10).

    Elements without the member are skipped and explicit nulls kept. An absent or null outermost array counts as one
    absent value; an empty array, or a value that is no array, gives nothing.
    """
    trail = steps(path)
    first = trail.index(None)
    outer = cast("tuple[str, ...]", trail[:first])
    inner = trail[first + 1 :]

    def collect(document: Json) -> list[Json]:
        array = _descend(document, outer)
        if array is None:
            return [None]
        if array.__class__ is not list:
            return []
        values = cast("list[Json]", array)
        for step in inner:
            values = _elements_of(values) if step is None else _members_of(values, step)
        return values

    return collect


def _nothing(_document: Json) -> Json:
    return None


def _two_step_reader(outer: str, inner: str) -> Reader:
    def read(document: Json) -> Json:
        if document.__class__ is dict:
            container = document.get(outer)
            if container.__class__ is dict:
                return container.get(inner)
        return None

    return read


def _descend(value: Json, names: tuple[str, ...]) -> Json:
    for name in names:
        if value.__class__ is not dict:
            return None
        value = value.get(name)
    return value


def _members_of(values: list[Json], name: str) -> list[Json]:
    return [value[name] for value in values if value.__class__ is dict and name in value]


def _elements_of(values: list[Json]) -> list[Json]:
    return [element for value in values if value.__class__ is list for element in value]
