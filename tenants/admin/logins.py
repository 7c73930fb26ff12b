"""Logins with their memberships, and the groups that give operators rights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import AbstractUser, Group, Permission, User
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import AdminPasswordChangeForm, UserChangeForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminTextInputWidget

from tenants.admin.access import may_act, may_look, operator
from tenants.admin.base import LookedAtInline, Operated
from tenants.admin.operation import Operation, Outcome, Refused
from tenants.models import Membership
from tenants.services import people
from tenants.services.audit import Doer, record


def _deactivate(doer: Doer, user: User, _: Mapping[str, Any]) -> Outcome:
    try:
        people.deactivate_person(doer, user)
    except people.NotYourself as refusal:
        raise Refused(str(refusal)) from None
    return Outcome(message=f"{user} can sign in no more.", goto=user)


def _activate(doer: Doer, user: User, _: Mapping[str, Any]) -> Outcome:
    people.activate_person(doer, user)
    return Outcome(message=f"{user} can sign in again.", goto=user)


def _remove_second_factor(doer: Doer, user: User, _: Mapping[str, Any]) -> Outcome:
    people.remove_second_factor(doer, user)
    return Outcome(message=f"{user} signs in with the password alone.", goto=user)


DEACTIVATE = Operation(
    name="deactivate",
    title="Deactivate",
    icon="person_off",
    variant=ActionVariant.DANGER,
    explain=lambda user: (
        f"{user} cannot sign in any more; all sessions and refresh tokens end at once.",
        "Access tokens that were handed out live until they expire. Memberships and history stay.",
    ),
    perform=_deactivate,
    is_possible=lambda user: user.is_active,
)
ACTIVATE = Operation(
    name="activate",
    title="Activate",
    icon="person_check",
    explain=lambda user: (f"{user} can sign in again.",),
    perform=_activate,
    is_possible=lambda user: not user.is_active,
)


REMOVE_SECOND_FACTOR = Operation(
    name="remove-second-factor",
    title="Remove second factor",
    icon="phonelink_erase",
    variant=ActionVariant.DANGER,
    explain=lambda user: (
        f"{user} signs in with the password alone until a second factor is set up again.",
        "All sessions and refresh tokens end at once. Make sure that it is the person who asks.",
    ),
    perform=_remove_second_factor,
    is_possible=people.has_second_factor,
)


class LoginForm(UserChangeForm):
    """Django's form with the reason that the audit log keeps. What it tells of the password's hash is not shown."""

    reason = forms.CharField(max_length=500, widget=UnfoldAdminTextInputWidget, help_text="Kept in the audit log.")


class MembershipInline(LookedAtInline):
    model = Membership
    fields = ("role", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("organisation", "user")


class Audited(Operated):
    """Rows that Django's own forms edit: each save is an event with the changed fields."""

    audited_as = ""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_look(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request.user)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        changed = [name for name in form.changed_data if name not in {"reason", "password"}]
        before = {name: _plain(form.initial.get(name)) for name in changed} if change else None
        after = {name: _plain(form.cleaned_data.get(name)) for name in changed}
        doer = operator(request, form.cleaned_data.get("reason", ""))
        record(doer, "changed" if change else "created", self.target_of(form.instance), before=before, after=after)

    def target_of(self, row: Any) -> tuple[str, str]:
        return self.audited_as, str(row.pk)

    def audit_of(self, row: Any) -> dict[str, str]:
        target_type, target_id = self.target_of(row)
        return {"target_type": target_type, "target_id": target_id}

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """Django's own log is not written: the audit log has it."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """As above."""


admin.site.unregister(User)
admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, Audited):
    """Logins come from invitations. What a login may do here is set by superusers."""

    form = LoginForm
    change_password_form = AdminPasswordChangeForm
    audited_as = "person"
    list_display = ("username", "email", "full_name", "is_active", "is_staff", "is_superuser", "last_login")
    list_filter = ("is_active", "is_staff", "is_superuser", "memberships__role", "last_login")
    search_fields = ("username", "email", "first_name", "last_name", "memberships__organisation__name")
    list_select_related = ("person",)
    filter_horizontal = ()
    autocomplete_fields = ("groups",)
    fieldsets = (
        (None, {"fields": ("username", "person_id", "email", ("first_name", "last_name"))}),
        ("Rights in the back office", {"fields": ("is_staff", "is_superuser", "groups")}),
        ("Life", {"fields": ("is_active", "last_login", "date_joined")}),
        ("This change", {"fields": ("reason",)}),
    )
    readonly_fields = ("person_id", "email", "is_active", "last_login", "date_joined")
    inlines = (MembershipInline,)
    operations = (DEACTIVATE, ACTIVATE, REMOVE_SECOND_FACTOR)
    links = ("set_password", "history_of_row")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Only superusers change logins with rights here: else a password would be a way to rights one lacks."""
        has_rights = isinstance(obj, User) and (obj.is_staff or obj.is_superuser)
        return may_act(request.user, "auth.change_user") and (request.user.is_superuser or not has_rights)  # type: ignore[union-attr]

    def may(self, request: HttpRequest, operation: Operation, row: Any = None) -> bool:
        return super().may(request, operation, row) and (row is None or self.has_change_permission(request, row))

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[Any, ...]:
        rights = () if request.user.is_superuser else ("is_staff", "is_superuser", "groups")  # type: ignore[union-attr]
        return (*self.readonly_fields, *rights)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Without the right to change there is no form to give a reason in."""
        shown = super().get_fieldsets(request, obj)
        return shown if self.has_change_permission(request, obj) else shown[:-1]

    def target_of(self, row: AbstractUser) -> tuple[str, str]:
        return "person", str(row.person.pk)  # type: ignore[attr-defined] - the reverse of `user`

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> None:
        """The password's page saves no form of this admin: Django's call is what is heard of it."""
        if "password" in str(message):
            record(operator(request), "password set", self.target_of(obj))

    @action(description="Set password", url_path="set-password", icon="password", permissions=["change"])  # type: ignore[operator] - typed as what it returns
    def set_password(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:auth_user_password_change", args=[object_id]))

    @display(description="user id")
    def person_id(self, user: Any) -> str:
        return str(user.person.pk)

    @display(description="name", empty_value="–")
    def full_name(self, user: User) -> str | None:
        return user.get_full_name() or None


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Audited):
    """Sets of rights for operators who are not superusers."""

    audited_as = "group"
    search_fields = ("name",)
    filter_horizontal = ()

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **arguments: Any) -> Any:
        """A choice of those permissions that some operation or form asks for."""
        asked = Q(codename__in=("change_user", "change_environment"))
        for model, pages in self.admin_site._registry.items():
            for operation in getattr(pages, "operations", ()):
                codename = f"{operation.permission}_{model._meta.model_name}"
                asked |= Q(content_type__app_label=model._meta.app_label, codename=codename)
        arguments["queryset"] = Permission.objects.filter(asked).select_related("content_type")
        arguments["widget"] = UnfoldAdminCheckboxSelectMultipleWidget
        return db_field.formfield(**arguments)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser  # type: ignore[union-attr]

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.is_superuser  # type: ignore[union-attr]


def _plain(value: Any) -> Any:
    """A form's value as JSON."""
    if isinstance(value, QuerySet | list | tuple):
        return [str(one) for one in value]
    return str(value) if isinstance(value, Model) else value
