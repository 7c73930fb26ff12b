"""Where a page is and what its reader may do there: the organisation and the environment stand in its path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.cache import never_cache

from cyoda.errors import CyodaError, Forbidden
from cyoda.permissions import Action, permitted
from cyoda.principal import Principal
from tenants.models import Environment, Membership, Organisation, Person
from tenants.services.audit import Doer, Source
from tenants.services.environments import EnvironmentUnknown, environment_called
from tenants.services.people import as_doer
from tenants.ui import live
from tenants.ui.console.api import Api, Refused

_DIGITS = 12
_SLUG = re.compile(rf"(?:.*-)?([0-9a-f]{{{_DIGITS}}})")
_SHOWN = 40


def slug_of(organisation: Organisation) -> str:
    """How an organisation is called in addresses: by its name for people, by digits of its id for us."""
    name = slugify(organisation.name)[:_SHOWN].strip("-")
    digits = organisation.pk.hex[:_DIGITS]
    return f"{name}-{digits}" if name else digits


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """An organisation, as one of its members sees it."""

    membership: Membership

    @property
    def organisation(self) -> Organisation:
        return self.membership.organisation

    @property
    def slug(self) -> str:
        return slug_of(self.organisation)

    @property
    def key(self) -> str:
        """How a search is told where it is asked from (tenants.ui.shell.search)."""
        return self.slug

    @property
    def label(self) -> str:
        """How titles of windows and tabs name it."""
        return self.organisation.name

    def may(self, action: Action) -> bool:
        return action in permitted((self.membership.role,))

    @property
    def may_manage_environments(self) -> bool:
        return self.may(Action.MANAGE_ENVIRONMENTS)

    @property
    def may_manage_people(self) -> bool:
        return self.may(Action.MANAGE_PEOPLE)

    @property
    def may_manage_clients(self) -> bool:
        return self.may(Action.MANAGE_CLIENTS)

    @property
    def may_configure(self) -> bool:
        return self.may(Action.CONFIGURE)

    @property
    def may_write(self) -> bool:
        return self.may(Action.WRITE)

    def doer(self, reason: str = "") -> Doer:
        """The reader as the one who makes a change."""
        return replace(as_doer(self.membership.user, Source.PAGES), reason=reason)

    def url(self, page: str, **values: object) -> str:
        """The address of another page of this organisation."""
        return reverse(f"organisation:{page}", kwargs={"tenant": self.slug, **values})


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(House):
    """An environment, as one of its organisation's members sees it."""

    environment: Environment
    api: Api

    @property
    def key(self) -> str:
        return f"{self.slug}/{self.environment.name}"

    @property
    def label(self) -> str:
        return f"{self.organisation.name}/{self.environment.name}"

    @property
    def is_open(self) -> bool:
        """Whether its data can be asked for at all."""
        return (
            self.environment.state == Environment.State.READY and self.organisation.state == Organisation.State.ACTIVE
        )

    def url(self, page: str, **values: object) -> str:
        """The address of another page of this environment."""
        return reverse(f"console:{page}", kwargs={"tenant": self.slug, "name": self.environment.name, **values})


Page = Callable[..., HttpResponseBase]


def in_organisation(action: Action = Action.READ) -> Callable[[Page], Page]:
    """A page of an organisation, called with the request and the House. Those of others are not found."""
    return _pages(_house, action)


def in_environment(action: Action = Action.READ, *, open_only: bool = True) -> Callable[[Page], Page]:
    """A page of an environment, called with the request and the Place. Those of other organisations are not found.

    Unless it is shown of one that is not ready too, the state of such a one is shown instead.
    """
    return _pages(_place, action, open_only=open_only)


def _pages(
    find: Callable[[Any, str, dict[str, Any]], House], action: Action, *, open_only: bool = False
) -> Callable[[Page], Page]:
    """`find` is given the person, the tenant and the path's other values, of which it takes what it needs."""

    def decorate(page: Page) -> Page:
        @login_required
        @never_cache
        @wraps(page)
        def view(request: HttpRequest, tenant: str, **values: Any) -> HttpResponseBase:
            where = find(request.user, tenant, values)
            if tenant != where.slug and request.method == "GET":
                return HttpResponseRedirect(request.get_full_path().replace(f"/t/{tenant}/", f"/t/{where.slug}/", 1))
            if open_only and isinstance(where, Place) and not where.is_open:
                return show(request, where, "console/closed.html", status=409)
            try:
                if not where.may(action):
                    raise Forbidden("forbidden")
                return page(request, where, **values)
            except (Refused, CyodaError) as refusal:
                return show(request, where, "console/refused.html", status=refusal.status, refusal=refusal)

        return view

    return decorate


def show(request: HttpRequest, where: House, template: str, status: int = 200, **context: object) -> HttpResponse:
    """Render a page inside the frame of its environment, or of its organisation."""
    frame = "console/frame.html" if isinstance(where, Place) else "organisation/frame.html"
    if live.is_look(request):
        frame = "live/frame.html"
        api = where.api if isinstance(where, Place) else None
        live.note(request, api and api.principal, live.targets_of(api.calls) if api else ())
    base = request.build_absolute_uri("/").rstrip("/")
    return render(request, template, {"place": where, "frame": frame, "base_url": base, **context}, status=status)


def show_form(
    request: HttpRequest,
    where: House,
    form: Form,
    *,
    title: str,
    button: str,
    back: str,
    intro: str = "",
    is_dangerous: bool = False,
) -> HttpResponse:
    """Render a page that is one form; `back` is where it leads without being sent."""
    context = {"title": title, "button": button, "back": back, "intro": intro, "is_dangerous": is_dangerous}
    return show(request, where, "console/form.html", form=form, **context)


def _membership(user: AbstractUser, tenant: str) -> Membership:
    digits = _SLUG.fullmatch(tenant)
    if digits is None:
        raise Http404
    lowest, highest = (UUID(digits[1] + end * (32 - _DIGITS)) for end in "0f")
    memberships = Membership.objects.select_related("organisation", "user__person")
    found = memberships.filter(user=user, organisation__id__range=(lowest, highest)).first()
    if found is None:
        raise Http404
    return found


def house_at(user: AbstractUser, tenant: str) -> House:
    """The organisation of an address, for a member of it. Raises Http404."""
    return House(membership=_membership(user, tenant))


def place_at(user: AbstractUser, tenant: str, name: str) -> Place:
    """The environment of an address, for a member of its organisation. Raises Http404."""
    membership = _membership(user, tenant)
    try:
        environment = environment_called(membership.organisation, name)
    except EnvironmentUnknown:
        raise Http404 from None
    person: Person = membership.user.person  # type: ignore[attr-defined] - the reverse of `user`
    principal = Principal(tenant=environment.tenant_id, user_id=str(person.id), kind="user", roles=(membership.role,))
    return Place(environment=environment, membership=membership, api=Api(principal))


def _house(user: AbstractUser, tenant: str, _: dict[str, Any]) -> House:
    return house_at(user, tenant)


def _place(user: AbstractUser, tenant: str, values: dict[str, Any]) -> Place:
    return place_at(user, tenant, values.pop("name"))
