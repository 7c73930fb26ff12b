"""What the programs of developer mode say, line by line, each with a coloured prefix."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.text import Text

_COLOURS = ("cyan", "magenta", "green", "blue")
_WIDTH = 10

Heard = Callable[[str], None]
"""Takes a line without its end."""


class Screen:
    """One terminal that several programs write to; whole lines only."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, text: str) -> None:
        """A sentence of developer mode itself."""
        self._print(Text("dev".ljust(_WIDTH), style="bold yellow"), Text(text))

    def show(self, text: str) -> None:
        """Text that stands as it is."""
        self._print(Text(text))

    def voice(self, name: str, number: int = 0) -> Heard:
        """For the lines of one program; `number` chooses its colour."""
        prefix = Text(name.ljust(_WIDTH), style=_COLOURS[number % len(_COLOURS)])
        return lambda line: self._print(prefix, Text.from_ansi(line))

    def _print(self, *parts: Text) -> None:
        self._console.print(Text(" ").join(parts), soft_wrap=True, highlight=False)
