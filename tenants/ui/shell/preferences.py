"""How pages look to a person: their time zone, shortcuts, how close rows stand."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from django import forms
from django.conf import settings
from django.forms.utils import flatatt
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as lazy

from tenants.models import Person

UTC = ZoneInfo("UTC")


@lru_cache(maxsize=1)
def zones() -> tuple[str, ...]:
    """Those that are called after a place."""
    return tuple(sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))


class ZoneSelect(forms.Select):
    """Writes its hundreds of options at once; a template for each of them takes a tenth of a second."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((zone, mark_safe(" selected") if zone == (value or "") else "", label) for zone, label in self.choices),
        )
        own = flatatt(self.build_attrs(self.attrs, {"name": name, **(attrs or {})}))
        return format_html("<select{}>{}</select>", own, options)


class PreferencesForm(forms.ModelForm):  # type: ignore[type-arg] - django-types knows no argument of it
    """Saved with the person; an empty time zone is UTC."""

    time_zone = forms.ChoiceField(label=lazy("Time zone"), required=False, widget=ZoneSelect)

    class Meta:
        model = Person
        fields = ("time_zone", "density", "shortcuts")
        labels = {"density": lazy("Rows of tables"), "shortcuts": lazy("Keyboard shortcuts")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["time_zone"].choices = [("", "UTC"), *((name, name.replace("_", " ")) for name in zones())]  # type: ignore[attr-defined]
        self.fields["shortcuts"].help_text = lazy("/ or Ctrl-K searches, ? lists all. They never act inside a field.")


def person_of(request: HttpRequest) -> Person | None:
    """The reader's, None of a stranger."""
    user = getattr(request, "user", None)
    return user.person if user is not None and user.is_authenticated else None


class OwnTimeZone:
    """Moments are shown in the zone that the reader has chosen. Only requests with a session cookie have a reader."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        person = person_of(request) if settings.SESSION_COOKIE_NAME in request.COOKIES else None
        with timezone.override(zone_called(person.time_zone) if person else UTC):
            return self._get_response(request)


def zone_called(name: str) -> ZoneInfo:
    """UTC for no name, and for one that the installation does not know any more."""
    return ZoneInfo(name) if name in zones() else UTC
