"""A refusal as a value: code, HTTP status, message, extra properties."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class CyodaError(Exception):
    """A refusal with its contract code.

    `message` is the text after `<CODE>: ` in a problem's `detail`; `properties` are the code's extra members.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    retryable: ClassVar[bool] = False
    warnings: tuple[str, ...] = ()
    """What client compute warned of before the refusal; shown to gRPC callers only."""

    calls: tuple[object, ...] = ()
    """Callouts that ended with it (workflows.core.callout.Call)."""

    def __init__(self, message: str, properties: Mapping[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.properties: dict[str, object] = dict(properties or {})

    @property
    def detail(self) -> str:
        return f"{self.code}: {self.message}"

    def prefixed(self, prefix: str) -> CyodaError:
        """The same refusal with `prefix` before its message (batch items: `item 3: …`)."""
        return type(self)._copy(self, prefix + self.message)

    @classmethod
    def _copy(cls, original: CyodaError, message: str) -> CyodaError:
        copy = cls.__new__(cls)
        copy.__dict__.update(original.__dict__)
        copy.message = message
        copy.args = (message,)
        return copy
