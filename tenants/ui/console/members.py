"""Calculation members of an environment: who is connected, who was lost, what waits for one, how to join."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_safe

from cyoda.permissions import Action, require_grantable
from cyoda.principal import ROLE_M2M
from tenants.services.member_tokens import DEFAULT_DAYS, MAX_DAYS, mint_member_token
from tenants.ui.console.connect import addresses
from tenants.ui.console.place import Place, in_environment, show, show_form
from tenants.ui.console.secret import show_secret

_AGENTS = ((re.compile(r"grpc-python[\w-]*/([\w.]+)"), "Python"), (re.compile(r"grpc-java[\w-]*/([\w.]+)"), "Java"),
           (re.compile(r"grpc-node[\w-]*/([\w.]+)"), "Node"), (re.compile(r"grpc-go/([\w.]+)"), "Go"))  # fmt: skip


class TokenForm(forms.Form):
    label = forms.CharField(
        label=lazy("What it is for"), max_length=100, widget=forms.TextInput({"autocomplete": "off"})
    )
    days = forms.IntegerField(label=lazy("Good for (days)"), min_value=1, max_value=MAX_DAYS, initial=DEFAULT_DAYS)


@dataclass(frozen=True, slots=True)
class Shown:
    """A member as the API tells of it; `language` is what its gRPC library says."""

    member: dict[str, Any]
    language: str
    answered: int
    failed: int


@in_environment()
@require_safe
def member_list(request: HttpRequest, place: Place) -> HttpResponse:
    """All of them, or those with a tag."""
    found = place.api.get("members")
    tag = request.GET.get("tag", "")
    members = [_shown(member) for member in found["members"] if not tag or tag in member["tags"]]
    context = {
        "members": members,
        "tag": tag,
        "online": sum(each.member["state"] == "online" for each in members),
        "requirements": found["requirements"],
        "unserved": [each for each in found["requirements"] if not each["members"]],
        "first_tag": next((each["tags"].split(",")[0] for each in found["requirements"] if each["tags"]), "first"),
        "addresses": addresses(request),
    }
    return show(request, place, "console/members.html", **context)


@in_environment(Action.MANAGE_CLIENTS)
@require_http_methods(["GET", "POST"])
def new_token(request: HttpRequest, place: Place) -> HttpResponse:
    """A client with an end, which may join and use the data and never administrates."""
    form = TokenForm(request.POST or None)
    if not form.is_valid():
        return show_form(
            request, place, form, title=_("Credentials for a member"), button=_("Make them"), back=place.url("members"),
            intro=_("A member signs in with a client of its own. Its secret is shown once, on the next page."),
        )  # fmt: skip
    require_grantable(place.api.principal, [ROLE_M2M])
    values = form.cleaned_data
    issued = mint_member_token(place.doer(), place.environment, label=values["label"], days=values["days"])
    return show_secret(
        request, place, issued.client_id, issued.secret, environment=place.environment.name,
        title=_("The member can sign in"), onward=place.url("members"),
    )  # fmt: skip


def _shown(member: dict[str, Any]) -> Shown:
    outcomes: dict[str, int] = member.get("outcomes", {})
    answered = outcomes.get("answered", 0)
    return Shown(member, _language(member.get("agent", "")), answered, sum(outcomes.values()) - answered)


def _language(agent: str) -> str:
    for pattern, name in _AGENTS:
        if match := pattern.search(agent):
            return f"{name} (gRPC {match[1]})"
    return agent
