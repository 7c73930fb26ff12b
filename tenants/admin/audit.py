"""The audit log: read, filtered, compared, and taken away as CSV or JSON lines."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import FieldTextFilter, RangeDateTimeFilter, TextFilter
from unfold.decorators import display
from unfold.paginator import InfinitePaginator

from tenants.admin.access import may_look
from tenants.admin.base import OperatorAdmin
from tenants.models import AuditEvent, Organisation
from tenants.services.audit_export import FORMATS, exported


class MomentFilter(RangeDateTimeFilter):
    """A span in UTC; a day without a time begins, or ends, with the day."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Raises IncorrectLookupParameters."""
        for end, lookup, time in (("from", "gte", "00:00:00"), ("to", "lte", "23:59:59.999999")):
            given = [self.used_parameters.get(f"at_{end}_{part}") for part in (0, 1)]
            if given[0]:
                queryset = queryset.filter(**{f"at__{lookup}": _moment(f"{given[0]}T{given[1] or time}")})
        return queryset


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise IncorrectLookupParameters from None


class ActorFilter(TextFilter):
    title, parameter_name = "actor", "actor"

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        text = self.value()
        return queryset.filter(Q(actor_name__icontains=text) | Q(actor_id=text)) if text else queryset


class OrganisationFilter(TextFilter):
    title, parameter_name = "organisation or tenant", "owner"

    def queryset(self, request: HttpRequest, queryset: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        text = self.value()
        if not text:
            return queryset
        owners = Organisation.objects.filter(Q(name__icontains=text) | Q(environments__tenant_id=text))
        return queryset.filter(Q(organisation_id__in=owners.values("pk")) | Q(tenant_id=text))


@admin.register(AuditEvent)
class AuditEventAdmin(OperatorAdmin):
    list_display = ("at", "actor_name", "source", "action", "target", "shown_tenant", "reason")
    list_filter = (
        ("at", MomentFilter), "source", ActorFilter, OrganisationFilter, ("action", FieldTextFilter),
        ("target_type", FieldTextFilter),
    )  # fmt: skip
    search_fields = ("actor_name", "action", "target_id", "tenant_id", "request_id", "reason")
    search_help_text = "Actor, action, target, tenant, request id or reason"
    list_filter_submit = True
    list_per_page = 100
    show_full_result_count = False
    paginator = InfinitePaginator  # counting a long log takes longer than showing it
    list_before_template = "back_office/exports.html"
    fields = (
        ("at", "source"), ("actor_name", "actor_id"), ("action", "target"), ("organisation", "tenant_id"),
        ("reason", "request_id"), "changes",
    )  # fmt: skip
    readonly_fields = ("target", "organisation", "changes")

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export)
        return [path("export.<str:form>", view, name="tenants_auditevent_export"), *super().get_urls()]

    def audit_of(self, row: AuditEvent) -> dict[str, str]:
        return {"target_type": row.target_type, "target_id": row.target_id}

    def export(self, request: HttpRequest, form: str) -> HttpResponse | StreamingHttpResponse:
        """What the list shows under its present filters and search, all pages of it, as it is read."""
        if not may_look(request.user) or form not in FORMATS:
            raise PermissionDenied
        return exported(self.get_changelist_instance(request).queryset, form)

    @display(description="target", ordering="target_type")
    def target(self, event: AuditEvent) -> str:
        return f"{event.target_type} {event.target_id[:60]}"

    @display(description="tenant", ordering="tenant_id", empty_value="–")
    def shown_tenant(self, event: AuditEvent) -> str | None:
        return event.tenant_id[:60] or None

    @display(description="organisation", empty_value="–")
    def organisation(self, event: AuditEvent) -> str | None:
        if event.organisation_id is None:
            return None
        owner = Organisation.objects.filter(pk=event.organisation_id).first()
        return str(event.organisation_id) if owner is None else f"{owner.name} ({owner.pk})"

    @display(description="changes", empty_value="–")
    def changes(self, event: AuditEvent) -> str | None:
        """Every field that either side has, with what it was and what it became."""
        before, after = event.before or {}, event.after or {}
        rows = [(name, _shown(before, name), _shown(after, name)) for name in dict.fromkeys([*before, *after])]
        return render_to_string("back_office/changes.html", {"rows": rows}) if rows else None


def _shown(values: dict[str, Any], name: str) -> str:
    value = values.get(name, "")
    return "–" if value is None or value == "" else str(value)
