"""What is expected of a provider's tokens, as a form; and what becomes of a token under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as lazy

from cyoda import jsonio
from cyoda.permissions import DESCRIPTIONS, Action, permitted
from tenants.ui.console.api import Refused
from tenants.ui.console.documents import Line, lines
from tenants.ui.console.place import Place
from tenants.ui.organisation.roles import ACTIONS

_FIELDS = {"issuers": "issuers", "expectedAudiences": "audiences", "rolesClaim": "roles_claim"}
"""Settings of the API, by the fields that they are typed into."""

PATH = ("oauth", "oidc", "providers")
_PLAIN = {"autocomplete": "off", "spellcheck": "false"}


class ProviderForm(forms.Form):
    """A provider's address, and what is expected of its tokens."""

    uri = forms.CharField(
        label=lazy("Discovery address"),
        max_length=1000,
        widget=forms.URLInput(_PLAIN),
        help_text=lazy("Ends with /.well-known/openid-configuration. It is reached by https, at a public address."),
    )
    audiences = forms.CharField(
        label=lazy("Audiences"),
        required=False,
        widget=forms.Textarea({"rows": 2, "class": "code", **_PLAIN}),
        help_text=lazy(
            "One a line: a token must be meant for one of them (aud). Name them, or everybody's tokens of a provider "
            "that is open to all let in."
        ),
    )
    issuers = forms.CharField(
        label=lazy("Issuers"),
        required=False,
        widget=forms.Textarea({"rows": 2, "class": "code", **_PLAIN}),
        help_text=lazy("One a line. Empty: the one that the discovery document names."),
    )
    roles_claim = forms.CharField(
        label=lazy("Claim with the roles"),
        max_length=100,
        required=False,
        widget=forms.TextInput(_PLAIN),
        help_text=lazy("Empty: the installation's. A text with spaces, a list, or an object with roles as names."),
    )

    @property
    def registration(self) -> dict[str, Any]:
        """As the API takes it."""
        return {"wellKnownConfigUri": self.cleaned_data["uri"], **self.settings}

    @property
    def settings(self) -> dict[str, Any]:
        """What of it can be changed."""
        return {
            "issuers": self.cleaned_data["issuers"].split(),
            "expectedAudiences": self.cleaned_data["audiences"].split(),
            "rolesClaim": self.cleaned_data["roles_claim"] or None,
        }

    def refuse(self, refusal: Refused) -> None:
        """Say why the API does not take it, at the field that it is about. Raises it again when that is none."""
        if refusal.status >= 500 or refusal.status in (403, 404):
            raise refusal
        named = [field for name, field in _FIELDS.items() if name in refusal.detail]
        self.add_error(named[0] if named else "uri", refusal.detail)


class TrialForm(forms.Form):
    """How a token is had: pasted, or by signing in there. It is tried and never kept."""

    token = forms.CharField(
        label=lazy("A token"),
        required=False,
        widget=forms.Textarea({"rows": 4, "class": "code", **_PLAIN}),
        help_text=lazy("Nothing of it is saved, and nobody is signed in with it."),
    )
    client_id = forms.CharField(
        label=lazy("Or a client id at the provider"),
        max_length=300,
        required=False,
        widget=forms.TextInput(_PLAIN),
        help_text=lazy("You sign in there with it, and see what the token says that you get."),
    )
    scope = forms.CharField(label=lazy("Scope"), max_length=300, required=False, widget=forms.TextInput(_PLAIN))


def edited(provider: dict[str, Any], data: Any) -> ProviderForm:
    """The form of a registered provider, whose address stays."""
    initial = {
        "uri": provider["wellKnownConfigUri"],
        "audiences": "\n".join(provider.get("expectedAudiences", ())),
        "issuers": "\n".join(provider.get("issuers", ())),
        "roles_claim": provider.get("rolesClaim", ""),
    }
    form = ProviderForm(data, initial=initial)
    form.fields["uri"].disabled = True
    form.fields["uri"].help_text = lazy("It stays: register another provider for another address.")
    return form


_CHECKS: dict[str, Promise] = {
    "discovery": lazy("The discovery document could not be had."),
    "keys": lazy("The provider's keys could not be had."),
    "form": lazy("This is no token: three parts with points between them, the first two of them JSON."),
    "algorithm": lazy("It is not signed with RS256, the only algorithm that is accepted."),
    "kid": lazy("It is signed with a key that the provider does not publish."),
    "issuer": lazy("It was issued by somebody else."),
    "signature": lazy("Its signature is wrong."),
    "exp": lazy("It has expired, or never does."),
    "nbf": lazy("It is not valid yet."),
    "iat": lazy("It was issued too early, or in the future."),
    "aud": lazy("It is meant for somebody else."),
    "sub": lazy("It does not say whom it speaks for."),
    "sign-in": lazy("The provider gave no token for this sign-in."),
}


@dataclass(frozen=True, slots=True)
class GrantedRole:
    """A role of a token and what it means here; an unknown one means nothing."""

    name: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a token: whom it lets in as what, or the check that it fails."""

    refusal: Promise | None
    reason: str
    user_id: str
    roles: Sequence[GrantedRole]
    actions: Sequence[str]
    claims: Sequence[Line]


def try_out(place: Place, form: ProviderForm, trial: TrialForm) -> Verdict | None:
    """The API's verdict on the token under the form's settings; None when a form says why there is none."""
    if not (form.is_valid() and trial.is_valid()):
        return None
    token = trial.cleaned_data["token"].strip()
    if not token:
        trial.add_error("token", lazy("Paste a token of this provider, or sign in."))
        return None
    body = {"token": token, "provider": form.registration}
    try:
        return shown(place.api.send("POST", *PATH, "test", body=jsonio.dumps(body)))
    except Refused as refusal:
        form.refuse(refusal)
        return None


def shown(result: dict[str, Any]) -> Verdict:
    """The API's answer for people."""
    check, roles = result.get("failedCheck"), tuple(result["roles"])
    return Verdict(
        refusal=None if check is None else _CHECKS.get(check, lazy("A check of it fails.")),
        reason=result.get("reason") or "",
        user_id=result.get("userId") or "",
        roles=[GrantedRole(role, DESCRIPTIONS.get(role, "")) for role in roles],
        actions=[str(ACTIONS[action][0]) for action in Action if action in permitted(roles)],
        claims=list(lines(result.get("claims") or {})),
    )
