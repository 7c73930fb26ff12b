"""Organisations: who they are, what they own, who belongs to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant

from tenants.admin.base import LookedAtInline, OperatorAdmin, counted
from tenants.admin.operation import Operation, Outcome
from tenants.models import Environment, Membership, Organisation, Subscription
from tenants.services.audit import Doer
from tenants.services.organisations import activate_organisations, suspend_organisations

STATE_COLOURS = {"active": "success", "suspended": "danger"}


def _suspend(doer: Doer, organisation: Organisation, _: Mapping[str, Any]) -> Outcome:
    suspend_organisations(doer, [organisation])
    return Outcome(message=f"{organisation} is suspended.", goto=organisation)


def _activate(doer: Doer, organisation: Organisation, _: Mapping[str, Any]) -> Outcome:
    activate_organisations(doer, [organisation])
    return Outcome(message=f"{organisation} is active.", goto=organisation)


def _in_production(organisation: Organisation) -> str:
    production = organisation.environments.filter(kind=Environment.Kind.PRODUCTION)  # type: ignore[attr-defined]
    return organisation.name if production.exclude(state__in=Environment.ENDED).exists() else ""


SUSPEND = Operation(
    name="suspend",
    title="Suspend",
    icon="block",
    variant=ActionVariant.DANGER,
    explain=lambda organisation: (
        f"Every caller of {organisation} is refused with 403 within about a second, on every node.",
        "Requests that run now are finished. No data and no credential is removed.",
        "Activating the organisation lets the same callers in again.",
    ),
    perform=_suspend,
    is_possible=lambda organisation: organisation.state == Organisation.State.ACTIVE,
    expected=_in_production,
)
ACTIVATE = Operation(
    name="activate",
    title="Activate",
    icon="check_circle",
    explain=lambda organisation: (f"The callers of {organisation} are let in again within about a second.",),
    perform=_activate,
    is_possible=lambda organisation: organisation.state == Organisation.State.SUSPENDED,
)


class EnvironmentInline(LookedAtInline):
    model = Environment
    fields = ("kind", "state", "driver", "created_at")


class MembershipInline(LookedAtInline):
    model = Membership
    fields = ("role", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "organisation")


class SubscriptionInline(LookedAtInline):
    model = Subscription
    fields = ("status", "period_from", "period_to")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        return super().get_queryset(request).select_related("tier", "organisation")


@admin.register(Organisation)
class OrganisationAdmin(OperatorAdmin):
    list_display = ("name", "shown_state", "tier", "environment_count", "people_count", "created_at")
    list_filter = ("state", "environments__kind", "created_at")
    search_fields = ("name", "environments__tenant_id", "memberships__user__email")
    fields = ("name", "id", "state", "created_at", "updated_at")
    inlines = (EnvironmentInline, MembershipInline, SubscriptionInline)
    operations = (SUSPEND, ACTIVATE)
    change_form_outer_before_template = "back_office/organisation_links.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        active = Subscription.objects.filter(organisation=OuterRef("pk"), status=Subscription.Status.ACTIVE)
        standing = Environment.objects.exclude(state__in=Environment.ENDED)
        rows = super().get_queryset(request)
        return rows.annotate(
            tier_title=Subquery(active.values("tier__title")[:1]),
            environment_number=counted(standing, "organisation"),
            people_number=counted(Membership.objects.all(), "organisation"),
        )

    def audit_of(self, row: Organisation) -> dict[str, str]:
        return {"organisation_id": str(row.pk)}

    @display(description="state", ordering="state", label=STATE_COLOURS)
    def shown_state(self, organisation: Organisation) -> str:
        return organisation.state

    @display(description="tier", ordering="tier_title", empty_value="–")
    def tier(self, organisation: Any) -> str | None:
        return organisation.tier_title

    @display(description="environments", ordering="environment_number")
    def environment_count(self, organisation: Any) -> int:
        return organisation.environment_number

    @display(description="people", ordering="people_number")
    def people_count(self, organisation: Any) -> int:
        return organisation.people_number
