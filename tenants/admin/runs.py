"""Provisioning runs with their steps, and what still waits to be handed to the workers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.decorators import display
from unfold.enums import ActionVariant

from tenants.admin.base import LookedAtInline, OperatorAdmin, counted
from tenants.admin.operation import Operation, Outcome, Refused
from tenants.models import Outbox, Provisioning, ProvisioningStep
from tenants.services.audit import Doer
from tenants.services.provisioning import (
    BEGINS_AGAIN,
    EnvironmentNameTaken,
    RunNotCancellable,
    RunNotRetryable,
    cancel_run,
    retry_run,
)
from tenants.tasks import wake

RunState = Provisioning.State
STATE_COLOURS = {
    "queued": "default",
    "running": "info",
    "undoing": "warning",
    "succeeded": "success",
    "failed": "danger",
    "cancelled": "default",
    "pending": "default",
    "done": "success",
    "undone": "warning",
}


def _retry(doer: Doer, run: Provisioning, _: Mapping[str, Any]) -> Outcome:
    try:
        going = retry_run(doer, run, wake=wake)
    except RunNotRetryable:
        raise Refused("Only the last run of an environment can be retried, and only when it failed.") from None
    except EnvironmentNameTaken as name:
        raise Refused(f"The organisation has another environment called {name} by now.") from None
    return Outcome(message="The run goes on." if going.pk == run.pk else "A new run has begun.", goto=going)


def _cancel(doer: Doer, run: Provisioning, _: Mapping[str, Any]) -> Outcome:
    try:
        cancel_run(doer, run, wake=wake)
    except RunNotCancellable as state:
        raise Refused(f"The run cannot be cancelled any more; it is {state}.") from None
    return Outcome(message="The run turns back: what it has done is undone.", goto=run)


RETRY = Operation(
    name="retry",
    title="Retry",
    icon="refresh",
    explain=lambda run: (
        ("A new run makes the environment again, with the client whose secret was shown when it was ordered.",)
        if run.finished_at
        else ("The step that failed is tried again now, instead of after its pause, with all its attempts.",)
    ),
    perform=_retry,
    is_possible=lambda run: run.state in BEGINS_AGAIN or (run.finished_at is None and run.state != RunState.QUEUED),
)
CANCEL = Operation(
    name="cancel",
    title="Cancel",
    icon="cancel",
    variant=ActionVariant.DANGER,
    explain=lambda run: (
        f"{run.environment} is not made: every step that was begun is undone, last first.",
        "A step that a worker carries out right now is undone when its time is over.",
    ),
    perform=_cancel,
    is_possible=lambda run: run.state in {RunState.QUEUED, RunState.RUNNING},
)


class StepInline(LookedAtInline):
    model = ProvisioningStep
    tab = False
    has_pages = False
    verbose_name_plural = "steps"
    fields = ("name", "state", "attempts", "duration", "error", "shown_log")
    readonly_fields = ("duration", "shown_log")

    @display(description="duration", empty_value="–")
    def duration(self, step: ProvisioningStep) -> str | None:
        if step.started_at is None or step.finished_at is None:
            return None
        return f"{(step.finished_at - step.started_at) / timedelta(seconds=1):.2f} s"

    @display(description="log", empty_value="–")
    def shown_log(self, step: ProvisioningStep) -> str | None:
        return format_html('<pre class="text-xs">{}</pre>', step.log) if step.log else None


@admin.register(Provisioning)
class ProvisioningAdmin(OperatorAdmin):
    list_display = ("environment", "kind", "shown_state", "steps_done", "error", "created_at", "finished_at")
    list_filter = ("state", "kind", "created_at")
    search_fields = ("environment__tenant_id", "environment__organisation__name", "error")
    list_select_related = ("environment",)
    fields = (
        ("environment", "kind"), ("state", "error"), ("created_at", "finished_at"), ("not_before", "lease_until"),
    )  # fmt: skip
    inlines = (StepInline,)
    operations = (RETRY, CANCEL)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Provisioning]:
        steps = ProvisioningStep.objects.all()
        done = steps.filter(state=ProvisioningStep.State.DONE)
        rows = super().get_queryset(request)
        return rows.annotate(done_number=counted(done, "run"), step_number=counted(steps, "run"))

    def audit_of(self, row: Provisioning) -> dict[str, str]:
        return {"tenant_id": row.environment.tenant_id}

    @display(description="state", ordering="state", label=STATE_COLOURS)
    def shown_state(self, run: Provisioning) -> str:
        return run.state

    @display(description="steps")
    def steps_done(self, run: Any) -> str:
        return f"{run.done_number} of {run.step_number}"


@admin.register(Outbox)
class OutboxAdmin(OperatorAdmin):
    list_display = ("id", "topic", "payload", "created_at")
    list_filter = ("topic", "created_at")
    search_fields = ("payload",)
