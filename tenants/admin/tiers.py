"""Tiers and who has which."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from tenants.admin.base import OperatorAdmin
from tenants.admin.forms import Indented, OrganisationField, moment
from tenants.admin.operation import ConfirmForm, Operation, Outcome, Refused, creation, deletion, edition
from tenants.models import Organisation, Subscription, Tier
from tenants.services.audit import Doer
from tenants.services.tiers import InvalidTier, TierInUse, assign_tier, cancel_subscription, delete_tier, save_tier

STATUS_COLOURS = {"ACTIVE": "success", "CANCELLED": "warning", "EXPIRED": "default"}
FIELDS = ("title", "limits", "backends", "env_deploys_per_day", "env_lifetime_days", "deploys_apps")


class TierForm(ConfirmForm):
    """A tier's values; its name is fixed once it is made."""

    name = forms.RegexField(r"^[a-z][a-z0-9-]{0,31}$", widget=UnfoldAdminTextInputWidget)
    title = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    limits = Indented(
        initial=list,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "spellcheck": "false"}),
        help_text="A list of {entitlementId, cumulative, limit, timeIntervalBound}; what is left out is unlimited.",
    )
    backends = forms.JSONField(
        initial=["*"], widget=UnfoldAdminTextInputWidget, help_text='Names of drivers; ["*"] is any.'
    )
    env_deploys_per_day = forms.IntegerField(
        min_value=-1, initial=-1, widget=UnfoldAdminIntegerFieldWidget, help_text="-1: any number"
    )
    env_lifetime_days = forms.IntegerField(
        min_value=1, required=False, widget=UnfoldAdminIntegerFieldWidget, help_text="Empty: no end"
    )
    deploys_apps = forms.BooleanField(required=False, widget=UnfoldBooleanSwitchWidget)

    def __init__(self, data: Any = None, *, row: Tier | None, expected: str) -> None:
        super().__init__(data, row=row, expected=expected)
        if row is not None:
            del self.fields["name"]
            self.initial = {name: getattr(row, name) for name in FIELDS}


class AssignForm(ConfirmForm):
    organisation = OrganisationField()
    period_to = moment("Ends at", required=False, help_text="UTC. Empty: no end.")


def _save(doer: Doer, tier: Tier | None, values: Mapping[str, Any]) -> Outcome:
    if tier is None:
        tier = Tier(name=values["name"])
        if Tier.objects.filter(pk=tier.pk).exists():
            raise Refused(f"There is a tier called {tier.pk} already.")
    for name in FIELDS:
        setattr(tier, name, values[name])
    try:
        save_tier(doer, tier)
    except InvalidTier as fault:
        raise Refused(str(fault)) from None
    return Outcome(message=f"Tier {tier.pk} is saved.", goto=tier)


def _delete(doer: Doer, tier: Tier, _: Mapping[str, Any]) -> Outcome:
    name = tier.pk
    try:
        delete_tier(doer, tier)
    except TierInUse as fault:
        raise Refused(str(fault)) from None
    return Outcome(message=f"Tier {name} is deleted.")


def _assign(doer: Doer, tier: Tier, values: Mapping[str, Any]) -> Outcome:
    organisation: Organisation = values["organisation"]
    try:
        assign_tier(doer, organisation, tier, period_to=values["period_to"])
    except InvalidTier as fault:
        raise Refused(str(fault)) from None
    return Outcome(message=f"{organisation} has the tier {tier}.", goto=organisation)


def _cancel(doer: Doer, subscription: Subscription, _: Mapping[str, Any]) -> Outcome:
    cancel_subscription(doer, subscription.organisation)
    return Outcome(message="The subscription is cancelled.", goto=subscription)


TIER_OPERATIONS = (
    creation(
        name="create",
        title="New tier",
        confirm="Create",
        form=TierForm,
        explain=lambda _: ("The tier can be given to organisations. Nobody has it yet.",),
        perform=_save,
    ),
    edition(
        form=TierForm,
        explain=lambda tier: (
            f"Every organisation with the tier {tier} has these limits within about a second.",
            "What is above a lowered limit stays; nothing more is let in.",
        ),
        perform=_save,
    ),
    Operation(
        name="assign",
        title="Assign",
        icon="assignment_ind",
        form=AssignForm,
        explain=lambda tier: (f"The organisation has the tier {tier} from now on, in place of the one it has.",),
        perform=_assign,
    ),
    deletion(
        explain=lambda tier: (f"{tier} is removed. A tier that organisations have, or had, cannot be deleted.",),
        perform=_delete,
    ),
)
CANCEL = Operation(
    name="cancel",
    title="Cancel",
    icon="cancel",
    variant=ActionVariant.DANGER,
    explain=lambda subscription: (f"{subscription.organisation} has the default tier from now on.",),
    perform=_cancel,
    is_possible=lambda subscription: subscription.status == Subscription.Status.ACTIVE,
)


@admin.register(Tier)
class TierAdmin(OperatorAdmin):
    list_display = ("name", "title", "organisations", "env_deploys_per_day", "env_lifetime_days", "updated_at")
    search_fields = ("name", "title")
    fields = (
        ("name", "title"), "limits", "backends", ("env_deploys_per_day", "env_lifetime_days"), "deploys_apps",
        "updated_at",
    )  # fmt: skip
    operations = TIER_OPERATIONS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tier]:
        active = Q(subscriptions__status=Subscription.Status.ACTIVE)
        return super().get_queryset(request).annotate(number=Count("subscriptions", filter=active))

    @display(description="organisations", ordering="number")
    def organisations(self, tier: Any) -> int:
        return tier.number


@admin.register(Subscription)
class SubscriptionAdmin(OperatorAdmin):
    list_display = ("organisation", "tier", "shown_status", "period_from", "period_to")
    list_filter = ("status", "tier", "period_to")
    search_fields = ("organisation__name",)
    list_select_related = ("organisation", "tier")
    operations = (CANCEL,)

    def audit_of(self, row: Subscription) -> dict[str, str]:
        return {"organisation_id": str(row.organisation.pk)}

    @display(description="status", ordering="status", label=STATUS_COLOURS)
    def shown_status(self, subscription: Subscription) -> str:
        return subscription.status
