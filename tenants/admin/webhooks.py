"""Notices of limits, who was told, and the webhooks that hear of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants.admin.base import LookedAtInline, OperatorAdmin
from tenants.admin.forms import OrganisationField
from tenants.admin.operation import ConfirmForm, Outcome, Refused, creation, deletion
from tenants.models import Notice, NoticeDelivery, UsagePeriod, Webhook
from tenants.services.audit import Doer
from tenants.usage.webhooks import MAX_URL, InvalidWebhook, create_webhook, delete_webhook

DELIVERY_COLOURS = {"sent": "success", "waiting": "info", "failed": "danger"}


class WebhookForm(ConfirmForm):
    """Whose notices are posted where, and as which cards."""

    organisation = OrganisationField(required=False, help_text="Empty: the notices of all organisations.")
    name = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    format = forms.ChoiceField(choices=Webhook.Format.choices, widget=UnfoldAdminSelectWidget)
    url = forms.CharField(
        label="URL",
        max_length=MAX_URL,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="A secret: it is kept encrypted and never shown again.",
    )


def _create(doer: Doer, _: None, values: Mapping[str, Any]) -> Outcome:
    try:
        webhook = create_webhook(doer, values["organisation"], values["name"], values["format"], values["url"])
    except InvalidWebhook as refusal:
        raise Refused(str(refusal)) from None
    return Outcome(message=f"{webhook} hears of the next notices.", goto=webhook)


def _delete(doer: Doer, webhook: Webhook, _: Mapping[str, Any]) -> Outcome:
    delete_webhook(doer, webhook)
    return Outcome(message=f"{webhook} hears of nothing any more.")


CREATE = creation(
    name="create",
    title="New webhook",
    confirm="Create",
    explain=lambda _: ("Notices at 80 % and 100 % of a limit are posted to it as cards of the chat.",),
    form=WebhookForm,
    perform=_create,
)
DELETE = deletion(
    explain=lambda webhook: (f"Nothing is posted to {webhook} any more, and its URL is forgotten.",), perform=_delete
)


class DeliveryInline(LookedAtInline):
    model = NoticeDelivery
    has_pages = False
    fields = ("target", "state", "attempts", "not_before", "error")

    @display(description="to")
    def target(self, delivery: NoticeDelivery) -> str:
        return str(delivery)


class UsageInline(LookedAtInline):
    """The last days of an environment."""

    model = UsagePeriod
    verbose_name_plural = "usage"
    has_pages = False
    fields = (
        "started_at", "requests", "requests_refused", "callouts", "callouts_refused", "members_peak",
        "entities", "bytes", "measured_at",
    )  # fmt: skip

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).filter(span=UsagePeriod.Span.DAY)


@admin.register(Webhook)
class WebhookAdmin(OperatorAdmin):
    list_display = ("name", "organisation", "format", "host", "created_at")
    list_filter = ("format",)
    search_fields = ("name", "organisation__name", "host")
    list_select_related = ("organisation",)
    fields = (("name", "organisation"), ("format", "host"), "created_at")
    operations = (CREATE, DELETE)


@admin.register(Notice)
class NoticeAdmin(OperatorAdmin):
    list_display = ("environment", "entitlement", "threshold", "used", "limit", "created_at", "undelivered")
    list_filter = ("entitlement", "threshold", "deliveries__state", "created_at")
    search_fields = ("environment__tenant_id", "environment__organisation__name")
    list_select_related = ("environment",)
    fields = ("environment", ("entitlement", "threshold"), ("used", "limit"), ("period_started_at", "created_at"))
    inlines = (DeliveryInline,)

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request).prefetch_related("deliveries")

    @display(description="delivery", label=DELIVERY_COLOURS)
    def undelivered(self, notice: Notice) -> str:
        states = {delivery.state for delivery in notice.deliveries.all()}  # type: ignore[attr-defined]
        return next((state for state in ("failed", "waiting") if state in states), "sent")
