"""Questions that several operations ask."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from tenants.admin.operation import ConfirmForm
from tenants.identity.validity import MAX_GRACE_SECONDS
from tenants.models import Environment

MOMENT = {"type": "datetime-local", "step": "1"}


def moment(label: str, *, required: bool, help_text: str = "UTC") -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label, required=required, widget=UnfoldAdminTextInputWidget(attrs=MOMENT), help_text=help_text
    )


def standing_environments() -> forms.ModelChoiceField:
    """A choice among the environments that are ready."""
    ready = Environment.objects.filter(state=Environment.State.READY).select_related("organisation")
    return forms.ModelChoiceField(ready.order_by("tenant_id"), widget=UnfoldAdminSelectWidget)


class Indented(forms.JSONField):
    """JSON in a text area."""

    def prepare_value(self, value: Any) -> Any:
        """What was typed stays as it is; a stored value is laid out to be read."""
        return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


class GraceForm(ConfirmForm):
    grace_seconds = forms.IntegerField(
        min_value=0,
        max_value=MAX_GRACE_SECONDS,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text="How long the key stays published for others who verify; here its tokens are refused at once.",
    )


class RenewalForm(ConfirmForm):
    valid_from = moment("Valid from", required=False, help_text="UTC. Empty: now.")
    valid_to = moment("Valid to", required=True)
