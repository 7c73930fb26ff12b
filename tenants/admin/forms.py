"""Questions that several operations ask."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import Q
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from tenants.admin.operation import ConfirmForm
from tenants.identity.validity import MAX_GRACE_SECONDS
from tenants.models import Environment, Organisation
from tenants.naming import UnusableTenantId, schema_name_of

MOMENT = {"type": "datetime-local", "step": "1"}


def moment(label: str, *, required: bool, help_text: str = "UTC") -> forms.DateTimeField:
    return forms.DateTimeField(
        label=label, required=required, widget=UnfoldAdminTextInputWidget(attrs=MOMENT), help_text=help_text
    )


class EnvironmentField(forms.CharField):
    """An environment that is ready, by its tenant id: a choice would be as long as the installation is large."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=UnfoldAdminTextInputWidget, help_text="Tenant id", **options)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        ready = Environment.objects.filter(state=Environment.State.READY).select_related("organisation")
        try:
            found = ready.filter(schema_name=schema_name_of(text)).first()
        except UnusableTenantId:
            found = None
        if found is None:
            raise forms.ValidationError("No environment that is ready has this tenant id.")
        return found


class OrganisationField(forms.CharField):
    """An organisation, by its name, or by its id where several have the name."""

    def __init__(self, **options: Any) -> None:
        help_text = options.pop("help_text", "Name or id")
        super().__init__(widget=UnfoldAdminTextInputWidget, help_text=help_text, **options)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        found = list(Organisation.objects.filter(_called(text))[:2])
        if not found:
            raise forms.ValidationError("There is no organisation of this name or id.")
        if len(found) > 1:
            raise forms.ValidationError("Several organisations have this name: give the id of one.")
        return found[0]


def _called(text: str) -> Q:
    """A name may look like an id: organisations that came by themselves are called like their tenant."""
    try:
        return Q(name=text) | Q(pk=UUID(text))
    except ValueError:
        return Q(name=text)


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
