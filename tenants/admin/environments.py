"""Environments and their host names: ordered and deleted here, made and removed by provisioning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.urls import URLPattern
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants.admin.base import LookedAtInline, OperatorAdmin
from tenants.admin.forms import OrganisationField
from tenants.admin.models import model_urls
from tenants.admin.operation import ConfirmForm, Outcome, Refused, creation, deletion, typed_in_production
from tenants.admin.webhooks import UsageInline
from tenants.models import (
    LOCAL,
    Backend,
    Client,
    Domain,
    Environment,
    OidcProvider,
    Organisation,
    Provisioning,
    TrustedKey,
)
from tenants.naming import UnusableTenantId
from tenants.provisioning.base import StepRefused
from tenants.services.audit import Doer
from tenants.services.provisioning import (
    BackendUnavailable,
    EnvironmentExists,
    EnvironmentNameTaken,
    EnvironmentNotReady,
    delete_environment,
    provision_environment,
)
from tenants.tasks import wake

STATE_COLOURS = {
    "ready": "success",
    "provisioning": "info",
    "failed": "danger",
    "deleting": "warning",
    "deleted": "default",
    "cancelled": "default",
}


class OrderForm(ConfirmForm):
    """Whose environment, and what it is called: of an organisation that there is, or of a new one."""

    organisation = OrganisationField(required=False, help_text="Name or id of one that there is, or")
    new_organisation = forms.CharField(required=False, widget=UnfoldAdminTextInputWidget)
    name = forms.CharField(
        initial="development",
        max_length=22,
        widget=UnfoldAdminTextInputWidget,
        help_text="Lower-case letters, digits and single hyphens; once in an organisation.",
    )
    kind = forms.ChoiceField(choices=Environment.Kind.choices, widget=UnfoldAdminSelectWidget)
    backend = forms.ModelChoiceField(
        Backend.objects.filter(is_enabled=True), initial=LOCAL, empty_label=None, widget=UnfoldAdminSelectWidget
    )
    tenant_id = forms.CharField(
        required=False,
        widget=UnfoldAdminTextInputWidget,
        help_text="caas_org_id of its tokens. Empty: the new organisation's name.",
    )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        owner, new = values.get("organisation"), values.get("new_organisation")
        if bool(owner) == bool(new):
            raise ValidationError("Name an organisation that there is, or a new one.")
        if owner and not values.get("tenant_id"):
            raise ValidationError("A further environment needs a tenant id of its own.")
        return values


def _order(doer: Doer, _: None, values: Mapping[str, Any]) -> Outcome:
    owner: Organisation | None = values["organisation"]
    try:
        order = provision_environment(
            doer,
            values["new_organisation"] if owner is None else owner.name,
            owner=owner,
            tenant_id=values["tenant_id"] or None,
            environment_name=values["name"],
            kind=values["kind"],
            backend=values["backend"].pk,
            wake=wake,
        )
    except EnvironmentExists as state:
        raise Refused(f"There is an environment of this tenant id already; it is {state}.") from None
    except EnvironmentNameTaken as name:
        raise Refused(f"The organisation has an environment called {name} already.") from None
    except UnusableTenantId:
        raise Refused("This text cannot be a tenant id.") from None
    except (StepRefused, BackendUnavailable) as refusal:
        raise Refused(str(refusal)) from None
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None
    return Outcome(
        message="The environment is being made. Its client works as soon as it is ready.",
        goto=order.run,
        secrets={"Client id": order.client_id, "Client secret": order.client_secret},
    )


def _delete(doer: Doer, environment: Environment, _: Mapping[str, Any]) -> Outcome:
    try:
        run = delete_environment(doer, environment, wake=wake)
    except EnvironmentNotReady as state:
        raise Refused(f"Only an environment that is ready can be deleted; this one is {state}.") from None
    return Outcome(message="The environment is closed and being removed.", goto=run)


ORDER = creation(
    name="order",
    title="New environment",
    confirm="Order",
    explain=lambda _: (
        "A provisioning run makes the environment's schema, its tables and its first client.",
        "The client's id and secret are shown once, on the next page.",
    ),
    form=OrderForm,
    perform=_order,
)
DELETE = deletion(
    explain=lambda environment: (
        f"{environment} is closed at once: every caller is refused.",
        "All its entities with their history, its models, workflows, messages and clients are removed.",
        "Nothing brings them back but a backup.",
        "The tenant id can be used again afterwards.",
    ),
    perform=_delete,
    is_possible=lambda environment: environment.state == Environment.State.READY,
    expected=typed_in_production,
)


class ClientInline(LookedAtInline):
    model = Client
    fields = ("label", "roles", "expires_at", "last_used_at", "created_at")


class DomainInline(LookedAtInline):
    model = Domain
    fields = ("is_primary",)


class RunInline(LookedAtInline):
    model = Provisioning
    verbose_name_plural = "runs"
    fields = ("state", "error", "created_at", "finished_at")


class TrustedKeyInline(LookedAtInline):
    model = TrustedKey
    fields = ("audience", "is_active", "valid_from", "valid_to")


class ProviderInline(LookedAtInline):
    model = OidcProvider
    fields = ("is_active", "created_at")


@admin.register(Environment)
class EnvironmentAdmin(OperatorAdmin):
    list_display = ("shown_id", "organisation", "name", "kind", "shown_state", "backend", "created_at")
    list_filter = ("state", "kind", "backend", "organisation__state", "created_at")
    search_fields = ("tenant_id", "organisation__name", "schema_name")
    list_select_related = ("organisation", "backend")
    fields = (
        ("organisation", "state"), ("name", "kind"), ("tenant_id", "schema_name"),
        ("backend", "region"), ("driver", "parameters"),
        ("m2m_client_id", "expires_at"),
        ("created_at", "updated_at"),
    )  # fmt: skip
    inlines = (ClientInline, RunInline, UsageInline, TrustedKeyInline, ProviderInline, DomainInline)
    operations = (ORDER, DELETE)
    change_form_outer_before_template = "back_office/environment_links.html"

    def get_urls(self) -> list[URLPattern]:
        return [*model_urls(self), *super().get_urls()]

    def audit_of(self, row: Environment) -> dict[str, str]:
        return {"tenant_id": row.tenant_id}

    @display(description="tenant id", ordering="tenant_id")
    def shown_id(self, environment: Environment) -> str:
        return environment.tenant_id[:80]

    @display(description="state", ordering="state", label=STATE_COLOURS)
    def shown_state(self, environment: Environment) -> str:
        return environment.state


@admin.register(Domain)
class DomainAdmin(OperatorAdmin):
    list_display = ("domain", "tenant", "is_primary")
    list_filter = ("is_primary",)
    search_fields = ("domain", "tenant__tenant_id")
    list_select_related = ("tenant",)
