"""Forms of the pages, and how refusals of the use cases are shown in them."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import LoginForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

PASSWORD_HINT = _("At least 12 characters.")


class SignInForm(LoginForm):
    """The library's form with a label that says what may be typed."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login, password = self.fields["login"], self.fields["password"]
        login.label = _("User name or email address")
        login.widget.attrs = {"autocomplete": "username", "autofocus": True}
        password.widget.attrs.pop("placeholder", None)


class NameForm(forms.Form):
    """How a person is called."""

    first_name = forms.CharField(
        label=_("First name"), max_length=150, required=False, widget=forms.TextInput({"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        label=_("Last name"), max_length=150, required=False, widget=forms.TextInput({"autocomplete": "family-name"})
    )


class NewLoginForm(NameForm):
    """A login for an invited address."""

    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=PASSWORD_HINT,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )


class SetupForm(forms.Form):
    """The first administrator."""

    username = forms.CharField(
        label=_("User name"), max_length=150, initial="admin", widget=forms.TextInput({"autocomplete": "username"})
    )
    email = forms.EmailField(
        label=_("Email address"),
        help_text=_("A new password can be sent there when this one is forgotten."),
        widget=forms.EmailInput({"autocomplete": "email"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        help_text=PASSWORD_HINT,
        widget=forms.PasswordInput({"autocomplete": "new-password"}),
    )


def show_fault(form: forms.Form, fault: ValidationError) -> None:
    """What a use case refuses, at the field that it is about; one without a field is about the password."""
    by_field = getattr(fault, "error_dict", {"password": [fault]})
    for field, faults in by_field.items():
        for each in faults:
            form.add_error(field if field in form.fields else None, each)
