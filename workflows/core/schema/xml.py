"""XML documents as JSON (contract: entities 4.2).

Attributes and child elements become members by local name, repeated ones an array, text a scalar or `_text`.
Document type definitions cannot declare entities, so a small body stays small.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn
from xml.parsers import expat

from cyoda import jsonio
from cyoda.jsonio import Json
from workflows.core.schema.node import MAX_DEPTH
from workflows.core.schema.types import is_object

TEXT_MEMBER = "_text"
VALUE_MEMBER = "_value"

_number = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_BOOLEANS: Mapping[str, bool] = {
    **dict.fromkeys(("t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("f", "F", "FALSE", "false", "False"), False),
}


class InvalidXml(ValueError):
    """The bytes hold no well-formed root element; the text says why."""


def xml_to_json(data: bytes) -> Json:
    """The root element as a JSON object; whatever follows it is ignored.

    Raises InvalidXml (malformed, no element, nested deeper than MAX_DEPTH, entity declarations, number out of range).
    """
    tree = _Tree()
    parser = expat.ParserCreate()
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.text
    parser.EntityDeclHandler = _refuse_entity
    parser.SkippedEntityHandler = _refuse_entity
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # the latter two: encodings that Python lacks
        if not tree.is_complete:
            raise InvalidXml(str(error)) from error
    return tree.root if is_object(tree.root) else {VALUE_MEMBER: tree.root}


def _refuse_entity(*_: object) -> NoReturn:
    raise InvalidXml("entity declarations are not supported")


class _Element:
    """An open element: the values of each member in document order, and its text in pieces between tags."""

    def __init__(self, name: str) -> None:
        self.name = _local(name)
        self.members: dict[str, list[Json]] = {}
        self.pieces: list[str] = []
        self.piece: list[str] = []

    def add(self, name: str, value: Json) -> None:
        self.members.setdefault(name, []).append(value)

    def end_piece(self) -> None:
        if text := "".join(self.piece).strip():
            self.pieces.append(text)
        self.piece = []

    def value(self) -> Json:
        text = " ".join(self.pieces)
        if text and not self.members:
            return _scalar(text)
        if text:
            self.add(TEXT_MEMBER, _scalar(text))
        return {name: values[0] if len(values) == 1 else values for name, values in self.members.items()}


class _Tree:
    """Builds the JSON value from the parser's events, without recursion."""

    def __init__(self) -> None:
        self.root: Json = None
        self.is_complete = False
        self._open: list[_Element] = []

    def start(self, name: str, attributes: list[str]) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise InvalidXml("nesting too deep")
        if self._open:
            self._open[-1].end_piece()
        element = _Element(name)
        for attribute, value in zip(attributes[::2], attributes[1::2], strict=True):
            element.add(_local(attribute), _scalar(value.strip()))
        self._open.append(element)

    def text(self, text: str) -> None:
        self._open[-1].piece.append(text)

    def end(self, _name: str) -> None:
        element = self._open.pop()
        element.end_piece()
        if self._open:
            self._open[-1].add(element.name, element.value())
        else:
            self.root, self.is_complete = element.value(), True


def _local(name: str) -> str:
    """A name without its namespace prefix (`xmlns:ns` -> `ns`)."""
    return name.rpartition(":")[2]


def _scalar(text: str) -> Json:
    if _number.fullmatch(text):
        try:
            return jsonio.parse(text)
        except jsonio.InvalidJson as error:
            raise InvalidXml(str(error)) from error
    return _BOOLEANS.get(text, text)
