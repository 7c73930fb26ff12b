"""Technical clients of environments; a secret is shown on the page that made it and never again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminTextInputWidget,
)

from cyoda.principal import ROLE_ADMIN, ROLE_M2M
from tenants.admin.base import OperatorAdmin
from tenants.admin.forms import EnvironmentField, moment
from tenants.admin.operation import ConfirmForm, Operation, Outcome, creation, deletion, typed_in_production
from tenants.models import Client
from tenants.services.audit import Doer
from tenants.services.clients import Issued, create_client, delete_client, rotate_secret

ROLES = ((ROLE_M2M, "ROLE_M2M: compute and data"), (ROLE_ADMIN, "ROLE_ADMIN: administration of the tenant"))
LONGEST_OVERLAP_HOURS = 24 * 31


class CreateForm(ConfirmForm):
    environment = EnvironmentField()
    label = forms.CharField(required=False, max_length=100, widget=UnfoldAdminTextInputWidget)
    roles = forms.MultipleChoiceField(
        choices=ROLES, initial=[ROLE_M2M], widget=UnfoldAdminCheckboxSelectMultipleWidget, required=False
    )
    expires_at = moment("Expires at", required=False, help_text="UTC. Empty: never.")


class RotateForm(ConfirmForm):
    overlap_hours = forms.IntegerField(
        min_value=0,
        max_value=LONGEST_OVERLAP_HOURS,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long the present secret works beside the new one.",
    )


def _create(doer: Doer, _: None, values: Mapping[str, Any]) -> Outcome:
    issued = create_client(
        doer, values["environment"], roles=values["roles"], label=values["label"], expires_at=values["expires_at"]
    )
    return _shown("The client is made.", issued)


def _rotate(doer: Doer, client: Client, values: Mapping[str, Any]) -> Outcome:
    issued = rotate_secret(doer, client, overlap=timedelta(hours=values["overlap_hours"]))
    return _shown("The client has a new secret.", issued)


def _delete(doer: Doer, client: Client, _: Mapping[str, Any]) -> Outcome:
    delete_client(doer, client)
    return Outcome(message=f"Client {client} is deleted.")


def _shown(message: str, issued: Issued) -> Outcome:
    client = Client.objects.get(pk=issued.client_id)
    return Outcome(
        message=message, goto=client, secrets={"Client id": issued.client_id, "Client secret": issued.secret}
    )


OPERATIONS = (
    creation(
        name="create",
        title="New client",
        confirm="Create",
        form=CreateForm,
        explain=lambda _: ("The client can fetch tokens at once. Its secret is shown once, on the next page.",),
        perform=_create,
    ),
    Operation(
        name="rotate",
        title="Rotate secret",
        icon="autorenew",
        form=RotateForm,
        explain=lambda client: (
            f"{client} gets a new secret, shown once on the next page.",
            "The present one ends at once, or after the overlap; tokens already fetched live until they expire.",
        ),
        perform=_rotate,
        expected=lambda client: typed_in_production(client.environment),
        is_possible=lambda client: not client.is_configured,
    ),
    deletion(
        explain=lambda client: (
            f"{client} cannot fetch tokens any more within about a second.",
            "Tokens it has fetched live until they expire; to end them at once, invalidate the signing key.",
        ),
        perform=_delete,
        expected=lambda client: typed_in_production(client.environment),
        is_possible=lambda client: not client.is_configured,
    ),
)


@admin.register(Client)
class ClientAdmin(OperatorAdmin):
    list_display = ("id", "label", "environment", "shown_roles", "expires_at", "last_used_at", "created_at")
    list_filter = ("environment__kind", "environment__state", "expires_at", "last_used_at")
    search_fields = ("id", "label", "environment__tenant_id", "environment__organisation__name", "user_id")
    list_select_related = ("environment",)
    fields = (
        ("id", "label"), ("environment", "user_id"), "shown_roles", ("expires_at", "last_used_at"),
        "previous_secret_until", ("created_at", "updated_at"),
    )  # fmt: skip
    readonly_fields = ("shown_roles",)
    operations = OPERATIONS

    @display(description="roles", empty_value="–")
    def shown_roles(self, client: Client) -> str | None:
        return ", ".join(client.roles) or None
