"""Instants as people read them: in their time zone, which is named, with the whole of it for machines and on hover."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib.humanize.templatetags.humanize import naturaltime
from django.utils import timezone
from django.utils.html import format_html


def parsed(value: Any) -> datetime | None:
    """An instant of the API, or a datetime; None for what is neither. What names no zone is in UTC."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value if value.tzinfo else value.replace(tzinfo=UTC)


def in_zone(instant: datetime, *, fine: bool = False) -> str:
    """`2026-11-25 11:42:14 CET`, or to the microsecond."""
    local = timezone.localtime(instant)
    name = local.tzname() or ""
    name = f"UTC{name}" if name[:1] in "+-" else name
    return f"{local:%Y-%m-%d %H:%M:%S}{f'.{local:%f}' if fine else ''} {name}"


def moment(value: Any) -> str:
    """To the second; empty for nothing, and the text itself for what is no instant."""
    instant = parsed(value)
    if instant is None:
        return "" if value is None else str(value)
    return _time(instant, in_zone(instant))


def ago(value: Any) -> str:
    """How long ago, or in how long."""
    instant = parsed(value)
    return "" if instant is None else _time(instant, str(naturaltime(instant)))


def lasting(ms: Any) -> str:
    """How long something took, in milliseconds: `0.4 ms`, `12 ms`, `3.4 s`, `2 m 5 s`, `3 h 20 m`."""
    ms = float(ms)
    if ms < 1000:
        return f"{ms:.1f} ms" if ms < 10 else f"{ms:.0f} ms"
    seconds = ms / 1000
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, seconds = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} m {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _time(instant: datetime, shown: str) -> str:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', instant.isoformat(), in_zone(instant, fine=True), shown
    )
