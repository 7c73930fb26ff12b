"""What cannot be taken back is asked about first; production wants its name typed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from tenants.models import Environment
from tenants.ui.console.place import Place


class TypedForm(forms.Form):
    """Asks for the environment's name."""

    typed = forms.CharField(label=lazy("Name of the environment"), widget=forms.TextInput({"autocomplete": "off"}))

    def __init__(self, data: Any, *, name: str) -> None:
        super().__init__(data)
        self._name = name
        self.fields["typed"].help_text = _("Type %(name)s to say that you mean it.") % {"name": name}

    def clean_typed(self) -> str:
        if self.cleaned_data["typed"] != self._name:
            raise forms.ValidationError(_("This is not %(name)s.") % {"name": self._name})
        return self._name


def confirmation(request: HttpRequest, place: Place, *, asks_why: bool = False) -> forms.Form:
    """The form of a page that asks once more: for the name in production, and for the reason of what is recorded."""
    data = request.POST if request.method == "POST" else None
    form = TypedForm(data, name=place.environment.name) if is_guarded(place) else forms.Form(data)
    if asks_why:
        form.fields["reason"] = forms.CharField(
            label=lazy("Reason"), max_length=500, required=False, help_text=lazy("Kept in the audit log.")
        )
    return form


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
