"""The help page of all errors, docs/help/errors.md, made of their classes and written by `make error-docs`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator

from cyoda import errors
from cyoda.errors import CyodaError

_INTRODUCTION = """# Errors

Every refusal is a problem document with a code that a program can act on; repeat a request only when it is retryable.

    {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "ENTITY_NOT_FOUND: entity id=… not found",
     "instance": "/entity/…", "properties": {"errorCode": "ENTITY_NOT_FOUND", "entityId": "…"}}

- `properties.errorCode` is the code; further properties depend on it.
- `properties.retryable` is there, and true, when the same request may succeed later.
- An internal failure (500) tells a `ticket` that is in the server's log beside the cause.
- In a collection a failed chunk or item carries `code` and `message` instead.

| Code | Status | Retryable | Meaning |
|---|---|---|---|
"""


def documented_errors() -> Iterator[type[CyodaError]]:
    """One class for each code and status, in the order of the source."""
    seen: set[tuple[str, int]] = set()
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, CyodaError)]
    for kind in kinds:
        if kind is not CyodaError and (kind.code, kind.status) not in seen:
            seen.add((kind.code, kind.status))
            yield kind


def markdown() -> str:
    """The page docs/help/errors.md."""
    return _INTRODUCTION + "".join(sorted(_row(kind) for kind in documented_errors()))


def _row(kind: type[CyodaError]) -> str:
    meaning = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
    return f"| `{kind.code}` | {kind.status} | {'yes' if kind.retryable else ''} | {meaning} |\n"


if __name__ == "__main__":
    sys.stdout.write(markdown())
