"""A document as a form made from its model's schema: a field for each value, rows for the items of arrays.

What is in a form is addressed by RFC 6901 pointers: `k:<pointer>` says what kind of value a field has, `v:<pointer>`
its text. The document travels along as it was when the form was shown, so that whatever the form does not show stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from cyoda import jsonio
from tenants.ui.console.documents import DEEPEST, indented, kind_of, spelled

Json = Any
Schema = dict[str, Any]

MOST_FIELDS = 400
"""Of a form; larger documents are edited as JSON."""
LONG_TEXT = 80
ABSENT = object()
LABELS: dict[str, str | Promise] = {
    "text": lazy("text"),
    "number": lazy("number"),
    "true": lazy("yes (true)"),
    "false": lazy("no (false)"),
    "null": lazy("null"),
    "absent": lazy("left out"),
    "json": lazy("JSON"),
}
_TYPED = ("text", "number", "json")
"""Kinds that have a text; the others are all said."""
_KINDS = {"integer": ("number",), "number": ("number",), "string": ("text",), "boolean": ("true", "false"), "null": ()}
_ANY = ("text", "number", "true", "false")
_HINTS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00",
    "year": "2026",
    "year-month": "2026-01",
}
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class Field:
    """A line of the form; of an object or array only its name and what can be done with it.

    `kinds` are those it may have; `error` is why its text is not taken.
    """

    name: str
    depth: int
    pointer: str
    kind: str
    kinds: tuple[str, ...] = ()
    text: str = ""
    hint: str = ""
    error: str = ""
    is_removable: bool = False

    @property
    def indent(self) -> int:
        return min(self.depth, DEEPEST)

    @property
    def is_group(self) -> bool:
        return self.kind in ("object", "array")

    @property
    def is_long(self) -> bool:
        return self.kind == "json" or len(self.text) > LONG_TEXT or "\n" in self.text

    @property
    def has_text(self) -> bool:
        return any(kind in _TYPED for kind in self.kinds)

    @property
    def choices(self) -> list[tuple[str, str | Promise]]:
        return [(kind, LABELS[kind]) for kind in self.kinds]

    @property
    def path(self) -> str:
        """As searches and criteria spell it, for fields outside of arrays."""
        return "$" + "".join(f".{_plain(part)}" for part in self.pointer.split("/")[1:])


def fields(schema: Schema, document: Json) -> list[Field] | None:
    """The form of a document; None when it would be too long."""
    found = list[Field]()
    for field in _members(schema, document, "", 0):
        if len(found) == MOST_FIELDS:
            return None
        found.append(field)
    return found


def _members(schema: Schema, document: Json, pointer: str, depth: int) -> Iterator[Field]:
    properties: dict[str, Schema] = schema.get("properties", {})
    present: dict[str, Json] = document if isinstance(document, dict) else {}
    for name in [*present, *(name for name in properties if name not in present)]:
        value = present.get(name, ABSENT)
        yield from _field(properties.get(name, {}), name, value, f"{pointer}/{_escaped(name)}", depth)


def _field(
    schema: Schema, name: str, value: Json, pointer: str, depth: int, *, is_item: bool = False
) -> Iterator[Field]:
    kind = schema.get("type")
    removable = is_item or value is not ABSENT
    if (kind == "object" or isinstance(value, dict)) and _is(value, dict):
        yield Field(name, depth, pointer, "object", is_removable=removable)
        yield from _members(schema, value, pointer, depth + 1)
    elif (kind == "array" or isinstance(value, list)) and _is(value, list):
        yield Field(name, depth, pointer, "array", is_removable=removable)
        for index, item in enumerate([] if value is ABSENT else value):
            inner = schema.get("items", {})
            yield from _field(inner, f"[{index}]", item, f"{pointer}/{index}", depth + 1, is_item=True)
    else:
        yield _leaf(schema, name, value, pointer, depth, is_item=is_item)


def _is(value: Json, kind: type) -> bool:
    return value is ABSENT or isinstance(value, kind)


def _leaf(schema: Schema, name: str, value: Json, pointer: str, depth: int, *, is_item: bool) -> Field:
    kind = kind_in_form(value)
    kinds = dict.fromkeys((*_kinds(schema), kind, "null", *(() if is_item else ("absent",))))
    text = _text(value) if kind in _TYPED else ""
    return Field(
        name, depth, pointer, kind, tuple(kinds), text, _HINTS.get(schema.get("format", ""), ""), is_removable=is_item
    )


def _kinds(schema: Schema) -> tuple[str, ...]:
    """What a value may be; of a field in which only nulls were seen, anything plain."""
    if "oneOf" in schema:
        return tuple(dict.fromkeys(kind for each in schema["oneOf"] for kind in _kinds(each)))
    kind = schema.get("type")
    return ("json",) if kind in ("object", "array") else (_KINDS.get(str(kind)) or _ANY)


def kind_in_form(value: Json) -> str:
    if value is ABSENT:
        return "absent"
    match kind_of(value):
        case "boolean":
            return "true" if value else "false"
        case "string":
            return "text"
        case "object" | "array":
            return "json"
        case kind:
            return kind


def _text(value: Json) -> str:
    return indented(jsonio.dumps(value)) if isinstance(value, dict | list) else spelled(value)


# --- what was sent --------------------------------------------------------------------------------------------------


def applied(schema: Schema, document: Json, sent: QueryDict) -> tuple[Json, dict[str, Field]]:
    """The document with the values that were sent; the fields with a text that is none of their kind, as sent."""
    faulty: dict[str, Field] = {}
    for field in fields(schema, document) or ():
        if field.is_group or f"k:{field.pointer}" not in sent:
            continue
        kind = _meant(field, sent)
        text = sent.get(f"v:{field.pointer}", "").replace("\r\n", "\n")
        if kind == field.kind and text == field.text.replace("\r\n", "\n"):
            continue
        try:
            document = put(document, field.pointer, _value(kind, text))
        except ValueError as error:
            faulty[field.pointer] = replace(field, kind=kind, text=text, error=str(error))
    return document, faulty


def _meant(field: Field, sent: QueryDict) -> str:
    """Who types into a field that had no text gives it one."""
    kind, text = sent[f"k:{field.pointer}"], sent.get(f"v:{field.pointer}", "")
    if kind == field.kind and kind not in _TYPED and text:
        return next((each for each in field.kinds if each in _TYPED), kind)
    return kind if kind in LABELS else field.kind


def _value(kind: str, text: str) -> Json:
    """Raises ValueError with what is wrong."""
    match kind:
        case "number":
            if not _NUMBER.fullmatch(text.strip()):
                raise ValueError(_("This is no number."))
            return jsonio.parse(text.strip())
        case "json":
            try:
                return jsonio.parse(text)
            except jsonio.InvalidJson as error:
                raise ValueError(_("This is no JSON: %(reason)s") % {"reason": error}) from None
        case "text":
            return text
        case "true" | "false":
            return kind == "true"
        case "null":
            return None
        case _:
            return ABSENT


def put(document: Json, pointer: str, value: Json) -> Json:
    """A copy of the document with another value at a pointer, or without it (ABSENT); objects on the way are made."""
    return _put(document, pointer.split("/")[1:], value)


def _put(here: Json, parts: list[str], value: Json) -> Json:
    if not parts:
        return value
    name = _plain(parts[0])
    if isinstance(here, list):
        index = int(name)
        inner = _put(here[index], parts[1:], value)  # pyright: ignore[reportUnknownArgumentType]
        return [*here[:index], *([] if inner is ABSENT else [inner]), *here[index + 1 :]]
    members: dict[str, Json] = dict(here) if isinstance(here, dict) else {}  # pyright: ignore[reportUnknownArgumentType]
    inner = _put(members.get(name, ABSENT), parts[1:], value)
    if inner is ABSENT:
        members.pop(name, None)
    else:
        members[name] = inner
    return members if members or here is not ABSENT or inner is not ABSENT else ABSENT


def with_item(schema: Schema, document: Json, pointer: str) -> Json:
    """With one more item in the array at a pointer, of the kind that its schema says."""
    inner, present = schema, document
    for part in pointer.split("/")[1:]:
        name = _plain(part)
        if isinstance(present, list):
            inner, present = inner.get("items", {}), present[int(name)]  # pyright: ignore[reportUnknownVariableType]
        else:
            inner = inner.get("properties", {}).get(name, {})
            present = present.get(name, ABSENT) if isinstance(present, dict) else ABSENT
    items = present if isinstance(present, list) else []
    return put(document, pointer, [*items, _first(inner.get("items", {}))])


def _first(schema: Schema) -> Json:
    """The value that a new item begins with."""
    match schema.get("type"):
        case "object":
            return {}
        case "array":
            return []
        case "integer" | "number":
            return 0
        case "boolean":
            return False
        case "null" | None:
            return None
        case _:
            return ""


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _plain(part: str) -> str:
    return part.replace("~1", "/").replace("~0", "~")
