"""What is used against its limit, as bars."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from tenants.ui.shell.attention import FULL_PERCENT, LIMITED, NEAR_PERCENT
from tenants.usage.figures import BYTES, NOW, TODAY, Figure, Figures

_WINDOWS: Mapping[str, Promise | str] = {
    NOW: "",
    TODAY: lazy("today"),
    "SECONDS": lazy("this second"),
    "MINUTES": lazy("this minute"),
    "HOURS": lazy("this hour"),
    "DAYS": lazy("today"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """`used` is empty where nothing was measured yet, `limit` where there is none; `level` is ok, near or full."""

    name: str
    used: str
    limit: str
    window: str
    percent: int | None
    level: str
    refused: int
    at: datetime | None


def bars(figures: Figures) -> list[Bar]:
    return [_bar(name, figure) for name, figure in figures.items()]


def _bar(name: str, figure: Figure) -> Bar:
    percent = figure.percent
    level = "ok" if percent is None or percent < NEAR_PERCENT else "near" if percent < FULL_PERCENT else "full"
    return Bar(
        name=str(LIMITED[name]),
        used=_shown(name, figure.used),
        limit=_shown(name, figure.limit),
        window=str(_WINDOWS.get(figure.window, figure.window)),
        percent=None if percent is None else min(percent, 100),
        level=level,
        refused=figure.refused,
        at=figure.at,
    )


def _shown(name: str, number: int | None) -> str:
    if number is None:
        return ""
    return filesizeformat(number) if name == BYTES else number_format(number, force_grouping=True)
