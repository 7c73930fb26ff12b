"""Changes by hand in a production environment: its name is typed first."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenants.models import Environment
from tenants.ui.console.place import Place


class ConfirmForm(forms.Form):
    """The environment's name where it is a production one; nothing to type elsewhere."""

    confirmation = forms.CharField(
        label=lazy("Name of this environment"), max_length=200, widget=forms.TextInput({"autocomplete": "off"})
    )

    def __init__(self, place: Place, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type] - the data of the request
        self.place = place
        if not is_guarded(place):
            del self.fields["confirmation"]

    def clean_confirmation(self) -> str:
        if fault := not_confirmed(self.place, self.cleaned_data["confirmation"]):
            raise forms.ValidationError(fault)
        return self.cleaned_data["confirmation"]


def is_guarded(place: Place) -> bool:
    """Whether changes by hand ask for the environment's name."""
    return place.environment.kind == Environment.Kind.PRODUCTION


def not_confirmed(place: Place, typed: str) -> str:
    """What is wrong with the name that was typed; empty where nothing is."""
    if not is_guarded(place) or typed.strip() == place.environment.name:
        return ""
    return _("This is production: type the name of the environment, %(name)s, to confirm.") % {
        "name": place.environment.name
    }
