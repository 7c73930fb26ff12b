"""The frame of every page of the back office: rows are looked at, and changed by operations only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display

from cyoda.errors import CyodaError
from tenants.admin.access import may_act, may_look, operator
from tenants.admin.operation import Operation, Outcome, Refused
from tenants.models import AuditEvent


class LookedAt:
    """Staff see it; nobody edits, adds or deletes it as a row."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_look(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return may_look(request.user)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class LookedAtInline(LookedAt, TabularInline):
    """Rows beneath a page's own, all read-only, each beginning with a link to its page where it has one."""

    extra = 0
    tab = True
    hide_title = True
    has_pages = True

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("row", *self.fields) if self.has_pages else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Also on a page whose own row may be changed."""
        return self.get_fields(request, obj)

    @display(description="name")
    def row(self, row: Any) -> str:
        style = "text-primary-600 dark:text-primary-500"
        return format_html('<a class="{}" href="{}">{}</a>', style, row_url(row), row)


class Operated(ModelAdmin):
    """Adds operations to a model's pages: those of a row on its page, those that make one on the list."""

    operations: tuple[Operation, ...] = ()
    links: tuple[str, ...] = ("history_of_row",)
    """Buttons of a row's page that only lead somewhere."""
    actions = None
    list_per_page = 50

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        for operation in self.operations:
            setattr(self, operation.attribute, _page_of(self, operation))
        self.actions_list = [operation.attribute for operation in self.operations if operation.makes_row]
        self.actions_detail = [operation.attribute for operation in self.operations if not operation.makes_row]
        self.actions_detail += self.links

    def may(self, request: HttpRequest, operation: Operation, row: Any = None) -> bool:
        """Whether the operator may do it at all, or on one row."""
        opts = self.model._meta
        return may_act(request.user, f"{opts.app_label}.{operation.permission}_{opts.model_name}")

    def get_actions_list(self, request: HttpRequest) -> list[UnfoldAction]:
        allowed = {operation.name for operation in self.operations if self.may(request, operation)}
        return [one for one in super().get_actions_list(request) if one.path in allowed]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        row = self.get_object(request, unquote(str(object_id)))
        if row is None:
            return []
        hidden = {one.name for one in self.operations if not (self.may(request, one, row) and one.is_possible(row))}
        return [one for one in super().get_actions_detail(request, object_id) if one.path not in hidden]

    def audit_of(self, row: Any) -> dict[str, str]:
        """The filter under which the audit log shows what happened to a row."""
        return {"target_type": self.model._meta.verbose_name or "", "target_id": str(row.pk)}

    @action(description="Audit log", url_path="audit-log", icon="history")  # type: ignore[operator] - typed as what it returns
    def history_of_row(self, request: HttpRequest, object_id: str) -> HttpResponse:
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self.gone(request, object_id)
        return HttpResponseRedirect(f"{list_url(AuditEvent)}?{urlencode(self.audit_of(row))}")

    def confirm(self, operation: Operation, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        """The page of an operation: what it will do, and, once confirmed, what it has done."""
        row = None if object_id is None else self.get_object(request, unquote(object_id))
        if not self.may(request, operation, row):
            raise PermissionDenied
        if object_id is not None and row is None:
            return self.gone(request, object_id)
        return self.answer(request, operation, row, back=row_url(row) or list_url(self.model))

    def answer(self, request: HttpRequest, operation: Operation, row: Any, *, back: str) -> HttpResponse:
        """An operation on whatever `row` is, for one who may; `back` is where Cancel leads."""
        form = operation.form(request.POST or None, row=row, expected=operation.expected(row))
        if operation.makes_row:
            form.initial.update({name: text for name, text in request.GET.items() if name in form.fields})
        if request.method == "POST" and form.is_valid():
            try:
                doer = operator(request, form.cleaned_data["reason"])
                outcome = operation.perform(doer, row, form.cleaned_data)
            except (Refused, CyodaError) as refusal:
                form.add_error(None, refusal.detail if isinstance(refusal, CyodaError) else str(refusal))
            else:
                return self._done(request, operation, row, outcome)
        sentences = operation.explain(row)
        return self.page(request, "back_office/confirm.html", operation.title, row, form=form, back=back,
                         operation=operation, sentences=sentences)  # fmt: skip

    def gone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        messages.warning(request, f"There is no {self.model._meta.verbose_name} {unquote(object_id)[:80]} any more.")
        return HttpResponseRedirect(list_url(self.model))

    def page(self, request: HttpRequest, template: str, title: str, row: Any, **context: Any) -> TemplateResponse:
        """A page in the frame of the back office."""
        frame = {
            **self.admin_site.each_context(request),
            "title": title,
            "subtitle": "" if row is None else str(row),
            "opts": self.model._meta,
            "row": row,
        }
        return TemplateResponse(request, template, {**frame, **context})

    def _done(self, request: HttpRequest, operation: Operation, row: Any, outcome: Outcome) -> HttpResponse:
        target = outcome.goto if isinstance(outcome.goto, str) else row_url(outcome.goto) or list_url(self.model)
        if outcome.secrets:
            return self.page(request, "back_office/secret.html", operation.title, row, outcome=outcome, goto=target)
        messages.success(request, outcome.message)
        return HttpResponseRedirect(target)


class OperatorAdmin(LookedAt, Operated):
    """A model whose rows are written by services only."""


def _page_of(admin: Operated, operation: Operation) -> Callable[..., HttpResponse]:
    """The view of an operation, with the attributes by which unfold shows its button and makes its address."""

    def view(request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        return admin.confirm(operation, request, object_id)

    page: Any = view
    page.short_description, page.url_path = operation.title, operation.name
    page.icon, page.variant, page.attrs = operation.icon, operation.variant, {}
    return page


def counted(rows: QuerySet[Any], link: str) -> Coalesce:
    """How many of the rows link to each row of a list, computed for those that are shown only."""
    linked = rows.filter(**{link: OuterRef("pk")}).order_by().values(link)
    return Coalesce(Subquery(linked.annotate(number=Count("pk")).values("number")), 0)


def list_url(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def row_url(row: Any) -> str:
    """The page of a row; empty for None, and for a row that is gone or has no page."""
    if row is None or row.pk is None:
        return ""
    try:
        return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote(row.pk)])
    except NoReverseMatch:
        return ""
