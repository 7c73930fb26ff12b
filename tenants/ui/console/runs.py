"""Runs: what recent transactions did, which of them failed, and where the time of one went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.timeline import PAGE_STEPS, Scale, Step, scale_of, steps_of

PAGE_ROWS = 50
ZOOMS = (1, 2, 4, 8, 16)
SLOWEST = 3
NARROW = 0.4
"""Percent of the scale below which a bar has a width of its own."""
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_MOMENT = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
_STATUSES = (
    ("", lazy("any")), ("FINISHED", lazy("finished")), ("FAILED", lazy("failed")), ("OPEN", lazy("not ended")),
)  # fmt: skip


def _text(label: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=200, widget=forms.TextInput(_PLAIN))


class Filter(forms.Form):
    """Its values are the address' own; none is needed."""

    model = _text(lazy("Model"))
    state = _text(lazy("State"))
    processor = _text(lazy("Processor"))
    member = _text(lazy("Member"))
    status = forms.ChoiceField(label=lazy("Status"), required=False, choices=_STATUSES)
    since = forms.DateTimeField(label=lazy("From (UTC)"), required=False, widget=_MOMENT)
    until = forms.DateTimeField(label=lazy("Before (UTC)"), required=False, widget=_MOMENT)
    errors_only = forms.BooleanField(label=lazy("With errors"), required=False)

    @property
    def given(self) -> dict[str, str]:
        """As the address has them, without those that restrict nothing."""
        return {name: str(self.data[name]) for name in self.fields if self.data.get(name)}

    @property
    def query(self) -> dict[str, object]:
        """What the API is asked."""
        values = self.cleaned_data
        since, until = values["since"], values["until"]
        return {
            "entityName": values["model"] or None,
            "state": values["state"] or None,
            "processor": values["processor"] or None,
            "member": values["member"] or None,
            "status": values["status"] or None,
            "errors": "true" if values["errors_only"] else None,
            "fromUtcTime": f"{since:%Y-%m-%dT%H:%M:%S}Z" if since else None,
            "toUtcTime": f"{until:%Y-%m-%dT%H:%M:%S}Z" if until else None,
        }

    @property
    def chips(self) -> list[tuple[Any, str, str]]:
        """Label, value, and the address' query without it."""
        given = self.given
        return [
            (self.fields[name].label, "" if name == "errors_only" else value, urlencode(_without(given, name)))
            for name, value in given.items()
        ]


@in_environment()
@require_safe
def run_list(request: HttpRequest, place: Place) -> HttpResponse:
    form, after = Filter(request.GET), request.GET.get("after", "")
    if not form.is_valid():
        return show(request, place, "console/runs.html", status=400, form=form, page=None)
    page = place.api.get("audit", "transactions", **form.query, limit=PAGE_ROWS, cursor=after or None)
    more = page.get("nextCursor")
    context = {
        "form": form,
        "page": page,
        "after": after,
        "newest": urlencode(form.given),
        "next": urlencode({**form.given, "after": more}) if more else "",
    }
    return show(request, place, "console/runs.html", **context)


@dataclass(frozen=True, slots=True)
class Bar:
    """One attempt on the scale: where it begins and how wide it is, in percent."""

    x: float
    width: float
    is_failed: bool

    @property
    def wide(self) -> str:
        """As SVG writes it; what takes hardly any time is to be seen too."""
        return f"{self.width:.3f}%" if self.width > NARROW else "3"


@dataclass(frozen=True, slots=True)
class Row:
    """A step, as it is drawn; `ticks` are where it was tried again."""

    step: Step
    bars: Sequence[Bar]
    ticks: Sequence[float]
    is_first_of_entity: bool


@in_environment()
@require_safe
def run(request: HttpRequest, place: Place, transaction_id: UUID) -> HttpResponse:
    """One transaction; the page has so many of its steps, `from` a number on, drawn `zoom` times as wide."""
    found = place.api.get("audit", "transactions", transaction_id)
    steps = steps_of(found["items"])
    first = _number(request.GET.get("from"), 1, len(steps))
    zoom = _number(request.GET.get("zoom"), ZOOMS[0], ZOOMS[-1])
    page = steps[first - 1 : first - 1 + PAGE_STEPS]
    scale = scale_of(page)
    context: dict[str, Any] = {
        "run": found,
        "rows": _rows(page, scale),
        "scale": scale,
        "zoom": max(one for one in ZOOMS if one <= zoom),
        "zooms": ZOOMS,
        "first": first,
        "last": first + len(page) - 1,
        "total": len(steps),
        "earlier": max(1, first - PAGE_STEPS) if first > 1 else None,
        "later": first + PAGE_STEPS if first + PAGE_STEPS <= len(steps) else None,
        "slowest": _slowest(steps),
        "failed": [step for step in steps if step.failure][:SLOWEST],
    }
    return show(request, place, "console/run.html", **context)


def _rows(steps: Sequence[Step], scale: Scale) -> list[Row]:
    rows: list[Row] = []
    before = ""
    for step in steps:
        spans = [(each.begin, each.end, each.outcome != "answered") for each in step.attempts]
        spans = spans or [(step.begin, step.end, bool(step.failure))]
        bars = [Bar(x := scale.at(begin), max(0.0, scale.at(end) - x), failed) for begin, end, failed in spans]
        ticks = [scale.at(attempt.begin) for attempt in step.attempts[1:]]
        rows.append(Row(step, bars, ticks, step.entity_id != before))
        before = step.entity_id
    return rows


def _slowest(steps: Sequence[Step]) -> list[Step]:
    lasting = [step for step in steps if step.ms >= 1]
    return sorted(lasting, key=lambda step: step.ms, reverse=True)[:SLOWEST]


def _number(text: str | None, lowest: int, highest: int) -> int:
    is_number = text is not None and text.isascii() and text.isdigit() and len(text) < 9
    return min(max(int(text or ""), lowest), max(lowest, highest)) if is_number else lowest


def _without(given: dict[str, str], name: str) -> dict[str, str]:
    return {key: value for key, value in given.items() if key != name}
