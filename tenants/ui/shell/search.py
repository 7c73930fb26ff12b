"""The search page, whose results are the palette's too."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from tenants.ui.console.place import House, house_at, place_at
from tenants.ui.shell.finding import found, search_from
from tenants.ui.shell.switcher import wants_fragment

LONGEST_WORDS = 200


@login_required
@never_cache
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """`q` are the words, `in` is the key of the organisation or environment that the reader is in."""
    user: Any = request.user
    words = " ".join(request.GET.get("q", "").replace("\0", " ").split())[:LONGEST_WORDS]
    where = _where(user, request.GET.get("in", ""))
    asked = search_from(user, words, where)
    groups = found(asked)
    context = {
        "words": words,
        "groups": groups,
        "number": sum(len(group.hits) for group in groups),
        "looked_in": asked.places,
        "key": where.key if where else "",
    }
    template = "shell/search_found.html" if wants_fragment(request) else "shell/search.html"
    return render(request, template, context)


def _where(user: AbstractUser, key: str) -> House | None:
    """None for no key. Raises Http404 for one that is not the reader's."""
    tenant, _, name = key.partition("/")
    if not tenant:
        return None
    if "\0" in key:
        raise Http404
    return place_at(user, tenant, name) if name else house_at(user, tenant)
