"""Applications of organisations with their processes, to look at."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from tenants.admin.base import LookedAtInline, OperatorAdmin
from tenants.models import Application, ApplicationProcess
from tenants.services.applications import status

STATE_COLOURS = {
    "starting": "info",
    "running": "success",
    "waiting": "warning",
    "stopping": "warning",
    "stopped": "default",
    "failed": "danger",
}


class ProcessInline(LookedAtInline):
    model = ApplicationProcess
    tab = False
    has_pages = False
    verbose_name_plural = "processes"
    fields = ("replica", "revision", "state", "pid", "restarts", "last_exit", "started_at")


@admin.register(Application)
class ApplicationAdmin(OperatorAdmin):
    list_display = ("name", "environment", "state", "ready", "revision", "updated_at")
    list_filter = ("is_stopped", "updated_at")
    search_fields = ("name", "image", "environment__tenant_id", "environment__organisation__name")
    list_select_related = ("environment",)
    fields = (
        ("name", "environment"), ("state", "ready"), "message", ("image", "command"), ("repository", "branch"),
        ("revision", "tags"), "client", ("created_at", "updated_at"),
    )  # fmt: skip
    readonly_fields = ("state", "ready", "message")
    inlines = (ProcessInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        return super().get_queryset(request).prefetch_related("processes")

    def audit_of(self, row: Application) -> dict[str, str]:
        return {"target_type": "application", "target_id": str(row.pk)}

    @display(description="state", label=STATE_COLOURS)
    def state(self, row: Application) -> str:
        return status(row).state

    @display(description="ready")
    def ready(self, row: Application) -> str:
        return f"{status(row).ready} of {row.replicas}"

    @display(description="message", empty_value="–")
    def message(self, row: Application) -> str | None:
        return status(row).message or None
