"""The audit log of an organisation or of one of its environments: filtered by its address, page after page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_safe

from cyoda.permissions import Action
from tenants.models import AuditEvent
from tenants.services import audit_export
from tenants.services.audit_log import Wanted, events_of
from tenants.services.environments import environments_of
from tenants.services.people import names_of
from tenants.ui.console.differing import Difference, differences
from tenants.ui.console.place import House, Place, in_environment, in_organisation, show

PAGE_ROWS = 50
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}
_FIRST = ("who", "action", "target", "environment")
_MOMENT = forms.DateTimeInput({"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


def _text(label: Any) -> forms.CharField:
    return forms.CharField(label=label, required=False, max_length=200, widget=forms.TextInput(_PLAIN))


@dataclass(frozen=True, slots=True)
class Part:
    """Some fields of a form, as their template takes them."""

    visible_fields: Sequence[forms.BoundField]

    @property
    def is_used(self) -> bool:
        return any(field.value() or field.errors for field in self.visible_fields)


class Filter(forms.Form):
    """Its values are the address' own; none is needed."""

    who = _text(lazy("Who"))
    action = _text(lazy("Did"))
    target = _text(lazy("To what"))
    environment = forms.ChoiceField(label=lazy("Environment"), required=False)
    reason = _text(lazy("Why"))
    request_id = _text(lazy("Request"))
    since = forms.DateTimeField(label=lazy("From"), required=False, widget=_MOMENT)
    until = forms.DateTimeField(label=lazy("Before"), required=False, widget=_MOMENT)

    def __init__(self, data: Any, where: House) -> None:
        super().__init__(data)
        zone = timezone.localtime().tzname()
        for name in ("since", "until"):
            self.fields[name].label = f"{self.fields[name].label} ({zone})"
        self._tenant_id = where.environment.tenant_id if isinstance(where, Place) else ""
        if self._tenant_id:
            del self.fields["environment"]
        else:
            named = [(row.tenant_id, row.name) for row in environments_of(where.organisation, with_ended=True)]
            self.fields["environment"].choices = [("", lazy("any")), *named]  # type: ignore[attr-defined] - it is a choice

    @property
    def first(self) -> Part:
        """What is asked for most."""
        return Part([self[name] for name in _FIRST if name in self.fields])

    @property
    def more(self) -> Part:
        return Part([self[name] for name in self.fields if name not in _FIRST])

    @property
    def wanted(self) -> Wanted:
        values = {name: value for name, value in self.cleaned_data.items() if name != "environment"}
        return Wanted(**values, tenant_id=self._tenant_id or self.cleaned_data["environment"])


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is on, and the query without it."""

    label: str
    value: str
    without: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An event as it is shown: by whom, in which environment, and what became different."""

    event: AuditEvent
    who: str
    environment: str
    changes: Sequence[Difference]


@in_organisation(Action.MANAGE_PEOPLE)
@require_safe
def of_organisation(request: HttpRequest, house: House) -> HttpResponse:
    return _page(request, house)


@in_organisation(Action.MANAGE_PEOPLE)
@require_safe
def export_of_organisation(request: HttpRequest, house: House, form: str) -> StreamingHttpResponse:
    return _export(request, house, form)


@in_environment(Action.MANAGE_PEOPLE, open_only=False)
@require_safe
def of_environment(request: HttpRequest, place: Place) -> HttpResponse:
    return _page(request, place)


@in_environment(Action.MANAGE_PEOPLE, open_only=False)
@require_safe
def export_of_environment(request: HttpRequest, place: Place, form: str) -> StreamingHttpResponse:
    return _export(request, place, form)


def _page(request: HttpRequest, where: House) -> HttpResponse:
    """`before` is the id of the last event of the page before."""
    form = Filter(request.GET, where)
    found, before = list(_found(form, where, request.GET.get("before", ""))[: PAGE_ROWS + 1]), request.GET.get("before")
    kept = request.GET.copy()
    kept.pop("before", None)
    return show(
        request, where, "organisation/audit.html",
        form=form, rows=_rows(where, found[:PAGE_ROWS]), has_more=len(found) > PAGE_ROWS, is_older=bool(before),
        chips=_chips(form, kept), query=kept.urlencode(), formats=audit_export.FORMATS,
    )  # fmt: skip


def _chips(form: Filter, query: QueryDict) -> list[Chip]:
    chips: list[Chip] = []
    for field in form.visible_fields():
        if field.value():
            rest = query.copy()
            rest.pop(field.name, None)
            named: dict[str, object] = dict(getattr(field.field, "choices", ()))
            chips.append(Chip(str(field.label), str(named.get(field.value(), field.value())), rest.urlencode()))
    return chips


def _export(request: HttpRequest, where: House, form: str) -> StreamingHttpResponse:
    """Everything that the filter finds, not only a page of it."""
    if form not in audit_export.FORMATS:
        raise Http404
    return audit_export.exported(_found(Filter(request.GET, where), where), form)


def _found(form: Filter, where: House, before: str = "") -> QuerySet[AuditEvent]:
    """Nothing while a filter makes no sense."""
    if not form.is_valid():
        return AuditEvent.objects.none()
    events = events_of(where.organisation, form.wanted)
    return events.filter(id__lt=int(before)) if before.isdecimal() and len(before) < 19 else events


def _rows(where: House, events: Sequence[AuditEvent]) -> list[Row]:
    names = names_of(where.organisation, {event.actor_id for event in events})
    environments = {row.tenant_id: row.name for row in environments_of(where.organisation, with_ended=True)}
    return [
        Row(
            event=event,
            who=names.get(event.actor_id) or event.actor_name,
            environment=environments.get(event.tenant_id, event.tenant_id),
            changes=_changes(event),
        )
        for event in events
    ]


def _changes(event: AuditEvent) -> list[Difference]:
    """By the names of what became different."""
    found = differences(event.before or {}, event.after or {})
    return [replace(each, path=each.path.removeprefix("$.")) for each in found if each.path != "$"]
