"""The reference of all settings: as rows for a terminal, as the page docs/settings.md."""

from __future__ import annotations

from collections.abc import Iterator

from cyoda.conf import Conf, load, table
from cyoda.conf.variables import Variable

_INTRODUCTION = """# Settings

Everything that differs between installations is read from the environment when a process starts. A value that is not
allowed stops the start with a sentence naming its variable; an empty value counts as unset, except for
`CYODA_CONTEXT_PATH`. A secret may instead be read from a file: set `NAME_FILE` to its path; it wins over `NAME`, and
white space at the file's end is dropped. Durations are written `30s`, `5m`, `1h30m`, `500ms`, or as bare seconds.

`python manage.py settings` prints the values in force. This page is written by `make settings-docs`.
"""


def rows(conf: Conf) -> Iterator[tuple[str, str, str]]:
    """Name, effective value and default of each variable; secrets show as `set` or `unset`."""
    for _, variable, value in table(conf):
        default = variable.default_for(conf.platform.environment)
        yield variable.name, variable.show(value), variable.show(default)


def markdown() -> str:
    """The page docs/settings.md."""
    lines = [_INTRODUCTION]
    last_group = ""
    for group, variable, _ in table(load({})):
        if group != last_group:
            lines.append(
                f"\n## {group.capitalize()}\n\n| Variable | Allowed | Default | Meaning |\n|---|---|---|---|\n"
            )
            last_group = group
        lines.append(_line(variable))
    return "".join(lines)


def _line(variable: Variable) -> str:
    name = f"`{variable.name}`" + (" (`_FILE`)" if variable.secret else "")
    default = "" if variable.secret or not variable.default_text else f"`{variable.default_text}`"
    return f"| {name} | {variable.kind.allowed} | {default} | {variable.help} |\n".replace("  ", " ")
