"""Which environments a person can go to: all within reach, those seen last, favourites. Nothing here is audited."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.models import AbstractUser
from django.db.models import F, FilteredRelation, Q, QuerySet

from cyoda.clock import Clock, system_clock
from tenants.models import Environment, Organisation, Person, Visit

_SAME_VISIT = timedelta(minutes=1)


def note_visit(person: Person, environment: Environment, *, clock: Clock = system_clock) -> None:
    """The person looks at the environment now; looks within a minute are one."""
    now = clock()
    recent = Visit.objects.filter(person=person, environment=environment, seen_at__gt=now - _SAME_VISIT)
    if not recent.exists():
        Visit.objects.update_or_create(person=person, environment=environment, defaults={"seen_at": now})


def set_favourite(person: Person, environment: Environment, *, is_favourite: bool) -> None:
    Visit.objects.update_or_create(person=person, environment=environment, defaults={"is_favourite": is_favourite})


def within_reach(user: AbstractUser, words: str = "") -> QuerySet[Environment]:
    """The environments that stand in a person's organisations and whose names hold all the words.

    By the names of organisation and environment. Each has its organisation, `seen_at` and `is_favourite`.
    """
    person: Person = user.person  # type: ignore[attr-defined] - the reverse of `user`
    rows = (
        Environment.objects.filter(organisation__memberships__user=user)
        .exclude(state__in=Environment.ENDED)
        .select_related("organisation")
        .annotate(own_visit=FilteredRelation("visits", condition=Q(visits__person=person)))
        .annotate(seen_at=F("own_visit__seen_at"), is_favourite=F("own_visit__is_favourite"))
    )
    for word in _searchable(words):
        rows = rows.filter(Q(organisation__name__icontains=word) | Q(name__icontains=word) | Q(kind__istartswith=word))
    return rows.order_by("organisation__name", "organisation", "name")


def favourites(user: AbstractUser) -> QuerySet[Environment]:
    return within_reach(user).filter(is_favourite=True)


def seen_last(user: AbstractUser, number: int) -> QuerySet[Environment]:
    """The newest first."""
    return within_reach(user).filter(seen_at__isnull=False).order_by("-seen_at")[:number]


def empty_organisations(user: AbstractUser, words: str = "") -> QuerySet[Organisation]:
    """A person's organisations in which no environment stands."""
    rows = Organisation.objects.filter(memberships__user=user)
    for word in _searchable(words):
        rows = rows.filter(name__icontains=word)
    standing = Environment.objects.exclude(state__in=Environment.ENDED)
    return rows.exclude(pk__in=standing.values("organisation")).order_by("name")


def _searchable(words: str) -> list[str]:
    """PostgreSQL takes no NUL in a text."""
    return words.replace("\0", " ").split()
