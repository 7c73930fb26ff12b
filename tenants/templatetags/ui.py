"""What the templates of the pages cannot say by themselves."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect, Select
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from tenants.models import Environment, Organisation
from tenants.ui import moments
from tenants.ui.console.api import Call
from tenants.ui.console.place import House, slug_of
from tenants.ui.console.rail import Sections, rail

register = template.Library()


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """A form field's widget with the style sheet's class for its kind."""
    widget = field.field.widget
    kind = "form-select" if isinstance(widget, Select) else "form-control"
    if isinstance(widget, CheckboxInput):
        kind = "form-check-input"
    elif isinstance(widget, RadioSelect):
        kind = "choices"
    classes = f"{kind} {widget.attrs.get('class', '')}{' is-invalid' if field.errors else ''}"
    attrs: Any = {"class": classes, "placeholder": False}  # labels say it
    return field.as_widget(attrs=attrs)


@register.simple_tag
def organisation_url(organisation: Organisation) -> str:
    return reverse("organisation:environments", kwargs={"tenant": slug_of(organisation)})


@register.simple_tag
def console_url(organisation: Organisation, environment: Environment) -> str:
    """Where the pages of an environment begin."""
    return reverse("console:overview", kwargs={"tenant": slug_of(organisation), "name": environment.name})


@register.simple_tag
def rail_of(where: House, current: str) -> Sections:
    return rail(where, current)


@register.simple_tag
def live_path(request: HttpRequest) -> str:
    """Where the stream of this page is (tenants.ui.live)."""
    parts = request.get_full_path().split("/")
    place = 5 if parts[3] == "e" else 3  # /t/<tenant>/e/<environment>/… or /t/<tenant>/…
    return "/".join([*parts[:place], "live", *parts[place:]])


register.filter("moment", moments.moment)
register.filter("ago", moments.ago)
register.filter("lasting", moments.lasting)


@register.simple_tag
def query_with(request: HttpRequest, name: str, value: object) -> str:
    """The address' query with another value of one of its names."""
    query = request.GET.copy()
    query[name] = str(value)
    return f"?{query.urlencode()}"


@register.simple_tag
def copy(text: object) -> SafeString:
    """A button that puts a text on the clipboard, where scripts run."""
    return format_html('<copy-value data-text="{}" data-label="{}"></copy-value>', text, _("Copy"))


@register.simple_tag
def curl(call: Call, base_url: str) -> str:
    """A call of the API as a command."""
    method = "" if call.method == "GET" else f" -X {call.method}"
    if call.data:
        method += f" -H 'Content-Type: application/json' -d '{call.data}'"
    return f"""curl -H "Authorization: Bearer $TOKEN"{method} '{base_url}/api{call.target}'"""
