"""The question that a person is asked before a client acts for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from tenants.services.consents import Place


class ConsentForm(forms.Form):
    """`place` is asked for where there are several; its value is the tenant."""

    place = forms.ChoiceField(label=_("In which environment"))

    def __init__(self, places: Sequence[Place], *args: Any, **values: Any) -> None:
        super().__init__(*args, **values)
        self._places = {place.tenant: place for place in places}
        field: Any = self.fields["place"]
        field.choices = [(tenant, _text(place)) for tenant, place in self._places.items()]
        if len(self._places) == 1:
            field.widget = forms.HiddenInput()
            field.initial = next(iter(self._places))

    @property
    def chosen(self) -> Place:
        """After it was found valid."""
        return self._places[self.cleaned_data["place"]]


def _text(place: Place) -> str:
    membership, environment = place.membership, place.environment
    where = str(membership.organisation) if environment is None else f"{membership.organisation} / {environment.name}"
    return f"{where} ({membership.get_role_display()})"  # type: ignore[attr-defined] - of a field with choices
