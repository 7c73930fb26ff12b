"""The operators' back office of the control plane: states are changed by services, runs are only looked at."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from tenants.models import Client, Environment, Organisation, Provisioning, ProvisioningStep
from tenants.services.audit import PLATFORM
from tenants.services.organisations import activate_organisations, suspend_organisations


class ReadOnly:
    """Rows that provisioning writes, and nobody else."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EnvironmentInline(ReadOnly, TabularInline):
    model = Environment
    fields = ("name", "kind", "state", "tenant_id", "schema_name")
    show_change_link = True
    extra = 0


@admin.register(Organisation)
class OrganisationAdmin(ModelAdmin):
    list_display = ("name", "state", "created_at")
    list_filter = ("state",)
    search_fields = ("name", "environments__tenant_id")
    fields = ("name", "id", "state", "created_at", "updated_at")
    readonly_fields = ("id", "state", "created_at", "updated_at")
    inlines = (EnvironmentInline,)
    actions = ("suspend", "activate")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.action(description="Suspend: refuse the callers, keep the data", permissions=("change",))
    def suspend(self, request: HttpRequest, organisations: QuerySet[Organisation]) -> None:
        suspend_organisations(PLATFORM, organisations)

    @admin.action(description="Activate", permissions=("change",))
    def activate(self, request: HttpRequest, organisations: QuerySet[Organisation]) -> None:
        activate_organisations(PLATFORM, organisations)


@admin.register(Environment)
class EnvironmentAdmin(ReadOnly, ModelAdmin):
    list_display = ("tenant_id", "organisation", "name", "kind", "state", "driver", "created_at")
    list_filter = ("state", "kind", "driver")
    search_fields = ("tenant_id", "organisation__name", "schema_name")
    list_select_related = ("organisation",)


class StepInline(ReadOnly, TabularInline):
    model = ProvisioningStep
    fields = ("position", "name", "state", "attempts", "started_at", "finished_at", "output", "error", "log")
    extra = 0


@admin.register(Provisioning)
class ProvisioningAdmin(ReadOnly, ModelAdmin):
    list_display = ("environment", "kind", "state", "steps_done", "error", "created_at", "finished_at")
    list_filter = ("state", "kind")
    search_fields = ("environment__tenant_id", "environment__organisation__name")
    list_select_related = ("environment",)
    exclude = ("input",)
    inlines = (StepInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provisioning]:
        return super().get_queryset(request).prefetch_related("steps")

    @admin.display(description="steps")
    def steps_done(self, run: Provisioning) -> str:
        steps: list[ProvisioningStep] = list(run.steps.all())  # type: ignore[attr-defined] - the reverse of `run`
        return f"{sum(step.state == ProvisioningStep.State.DONE for step in steps)} of {len(steps)}"


@admin.register(Client)
class ClientAdmin(ReadOnly, ModelAdmin):
    list_display = ("id", "environment", "user_id", "created_at", "updated_at")
    search_fields = ("id", "environment__tenant_id")
    list_select_related = ("environment",)
    exclude = ("secret_hash", "previous_secret_hash")
