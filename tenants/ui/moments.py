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


def _time(instant: datetime, shown: str) -> str:
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', instant.isoformat(), in_zone(instant, fine=True), shown
    )
