"""Keys: the installation's own, and those that tenants trust."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanSwitchWidget

from cyoda.clock import system_clock
from cyoda.conf import Conf
from tenants.admin.base import OperatorAdmin
from tenants.admin.forms import GraceForm, RenewalForm, moment
from tenants.admin.operation import (
    Outcome,
    Refused,
    creation,
    deletion,
    invalidation,
    reactivation,
    typed_in_production,
)
from tenants.identity.validity import grace_period, new_window, renewed_window
from tenants.models import Audience, SigningKey, TrustedKey
from tenants.services import keypairs, trusted_keys
from tenants.services.audit import Doer
from tenants.services.identity import cipher_of

KEY_BITS = 2048
ACTIVE_COLOURS = {"active": "success", "invalid": "danger", "expired": "warning", "not yet valid": "info"}


def phase_of(key: SigningKey | TrustedKey) -> str:
    """A key's phase as operators know it."""
    now = system_clock()
    if not key.is_active:
        return "invalid"
    if key.valid_to is not None and key.valid_to <= now:
        return "expired"
    return "not yet valid" if key.valid_from > now else "active"


class IssueForm(GraceForm):
    audience = forms.ChoiceField(choices=Audience.choices, widget=UnfoldAdminSelectWidget)
    valid_from = moment("Valid from", required=False, help_text="UTC. Empty: now.")
    valid_to = moment("Valid to", required=False, help_text="UTC. Empty: as the settings say.")
    invalidate_current = forms.BooleanField(
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Refuse the tokens of this audience's present keys at once.",
    )


def _issue(doer: Doer, _: None, values: Mapping[str, Any]) -> Outcome:
    conf: Conf = settings.CONF
    if conf.iam.mode != "jwt":
        raise Refused("Key management needs CYODA_IAM_MODE=jwt.")
    default = timedelta(days=conf.iam.keypair_default_validity_days)
    order = keypairs.KeyPairOrder(
        audience=values["audience"],
        window=new_window(values["valid_from"], values["valid_to"], now=system_clock(), default=default),
        invalidate_current=values["invalidate_current"],
        grace=grace_period(values["grace_seconds"]),
    )
    private_key = rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)
    key = keypairs.issue_key_pair(doer, order, private_key, cipher=cipher_of(conf))
    return Outcome(message="The key is issued.", goto=key)


def _invalidate_pair(doer: Doer, key: SigningKey, values: Mapping[str, Any]) -> Outcome:
    keypairs.invalidate_key_pair(doer, key.kid, grace_period(values["grace_seconds"]))
    return Outcome(message="The key is invalid: its tokens are refused.", goto=key)


def _reactivate_pair(doer: Doer, key: SigningKey, values: Mapping[str, Any]) -> Outcome:
    window = renewed_window(values["valid_from"], values["valid_to"], now=system_clock())
    keypairs.reactivate_key_pair(doer, key.kid, window.valid_from, window.valid_to)
    return Outcome(message="The key is in use again.", goto=key)


def _delete_pair(doer: Doer, key: SigningKey, _: Mapping[str, Any]) -> Outcome:
    keypairs.delete_key_pair(doer, key.kid)
    return Outcome(message=f"Key {key} is deleted.")


def _invalidate_trusted(doer: Doer, key: TrustedKey, values: Mapping[str, Any]) -> Outcome:
    trusted_keys.invalidate(doer, None, key.key_id, grace_period(values["grace_seconds"]))
    return Outcome(message="The key is trusted no more.", goto=key)


def _reactivate_trusted(doer: Doer, key: TrustedKey, values: Mapping[str, Any]) -> Outcome:
    window = renewed_window(values["valid_from"], values["valid_to"], now=system_clock())
    trusted_keys.reactivate(doer, None, key.key_id, window.valid_from, window.valid_to)
    return Outcome(message="The key is trusted again.", goto=key)


def _delete_trusted(doer: Doer, key: TrustedKey, _: Mapping[str, Any]) -> Outcome:
    trusted_keys.delete(doer, None, key.key_id)
    return Outcome(message=f"Key {key} is deleted.")


PAIR_OPERATIONS = (
    creation(
        name="issue",
        title="Issue key",
        form=IssueForm,
        explain=lambda _: (
            "A new RSA key is made; of the active keys of an audience the one that became valid last signs.",
            "Every node publishes it in the JWKS within a second. Its private half is stored encrypted.",
        ),
        perform=_issue,
    ),
    invalidation(
        form=GraceForm,
        explain=lambda key: (
            "Every token signed with this key is refused on every node within a second, whoever holds it.",
            "Callers fetch new tokens, signed with the newest other active key of this audience.",
            "Without another one no token can be issued: issue a new key first.",
        ),
        perform=_invalidate_pair,
        is_possible=lambda key: key.is_active,
        expected=lambda key: key.kid,
    ),
    reactivation(
        form=RenewalForm,
        explain=lambda key: ("Tokens of this key are accepted again within a second, and it may sign new ones.",),
        perform=_reactivate_pair,
        is_possible=lambda key: key.deleted_at is None,
    ),
    deletion(
        explain=lambda key: (
            "Every token signed with this key is refused within a second, and it leaves the JWKS.",
            "The key cannot be brought back, not even by a restart.",
        ),
        perform=_delete_pair,
        is_possible=lambda key: key.deleted_at is None,
        expected=lambda key: key.kid,
    ),
)
TRUSTED_OPERATIONS = (
    invalidation(
        form=GraceForm,
        explain=lambda key: (f"Tokens that {key} vouches for can be exchanged no more.",),
        perform=_invalidate_trusted,
        is_possible=lambda key: key.is_active,
        expected=lambda key: typed_in_production(key.environment),
    ),
    reactivation(
        form=RenewalForm,
        explain=lambda key: (f"Tokens that {key} vouches for can be exchanged again.",),
        perform=_reactivate_trusted,
    ),
    deletion(
        explain=lambda key: (f"{key} is forgotten, and any tenant may register its id.",),
        perform=_delete_trusted,
        expected=lambda key: typed_in_production(key.environment),
    ),
)


@admin.register(SigningKey)
class SigningKeyAdmin(OperatorAdmin):
    list_display = ("kid", "audience", "phase", "origin", "valid_from", "valid_to", "created_at")
    list_filter = ("audience", "is_active", "valid_to")
    search_fields = ("kid",)
    fields = (("kid", "audience"), ("phase", "origin"), ("valid_from", "valid_to"), ("created_at", "updated_at"))
    readonly_fields = ("phase", "origin")
    operations = PAIR_OPERATIONS

    def get_queryset(self, request: HttpRequest) -> QuerySet[SigningKey]:
        return super().get_queryset(request).filter(deleted_at=None).defer("private_key").annotate(
            is_stored=Q(private_key__isnull=False)
        )  # fmt: skip

    def audit_of(self, row: SigningKey) -> dict[str, str]:
        return {"target_type": "key pair", "target_id": row.kid}

    @display(description="state", ordering="is_active", label=ACTIVE_COLOURS)
    def phase(self, key: SigningKey) -> str:
        return phase_of(key)

    @display(description="origin")
    def origin(self, key: Any) -> str:
        return "issued here" if key.is_stored else "settings"


@admin.register(TrustedKey)
class TrustedKeyAdmin(OperatorAdmin):
    list_display = ("key_id", "environment", "audience", "phase", "valid_from", "valid_to", "created_at")
    list_filter = ("audience", "is_active", "valid_to")
    search_fields = ("key_id", "environment__tenant_id", "environment__organisation__name")
    list_select_related = ("environment",)
    fields = (
        ("key_id", "audience"), ("environment", "phase"), "issuers", ("valid_from", "valid_to"), "jwk",
        ("created_at", "updated_at"),
    )  # fmt: skip
    readonly_fields = ("phase",)
    operations = TRUSTED_OPERATIONS

    @display(description="state", ordering="is_active", label=ACTIVE_COLOURS)
    def phase(self, key: TrustedKey) -> str:
        return phase_of(key)
