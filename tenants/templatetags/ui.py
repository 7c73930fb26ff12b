"""What the templates of the pages cannot say by themselves."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField, CheckboxInput, RadioSelect, Select
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def control(field: BoundField) -> SafeString:
    """A form field's widget with the style sheet's class for its kind."""
    widget = field.field.widget
    kind = "form-select" if isinstance(widget, Select) else "form-control"
    if isinstance(widget, CheckboxInput | RadioSelect):
        kind = "form-check-input"
    attrs: Any = {"class": f"{kind} is-invalid" if field.errors else kind, "placeholder": False}  # labels say it
    return field.as_widget(attrs=attrs)
