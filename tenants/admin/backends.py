"""The places that environments can be made in, and what was found there that belongs to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from tenants.admin.base import OperatorAdmin
from tenants.admin.forms import Indented
from tenants.admin.operation import ConfirmForm, Outcome, Refused, creation, edition
from tenants.models import Backend, Environment, Orphan
from tenants.provisioning.drivers import UnknownDriver
from tenants.services.audit import Doer
from tenants.services.backends import InvalidBackend, missing_of, save_backend

FIELDS = ("title", "driver", "parameters", "region", "capacity", "is_enabled")


class BackendForm(ConfirmForm):
    """A back end's values; its slug is fixed once it is made."""

    slug = forms.SlugField(max_length=32, widget=UnfoldAdminTextInputWidget)  # type: ignore[call-arg] - django-types
    title = forms.CharField(max_length=100, widget=UnfoldAdminTextInputWidget)
    driver = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    parameters = Indented(
        initial=dict,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="What the driver declares; the defaults are filled in.",
    )
    region = forms.CharField(required=False, max_length=32, widget=UnfoldAdminTextInputWidget)
    capacity = forms.IntegerField(
        required=False, min_value=0, widget=UnfoldAdminIntegerFieldWidget, help_text="Environments; empty: any number."
    )
    is_enabled = forms.BooleanField(
        label="Takes new environments", required=False, initial=True, widget=UnfoldBooleanSwitchWidget
    )

    def __init__(self, data: Any = None, *, row: Backend | None, expected: str) -> None:
        super().__init__(data, row=row, expected=expected)
        self.fields["driver"].choices = [(name, name) for name in settings.PROVISIONING_DRIVERS]  # type: ignore[attr-defined]
        if row is not None:
            del self.fields["slug"]
            self.initial = {name: getattr(row, name) for name in FIELDS}


def _save(doer: Doer, backend: Backend | None, values: Mapping[str, Any]) -> Outcome:
    if backend is None:
        backend = Backend(slug=values["slug"])
        if Backend.objects.filter(pk=backend.pk).exists():
            raise Refused(f"There is a back end called {backend.pk} already.")
    for name in FIELDS:
        setattr(backend, name, values[name])
    backend.parameters = backend.parameters or {}
    try:
        save_backend(doer, backend)
    except InvalidBackend as fault:
        raise Refused(str(fault)) from None
    return Outcome(message=f"Back end {backend.pk} is saved.", goto=backend)


@admin.register(Backend)
class BackendAdmin(OperatorAdmin):
    list_display = ("slug", "title", "driver", "region", "standing", "capacity", "is_enabled", "updated_at")
    list_filter = ("is_enabled", "driver")
    search_fields = ("slug", "title", "region")
    fields = (
        ("slug", "title"), ("driver", "region"), ("capacity", "is_enabled"), "parameters", "missing", "updated_at",
    )  # fmt: skip
    readonly_fields = ("missing",)
    operations = (
        creation(
            name="create",
            title="New back end",
            confirm="Create",
            form=BackendForm,
            explain=lambda _: ("Environments can be ordered there as soon as a tier lists it.",),
            perform=_save,
        ),
        edition(
            form=BackendForm,
            explain=lambda _: ("New environments are made this way; those that stand keep what they were made with.",),
            perform=_save,
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Backend]:
        standing = ~Q(environments__state__in=Environment.ENDED)
        return super().get_queryset(request).annotate(number=Count("environments", filter=standing))

    def audit_of(self, row: Backend) -> dict[str, str]:
        return {"target_type": "backend", "target_id": row.pk}

    @display(description="environments", ordering="number")
    def standing(self, backend: Any) -> int:
        return backend.number

    @display(description="missing", empty_value="nothing")
    def missing(self, backend: Backend) -> str | None:
        """What keeps environments from being made there, as the driver sees it now."""
        try:
            return " ".join(missing_of(backend)) or None
        except UnknownDriver as name:
            return f"There is no driver called {name}."


@admin.register(Orphan)
class OrphanAdmin(OperatorAdmin):
    list_display = ("name", "seen_at")
    list_filter = ("seen_at",)
    search_fields = ("name",)
