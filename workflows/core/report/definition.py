"""Reading a report definition: what it asks of a model, or why that cannot be done (contract: control plane 9.5).

Clients write columns as names or as objects around a name. What a definition has beyond what is read here is the
client's own, and without effect; what would change the answer and has no counterpart is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple, cast

from cyoda import jsonio
from cyoda.clock import moment_of_micros
from cyoda.errors import BadRequest, ConditionTypeMismatch, InvalidCondition, InvalidFieldPath, InvalidReportDefinition
from cyoda.jsonio import Json
from workflows.core.entity import ModelKey
from workflows.core.fsm.state_machine import model_of_class
from workflows.core.predicates.older import Node, Untranslatable, document_path, from_older
from workflows.core.predicates.parsing import parse_condition
from workflows.core.predicates.paths import FieldTypes, has_elements, is_known
from workflows.core.predicates.sort import SortField, SortKey, checked_keys, resolve_sort
from workflows.core.predicates.validation import check_structure, validate

from .plan import LIFECYCLE, Column, Function, ReportPlan, Summary

ReadInstant = Callable[[str], datetime | None]
"""The moment of an RFC 3339 text, None for any other."""

_NAMES = ("name", "column", "columnName", "fieldName", "fullPath", "columnPath")
_DIRECTIONS = ("direction", "order", "sortOrder")
_LEVELS = 4
"""Objects and lists around a name or a figure."""
_REFUSALS = (BadRequest, InvalidFieldPath, InvalidCondition, ConditionTypeMismatch)


class Asked(NamedTuple):
    """What a run does: search by `condition` at `at` (None: now) in the order of `sort`, which begins with the
    grouping, and show it as the plan says."""

    plan: ReportPlan
    condition: bytes
    sort: tuple[SortField, ...]
    at: datetime | None


def definition_object(document: bytes) -> Node:
    """Raises BadRequest: a definition is a JSON object."""
    try:
        value = jsonio.parse(document)
    except jsonio.InvalidJson as error:
        raise BadRequest(f"invalid JSON: {error}") from None
    if not isinstance(value, dict):
        raise BadRequest("a report definition must be a JSON object")
    return cast("Node", value)


def text_of(definition: Node, name: str) -> str:
    """A member that is a text; empty for any other."""
    value = definition.get(name)
    return value if isinstance(value, str) else ""


def requested_model(definition: Node) -> ModelKey:
    """The model that a report is of. Raises InvalidReportDefinition."""
    key = model_of_class(text_of(definition, "requestClass"))
    if key is None:
        raise InvalidReportDefinition("requestClass must be in format Name.Version (e.g., Offer.1)")
    return key


def asked_by(
    definition: Node,
    *,
    definition_id: str,
    key: ModelKey,
    fields: FieldTypes,
    max_sort_keys: int,
    read_instant: ReadInstant,
) -> Asked:
    """What a run of the definition does on a model of these fields. Raises InvalidReportDefinition."""
    reading = _Reading(definition, key, fields)
    with _refusing("valuations"):
        if definition.get("valuations"):
            raise Untranslatable("there are no valuations here")
    with _refusing("condition"):
        condition = reading.condition()
    grouping = reading.columns("grouping")
    with _refusing("grouping"):
        if any(has_elements(column.path) for column in grouping):
            raise Untranslatable("a path through arrays has no single value to group by")
    with _refusing("sorting"):
        keys = checked_keys(_ordered(grouping, reading.sorting()), max_sort_keys)
        sort = resolve_sort(keys, fields)
    with _refusing("pointTime"):
        at = _moment(definition.get("pointTime"), read_instant)
    plan = ReportPlan(
        definition_id=definition_id,
        request_class=text_of(definition, "requestClass"),
        description=text_of(definition, "description"),
        columns=reading.shown(),
        grouping=grouping,
        summaries=reading.summaries(),
        hierarchical=any(definition.get(name) is True for name in ("hierarhyEnable", "hierarchyEnable")),
    )
    return Asked(plan, condition, sort, at)


class _Reading:
    """The parts of one definition against the fields of its model."""

    def __init__(self, definition: Node, key: ModelKey, fields: FieldTypes) -> None:
        self._definition = definition
        self._key = key
        self._fields = fields
        self._aliases = {text_of(each, "name"): each for each in _entries(definition, "aliasDefs") if _is_object(each)}

    def condition(self) -> bytes:
        """Raises Untranslatable and what a search refuses a condition with."""
        sent = self._definition.get("condition")
        if not sent:
            return b""
        condition = jsonio.dumps(from_older(sent, self._leaf))
        tree = parse_condition(condition)
        check_structure(tree)
        validate(tree, self._fields)
        return condition

    def columns(self, part: str) -> tuple[Column, ...]:
        return tuple(dict.fromkeys(column for column, _ in self._listed(part)))

    def shown(self) -> tuple[Column, ...]:
        found = self.columns("columns")
        by_key: dict[str, str] = {}
        for column in found:
            if by_key.setdefault(column.key, column.name) != column.name:
                raise InvalidReportDefinition(f"columns: {column.name!r} is shown as {column.key!r} like another one")
        return found

    def sorting(self) -> list[SortKey]:
        return [_sort_key(column, descending=_is_descending(entry)) for column, entry in self._listed("sorting")]

    def summaries(self) -> tuple[Summary, ...]:
        found: dict[Column, dict[Function, None]] = {}
        for column, entry in self._listed("summary"):
            functions = list(_functions(entry))
            if not functions:
                raise InvalidReportDefinition(f"summary: {column.name!r} has none of {', '.join(Function)}")
            found.setdefault(column, {}).update(dict.fromkeys(functions))
        return tuple(Summary(column, tuple(functions)) for column, functions in found.items())

    def _listed(self, part: str) -> Iterator[tuple[Column, Json]]:
        for number, entry in enumerate(_entries(self._definition, part)):
            with _refusing(f"{part}[{number}]"):
                name = _name(entry)
                column = Column(name, self._path(name))
            yield column, entry

    def _leaf(self, field: str) -> Node:
        path = self._path(field)
        if path.startswith("@"):
            return {"type": "lifecycle", "field": path[1:]}
        return {"type": "simple", "jsonPath": path}

    def _path(self, name: str) -> str:
        """A field of the document wins over a lifecycle field of the same name. Raises Untranslatable."""
        if name in self._aliases:
            name = _aliased(self._aliases[name])
        if name.startswith("@") and name[1:] in LIFECYCLE:
            return name
        path = document_path(name)
        if path != "$" and is_known(path, self._fields):
            return path
        if name in LIFECYCLE:
            return f"@{name}"
        raise Untranslatable(f"{name!r} is no field of {self._key.name}.{self._key.version}")


def _entries(definition: Node, part: str) -> list[Json]:
    """The list of that name. Raises InvalidReportDefinition for what is none."""
    value = definition.get(part)
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidReportDefinition(f"{part} must be an array")
    return cast("list[Json]", value)


def _is_object(value: Json) -> bool:
    return isinstance(value, dict)


def _name(entry: Json, levels: int = _LEVELS) -> str:
    """The name that an entry is about. Raises Untranslatable."""
    if isinstance(entry, str) and entry:
        return entry
    if isinstance(entry, dict) and levels:
        members = cast("Node", entry)
        named = next((members[name] for name in _NAMES if members.get(name)), None)
        if named is not None:
            return _name(named, levels - 1)
    raise Untranslatable("there is no name of a column")


def _aliased(alias: Node) -> str:
    """The one path of an alias. Raises Untranslatable."""
    name, paths = text_of(alias, "name"), alias.get("aliasPaths")
    if not isinstance(paths, list) or len(cast("list[Json]", paths)) != 1 or not _is_object(paths[0]):
        raise Untranslatable(f"the alias {name!r} does not have exactly one path")
    path = cast("Node", paths[0])
    if path.get("mapperParameters") or path.get("mapperClass") or path.get("mapper"):
        raise Untranslatable(f"the alias {name!r} maps its values, which is not done here")
    return _name(path.get("colDef") or path)


def _sort_key(column: Column, *, descending: bool) -> SortKey:
    if column.path.startswith("@"):
        return SortKey(column.path[1:], "meta", descending)
    return SortKey(column.path.removeprefix("$."), "data", descending)


def _ordered(grouping: tuple[Column, ...], sorting: list[SortKey]) -> list[SortKey]:
    """The grouping first, in the direction that the sorting has for it, then the rest of the sorting."""
    directions = {(key.source, key.path): key for key in reversed(sorting)}
    first = [_sort_key(column, descending=False) for column in grouping]
    names = [(key.source, key.path) for key in first]
    merged = [directions.get(name, key) for name, key in zip(names, first, strict=True)]
    return merged + [key for name, key in reversed(directions.items()) if name not in names]


def _is_descending(entry: Json) -> bool:
    if not isinstance(entry, dict):
        return False
    members = cast("Node", entry)
    return members.get("reverse") is True or any(
        text_of(members, name).upper().startswith("DESC") for name in _DIRECTIONS
    )


def _functions(entry: Json, levels: int = _LEVELS) -> Iterator[Function]:
    """The words in an entry, at whichever member, that are names of figures."""
    if isinstance(entry, str):
        if entry.upper() in Function.__members__:
            yield Function(entry.upper())
    elif isinstance(entry, list) and levels:
        for each in cast("list[Json]", entry):
            yield from _functions(each, levels - 1)
    elif isinstance(entry, dict) and levels:
        for name, value in cast("Node", entry).items():
            if name not in _NAMES:
                yield from _functions(value, levels - 1)


def _moment(value: Json, read_instant: ReadInstant) -> datetime | None:
    """Milliseconds since 1970, or RFC 3339. Raises Untranslatable."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        moment = read_instant(value)
        if moment is not None:
            return moment
        value = int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            return moment_of_micros(value * 1000)
        except OverflowError:
            pass
    raise Untranslatable("neither a number of milliseconds nor a moment")


@contextmanager
def _refusing(part: str) -> Generator[None]:
    """What is wrong inside is wrong with this part of the definition."""
    try:
        yield
    except Untranslatable as reason:
        raise InvalidReportDefinition(f"{part}: {reason}") from None
    except _REFUSALS as error:
        raise InvalidReportDefinition(f"{part}: {error.message}") from None
