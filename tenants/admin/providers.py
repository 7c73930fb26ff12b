"""OIDC providers whose tokens tenants accept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from unfold.decorators import display

from tenants.admin.base import OperatorAdmin
from tenants.admin.operation import Operation, Outcome, deletion, invalidation, reactivation, typed_in_production
from tenants.models import OidcProvider
from tenants.services import providers
from tenants.services.audit import Doer

ACTIVE_COLOURS = {"active": "success", "invalid": "danger"}


def _invalidate(doer: Doer, provider: OidcProvider, _: Mapping[str, Any]) -> Outcome:
    providers.invalidate(doer, None, provider.pk)
    return Outcome(message="The provider's tokens are refused.", goto=provider)


def _reactivate(doer: Doer, provider: OidcProvider, _: Mapping[str, Any]) -> Outcome:
    providers.reactivate(doer, None, provider.pk)
    return Outcome(message="The provider's tokens are accepted again.", goto=provider)


def _reload(doer: Doer, provider: OidcProvider, _: Mapping[str, Any]) -> Outcome:
    providers.update(doer, None, provider.pk, {})
    return Outcome(message="Every node fetches the provider's documents anew.", goto=provider)


def _delete(doer: Doer, provider: OidcProvider, _: Mapping[str, Any]) -> Outcome:
    providers.delete(doer, None, provider.pk)
    return Outcome(message=f"{provider} is deleted.")


OPERATIONS = (
    Operation(
        name="reload",
        title="Reload",
        icon="sync",
        explain=lambda provider: ("Every node fetches the discovery document and the keys anew within a second.",),
        perform=_reload,
        is_possible=lambda provider: provider.is_active,
    ),
    invalidation(
        explain=lambda provider: (
            f"Tokens of {provider} are refused on every node within a second. Its URI stays taken.",
        ),
        perform=_invalidate,
        is_possible=lambda provider: provider.is_active,
        expected=lambda provider: typed_in_production(provider.environment),
    ),
    reactivation(
        explain=lambda provider: (f"Tokens of {provider} are accepted again within a second.",),
        perform=_reactivate,
        is_possible=lambda provider: not provider.is_active,
    ),
    deletion(
        explain=lambda provider: (f"{provider} is forgotten: its tokens are refused, and its URI is free again.",),
        perform=_delete,
        expected=lambda provider: typed_in_production(provider.environment),
    ),
)


@admin.register(OidcProvider)
class OidcProviderAdmin(OperatorAdmin):
    list_display = ("well_known_uri", "environment", "state", "roles_claim", "created_at")
    list_filter = ("is_active", "environment__kind", "created_at")
    search_fields = ("well_known_uri", "environment__tenant_id", "environment__organisation__name")
    list_select_related = ("environment",)
    fields = (
        "well_known_uri", ("environment", "state"), ("issuers", "expected_audiences"), "roles_claim",
        ("created_at", "updated_at"),
    )  # fmt: skip
    readonly_fields = ("state",)
    operations = OPERATIONS

    @display(description="state", ordering="is_active", label=ACTIVE_COLOURS)
    def state(self, provider: OidcProvider) -> str:
        return "active" if provider.is_active else "invalid"
