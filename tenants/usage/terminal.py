"""Usage at a terminal: a table with bars for a person, lines with tabs for programs."""

from __future__ import annotations

from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.table import Table

from cyoda.clock import system_clock
from tenants.models import Organisation
from tenants.services.environments import environment_called
from tenants.terminal import Say
from tenants.usage.figures import TITLES, Figure, figures_of

_WIDTH = 24
_NEAR, _FULL = 80, 100


def show_usage(organisation: Organisation, name: str, say: Say, console: Console) -> None:
    """Raises EnvironmentUnknown."""
    figures = figures_of(environment_called(organisation, name), system_clock())
    if not console.is_terminal:
        for figure in figures.values():
            say("\t".join((figure.name, _used(figure), _limit(figure), figure.window)))
        return
    table = Table("what", "used", "limit", "of", "", box=None, pad_edge=False)
    for figure in figures.values():
        table.add_row(TITLES[figure.name], _used(figure), _limit(figure), figure.window.lower(), _bar(figure))
    console.print(table)


def _used(figure: Figure) -> str:
    return "not measured yet" if figure.used is None else f"{figure.used:,}"


def _limit(figure: Figure) -> str:
    return "unlimited" if figure.limit is None else f"{figure.limit:,}"


def _bar(figure: Figure) -> ProgressBar | str:
    percent = figure.percent
    if percent is None:
        return ""
    style = "red" if percent >= _FULL else "yellow" if percent >= _NEAR else "green"
    return ProgressBar(total=100, completed=min(percent, 100), width=_WIDTH, complete_style=style, finished_style=style)
