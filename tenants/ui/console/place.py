"""Where a page is and what its reader may do there: the organisation and the environment stand in its path."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractUser
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.cache import never_cache

from cyoda.errors import CyodaError, Forbidden
from cyoda.permissions import Action, permitted
from cyoda.principal import Principal
from tenants.models import Environment, Membership, Organisation, Person
from tenants.services.environments import EnvironmentUnknown, environment_called
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
class Place:
    """An environment, as one of its organisation's members sees it."""

    environment: Environment
    membership: Membership
    api: Api

    @property
    def organisation(self) -> Organisation:
        return self.membership.organisation

    @property
    def slug(self) -> str:
        return slug_of(self.organisation)

    @property
    def is_open(self) -> bool:
        """Whether its data can be asked for at all."""
        return (
            self.environment.state == Environment.State.READY and self.organisation.state == Organisation.State.ACTIVE
        )

    def may(self, action: Action) -> bool:
        return action in permitted(self.api.principal.roles)

    @property
    def may_write(self) -> bool:
        return self.may(Action.WRITE)

    def url(self, page: str, **values: object) -> str:
        """The address of another page of this environment."""
        return reverse(f"console:{page}", kwargs={"tenant": self.slug, "name": self.environment.name, **values})


Page = Callable[..., HttpResponse]


def in_environment(action: Action = Action.READ) -> Callable[[Page], Page]:
    """A page of an environment, called with the request and the Place. Other organisations' ones are not found."""

    def decorate(page: Page) -> Page:
        @login_required
        @never_cache
        @wraps(page)
        def view(request: HttpRequest, tenant: str, name: str, **values: Any) -> HttpResponse:
            place = _place(request.user, tenant, name)  # type: ignore[arg-type] - it is authenticated
            if tenant != place.slug and request.method == "GET":
                return HttpResponseRedirect(request.get_full_path().replace(f"/t/{tenant}/", f"/t/{place.slug}/", 1))
            if not place.is_open:
                return show(request, place, "console/closed.html", status=409)
            if not place.may(action):
                return _refused(request, place, Forbidden("forbidden"))
            try:
                return page(request, place, **values)
            except (Refused, CyodaError) as refusal:
                return _refused(request, place, refusal)

        return view

    return decorate


def show(request: HttpRequest, place: Place, template: str, status: int = 200, **context: object) -> HttpResponse:
    """Render a page inside the frame of its environment."""
    return render(request, template, {"place": place, "base_url": _base(request), **context}, status=status)


def _place(user: AbstractUser, tenant: str, name: str) -> Place:
    digits = _SLUG.fullmatch(tenant)
    if digits is None:
        raise Http404
    lowest, highest = (UUID(digits[1] + end * (32 - _DIGITS)) for end in "0f")
    membership = (
        Membership.objects.filter(user=user, organisation__id__range=(lowest, highest))
        .select_related("organisation")
        .first()
    )
    if membership is None:
        raise Http404
    try:
        environment = environment_called(membership.organisation, name)
    except EnvironmentUnknown:
        raise Http404 from None
    person: Person = user.person  # type: ignore[attr-defined] - the reverse of `user`
    principal = Principal(tenant=environment.tenant_id, user_id=str(person.id), kind="user", roles=(membership.role,))
    return Place(environment=environment, membership=membership, api=Api(principal))


def _refused(request: HttpRequest, place: Place, refusal: Refused | CyodaError) -> HttpResponse:
    """The page that says why, with the status of the refusal."""
    return show(request, place, "console/refused.html", status=refusal.status, refusal=refusal)


def _base(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")
