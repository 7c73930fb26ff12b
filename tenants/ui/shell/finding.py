"""What a search finds: pages, actions, environments, models, workflows, entities by id, people, clients, help.

Each source asks in the name of the reader, so nobody finds what they could not open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

from django.contrib.auth.models import AbstractUser
from django.db.models import Q
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy

from cyoda.errors import CyodaError
from cyoda.permissions import Action
from tenants.models import Environment, Membership, Role
from tenants.services import visits
from tenants.services.clients import clients_of
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import listed_models
from tenants.ui.console.place import House, Place, place_at, slug_of
from tenants.ui.console.rail import rail
from tenants.ui.console.workflows.listing import workflows_of
from tenants.ui.shell import help_pages

SOURCE_HITS = 8
LOOKED_IN = 4
"""How many of the environments seen last are looked into when the search is asked from none."""
MODELS_LOOKED_IN = 30
"""Workflows are asked for by model; of so many."""


@dataclass(frozen=True, slots=True)
class Hit:
    """Something to open; `detail` says what tells it from others of its name."""

    title: str
    url: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    title: str
    hits: Sequence[Hit]


@dataclass(frozen=True, slots=True)
class Search:
    """What is looked for, who looks, and from where. `places` are the open environments whose data is looked into."""

    user: AbstractUser
    words: str
    house: House | None = None
    places: Sequence[Place] = field(default_factory=tuple[Place, ...])

    def matches(self, *texts: object) -> bool:
        """Whether the texts together hold all the words."""
        text = " ".join(str(each) for each in texts).lower()
        return all(word in text for word in self.words.lower().split())


Source = Callable[[Search], Iterable[Hit]]


def search_from(user: AbstractUser, words: str, where: House | None) -> Search:
    """Of the environment that the reader is in, else of those that they have seen last."""
    if isinstance(where, Place):
        places = [where]
    else:
        seen = visits.seen_last(user, LOOKED_IN)
        places = [place_at(user, slug_of(each.organisation), each.name) for each in seen]
    return Search(user, words, where, tuple(place for place in places if place.is_open))


def found(search: Search) -> list[Group]:
    """By kind, those kinds left out of which there is nothing. Without words: where one can go from here."""
    sources = SOURCES if search.words else SOURCES[:2]
    groups = (Group(str(title), list(islice(source(search), SOURCE_HITS))) for title, source in sources)
    return [group for group in groups if group.hits]


def pages(search: Search) -> Iterator[Hit]:
    if search.house is not None:
        for heading, links in rail(search.house, ""):
            for link in links:
                if search.matches(link.label, heading):
                    yield Hit(str(link.label), link.url, search.house.label)
    named = [
        (_("Start page"), "home"),
        (_("Organisations and environments"), "organisations"),
        (_("My account"), "me"),
        (_("Help"), "help"),
    ]
    if search.user.is_staff:
        named += [
            (_("Cluster"), "cluster"),
            (_("First steps of the platform"), "first_steps"),
            (_("Signing keys"), "platform:keys"),
            (_("Back office"), "admin:index"),
        ]
    for title, name in named:
        if search.matches(title):
            yield Hit(title, reverse(name))


_ACTIONS: tuple[tuple[str, Promise, Action], ...] = (
    ("model_new", lazy("Discover a model from a sample"), Action.CONFIGURE),
    ("client_new", lazy("Make an API client"), Action.MANAGE_CLIENTS),
    ("connect", lazy("Connect a program"), Action.READ),
    ("settings", lazy("Change the environment's settings"), Action.MANAGE_ENVIRONMENTS),
)
_ACTIONS_OF_ORGANISATION: tuple[tuple[str, Promise, Action], ...] = (
    ("order", lazy("Make a new environment"), Action.MANAGE_ENVIRONMENTS),
    ("people", lazy("Invite somebody"), Action.MANAGE_PEOPLE),
    ("settings", lazy("Change the organisation's settings"), Action.MANAGE_ENVIRONMENTS),
)


def actions(search: Search) -> Iterator[Hit]:
    """What the reader may do where they are."""
    house = search.house
    if isinstance(house, Place) and house.is_open:
        for page, title, action in _ACTIONS:
            if house.may(action) and search.matches(title):
                yield Hit(str(title), house.url(page), house.label)
    if house is not None:
        for page, title, action in _ACTIONS_OF_ORGANISATION:
            if house.may(action) and search.matches(title):
                yield Hit(str(title), House.url(house, page), house.organisation.name)


def environments(search: Search) -> Iterator[Hit]:
    for each in visits.within_reach(search.user, search.words)[:SOURCE_HITS]:
        url = reverse("console:overview", kwargs={"tenant": slug_of(each.organisation), "name": each.name})
        yield Hit(each.name, url, f"{each.organisation.name} · {Environment.Kind(each.kind).label}")


def models(search: Search) -> Iterator[Hit]:
    for place in search.places:
        for model in _answered(listed_models, place):
            if search.matches(model.name, model.version):
                url = place.url("model", model=model.name, version=model.version)
                yield Hit(f"{model.name} {model.version}", url, place.label)


def workflows(search: Search) -> Iterator[Hit]:
    for place in search.places:
        for model in _answered(listed_models, place)[:MODELS_LOOKED_IN]:
            for each in _answered(partial(workflows_of, model=model), place):
                if search.matches(each.name):
                    url = place.url("workflow", model=model.name, version=model.version, workflow=each.name)
                    yield Hit(each.name, url, f"{model.name} {model.version} · {place.label}")


def by_id(search: Search) -> Iterator[Hit]:
    """What has exactly this id."""
    try:
        wanted = UUID(search.words)
    except ValueError:
        return
    for place in search.places:
        for ask, page, value, title in _IDS:
            try:
                place.api.get(*ask(wanted))
            except (Refused, CyodaError):
                continue
            yield Hit(f"{title} {wanted}", place.url(page, **{value: wanted}), place.label)


_IDS: tuple[tuple[Callable[[UUID], tuple[object, ...]], str, str, Promise], ...] = (
    (lambda wanted: ("entity", wanted), "entity", "entity_id", lazy("Entity")),
    (lambda wanted: ("audit", "transactions", wanted), "run", "transaction_id", lazy("Run")),
    (lambda wanted: ("message", wanted), "message", "message_id", lazy("Message")),
    (lambda wanted: ("search", "async", wanted, "status"), "search", "job_id", lazy("Search")),
)
"""What the API is asked for an id, and the page that shows it."""


def people(search: Search) -> Iterator[Hit]:
    """The members of the organisation that the reader is in, else of all of theirs."""
    memberships = Membership.objects.filter(organisation__memberships__user=search.user)
    if search.house is not None:
        memberships = memberships.filter(organisation=search.house.organisation)
    for word in search.words.replace("\0", "").split():
        memberships = memberships.filter(
            Q(user__username__icontains=word)
            | Q(user__email__icontains=word)
            | Q(user__first_name__icontains=word)
            | Q(user__last_name__icontains=word)
        )
    for each in memberships.select_related("user", "organisation").order_by("user__username")[:SOURCE_HITS]:
        url = reverse("organisation:people", kwargs={"tenant": slug_of(each.organisation)})
        name = each.user.get_full_name() or each.user.get_username()
        yield Hit(name, url, f"{Role(each.role).label} · {each.organisation.name}")


def clients(search: Search) -> Iterator[Hit]:
    for place in search.places:
        if not place.may(Action.MANAGE_CLIENTS):
            continue
        for client in clients_of(place.environment):
            if search.matches(client.pk, client.label):
                yield Hit(client.pk, place.url("clients"), place.label)


def help_topics(search: Search) -> Iterator[Hit]:
    for each in help_pages.search(search.words):
        yield Hit(each.topic.title, reverse("help_topic", args=[each.topic.slug]), each.topic.summary)


SOURCES: tuple[tuple[Promise, Source], ...] = (
    (lazy("Pages"), pages),
    (lazy("Actions"), actions),
    (lazy("By its id"), by_id),
    (lazy("Models"), models),
    (lazy("Workflows"), workflows),
    (lazy("Environments"), environments),
    (lazy("People"), people),
    (lazy("API clients"), clients),
    (lazy("Help"), help_topics),
)


def _answered(ask: Callable[[Place], list[Any]], place: Place) -> list[Any]:
    """A place that does not answer has nothing that could be found."""
    try:
        return ask(place)
    except (Refused, CyodaError):
        return []
