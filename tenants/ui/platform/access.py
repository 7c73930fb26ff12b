"""Who may see and use the pages of the installation: what the back office says of operators holds here too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from tenants.admin.access import may_act, may_look
from tenants.services.audit import Doer, Source
from tenants.services.people import as_doer

Page = Callable[..., HttpResponse]


def for_operators(permission: str | None = None) -> Callable[[Page], Page]:
    """A page for staff, or for those of them who have Django's permission ("tenants.change_signingkey") too."""

    def decorate(page: Page) -> Page:
        @login_required
        @never_cache
        @wraps(page)
        def view(request: HttpRequest, **values: Any) -> HttpResponse:
            allowed = may_look(request.user) if permission is None else may_act(request.user, permission)
            if not allowed:
                raise PermissionDenied
            return page(request, **values)

        return view

    return decorate


def operator(request: HttpRequest, reason: str) -> Doer:
    return replace(as_doer(request.user, Source.PAGES), reason=reason)  # type: ignore[arg-type] - it is authenticated


def show(request: HttpRequest, template: str, **context: object) -> HttpResponse:
    """Render a page inside the frame of the installation."""
    return render(request, template, {"frame": "platform/frame.html", **context})


def show_form(request: HttpRequest, form: Form, **texts: object) -> HttpResponse:
    """A page that is one form: `title`, `button`, `back`, `intro`, `is_dangerous`."""
    return show(request, "console/form.html", form=form, **texts)
