"""The way from one environment to another: a list with search, favourites, and those seen last."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from tenants.models import Person
from tenants.services import visits

PAGE_ROWS = 50
RECENT = 5
OFFERED = 12
"""How many the dialog offers."""


@login_required
@never_cache
@require_safe
def organisations(request: HttpRequest) -> HttpResponse:
    """All environments of the reader's organisations; as a fragment, those to offer first."""
    user: Any = request.user
    words = request.GET.get("q", "").strip()
    if wants_fragment(request):
        return render(request, "shell/switcher_found.html", {"words": words, **_offered(user, words)})
    page = Paginator(visits.within_reach(user, words), PAGE_ROWS).get_page(request.GET.get("page"))
    context: dict[str, Any] = {"words": words, "page": page}
    if page.number == page.paginator.num_pages:
        context["empty"] = visits.empty_organisations(user, words)[:PAGE_ROWS]
    if not words and page.number == 1:
        context |= {"favourites": visits.favourites(user), "recent": visits.seen_last(user, RECENT)}
    return render(request, "shell/organisations.html", context)


@login_required
@require_POST
def favourite(request: HttpRequest) -> HttpResponse:
    """Keep an environment among the favourites, or no longer."""
    user: Any = request.user
    try:
        wanted = UUID(request.POST.get("environment", ""))
    except ValueError:
        raise Http404 from None
    environment = visits.within_reach(user).filter(pk=wanted).first()
    if environment is None:
        raise Http404
    person: Person = user.person
    visits.set_favourite(person, environment, is_favourite=request.POST.get("keep") == "yes")
    back = request.POST.get("next", "")
    is_own = url_has_allowed_host_and_scheme(back, allowed_hosts=None)
    return HttpResponseRedirect(back if is_own else reverse("organisations"))


def wants_fragment(request: HttpRequest) -> bool:
    """Asked by the dialog of a page (static/ui/shell.js), which shows what was found and no page around it."""
    return request.headers.get("X-Fragment") == "found"


def _offered(user: Any, words: str) -> dict[str, Any]:
    recent = [] if words else list(visits.seen_last(user, RECENT))
    favourites = [] if words else list(visits.favourites(user)[:OFFERED])
    found = [] if recent or favourites else list(visits.within_reach(user, words)[:OFFERED])
    number = len({each.pk for each in (*recent, *favourites, *found)})
    return {"favourites": favourites, "recent": recent, "found": found, "number": number}
