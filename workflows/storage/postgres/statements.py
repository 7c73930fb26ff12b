"""Named statements: every SQL text of the backend but the planner's conditions, read from `sql/*.sql`.

`-- name: x` starts a statement, `-- when y` a part of it that may be left out up to `-- end`. `{schema}` stands for the
tenant's schema, and is always a quoted identifier.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"
_PART = re.compile(r"^ *-- when (\w+)\n(.*?)^ *-- end\n", re.MULTILINE | re.DOTALL)
_PARAMETER = re.compile(r"\$(\d+)")
_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def quoted(identifier: str) -> str:
    """An SQL identifier, whatever it holds. Raises ValueError when PostgreSQL cannot hold it whole."""
    if not identifier or "\0" in identifier or len(identifier.encode()) > 63:
        raise ValueError(f"not a schema name: {identifier!r}")
    return '"' + identifier.replace('"', '""') + '"'


@cache
def templates() -> dict[str, str]:
    """All statements by name, with their `{schema}`. Raises ValueError for a name given twice."""
    found: dict[str, str] = {}
    for file in sorted(_FOLDER.glob("*.sql")):
        parts = _NAME.split(file.read_text(encoding="utf-8"))
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            if name in found:
                raise ValueError(f"statement {name} is defined twice")
            found[name] = text.strip()
    return found


class Statements:
    """The statements of one schema; each text is made once, so that drivers recognise it."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self._quoted = quoted(schema)
        self._texts: dict[str, str] = {}
        self._variants: dict[tuple[str, frozenset[str]], tuple[str, Sequence[int]]] = {}

    def table(self, name: str) -> str:
        """The whole name of a table or index of the schema, quoted."""
        return f"{self._quoted}.{quoted(name)}"

    def __getitem__(self, name: str) -> str:
        """The text of a statement. Raises KeyError."""
        text = self._texts.get(name)
        if text is None:
            text = self._texts[name] = templates()[name].replace("{schema}", self._quoted)
        return text

    def variant(self, name: str, parts: frozenset[str]) -> tuple[str, Sequence[int]]:
        """A statement with only the given optional parts, and which of the whole statement's parameters it takes.

        Its parameters are numbered anew; the indexes returned count from 0. Raises KeyError.
        """
        made = self._variants.get((name, parts))
        if made is None:
            text = _PART.sub(lambda part: part[2] if part[1] in parts else "", self[name])
            used = sorted({int(number) for number in _PARAMETER.findall(text)})
            numbers = {old: new for new, old in enumerate(used, 1)}
            text = _PARAMETER.sub(lambda parameter: f"${numbers[int(parameter[1])]}", text)
            made = self._variants[name, parts] = text, [number - 1 for number in used]
        return made
