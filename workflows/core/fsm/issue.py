"""What can be wrong, or unwise, about a workflow: one issue, and where in the document it is (ours)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from msgspec import structs

from cyoda.errors import ValidationFailed

Severity = Literal["ERROR", "WARNING", "INFO"]
"""An import refuses errors; warnings are probably mistakes; the rest is worth knowing."""


class Issue(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`pointer` is the JSON pointer of the member that it is about, in the document that was checked."""

    message: str
    pointer: str
    severity: Severity = "ERROR"
    code: str = "INVALID"


class Place:
    """Where a check looks: the location as messages name it, and its JSON pointer."""

    __slots__ = ("location", "pointer")

    def __init__(self, location: str, pointer: str) -> None:
        self.location = location
        self.pointer = pointer

    def inner(self, words: str, *segments: str | int) -> Place:
        """A place inside this one; `words` follow the location."""
        return Place(f"{self.location} {words}", pointed(self.pointer, *segments))

    def fault(self, message: str, *segments: str | int) -> Issue:
        """An error about this place, or about a member of it; `message` follows the location."""
        return Issue(message=f"{self.location}{message}", pointer=pointed(self.pointer, *segments))

    def advice(self, severity: Severity, code: str, message: str, *segments: str | int) -> Issue:
        """The same, about something that an import takes."""
        return structs.replace(self.fault(message, *segments), severity=severity, code=code)


def pointed(pointer: str, *segments: str | int) -> str:
    """A JSON pointer (RFC 6901), `segments` deeper."""
    return pointer + "".join("/" + str(segment).replace("~", "~0").replace("/", "~1") for segment in segments)


def refuse(issues: Iterable[Issue]) -> None:
    """Raises ValidationFailed with the first of them."""
    for issue in issues:
        raise ValidationFailed(issue.message)
