"""What somebody should look after, the urgent first: of all organisations of a person, and of one environment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AbstractUser
from django.db.models import QuerySet
from django.urls import reverse
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.utils.translation import ngettext

from tenants.models import Environment, Notice, Organisation, ProvisioningStep
from tenants.ui.console.place import Place, slug_of
from tenants.usage.figures import BYTES, CALLOUTS, ENTITIES, MEMBERS, REQUESTS, Figures

NEAR_PERCENT, FULL_PERCENT = 80, 100
EXPIRES_WITHIN = timedelta(days=7)
FAILED_WITHIN = timedelta(days=7)
NOTICED_WITHIN = timedelta(days=1)
SHOWN = 12

LIMITED: Mapping[str, Any] = {
    ENTITIES: lazy("entities"),
    BYTES: lazy("storage"),
    REQUESTS: lazy("requests"),
    CALLOUTS: lazy("callouts"),
    MEMBERS: lazy("connected members"),
}
"""How figures are called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something to look after; `where` names the environment or organisation, `url` leads to what can be done."""

    text: str
    url: str
    where: str = ""
    is_urgent: bool = False


def of_person(user: AbstractUser, now: datetime) -> list[Item]:
    """Of the organisations of a person; so many questions for many as for one."""
    own = Environment.objects.filter(organisation__memberships__user=user).select_related("organisation")
    suspended = Organisation.objects.filter(memberships__user=user, state=Organisation.State.SUSPENDED)
    items = [*_failed(own, now), *_suspended(suspended), *_near_limits(own, now), *_expiring(own, now)]
    return sorted(items, key=lambda item: not item.is_urgent)[:SHOWN]


def of_place(place: Place, figures: Figures, unserved: Iterable[str], errors: int, now: datetime) -> list[Item]:
    """Of an open environment: `unserved` are tags that workflows ask for in vain, `errors` runs of the last hour."""
    items = [*_unserved(place, unserved), *_used_up(place, figures)]
    if errors:
        many = ngettext(
            "%(number)s run of the last hour had errors.", "%(number)s runs of the last hour had errors.", errors
        )
        url = f"{place.url('runs')}?errors_only=on"
        items.append(Item(text=many % {"number": errors}, url=url, where=place.label))
    own = Environment.objects.filter(pk=place.environment.pk).select_related("organisation")
    return sorted([*items, *_expiring(own, now)], key=lambda item: not item.is_urgent)


def _failed(own: QuerySet[Environment], now: datetime) -> Iterator[Item]:
    standing = own.exclude(state__in=Environment.ENDED)
    failed = own.filter(state=Environment.State.FAILED, updated_at__gt=now - FAILED_WITHIN)
    replaced = set(standing.values_list("organisation_id", "name"))
    for one in failed.order_by("-updated_at")[:SHOWN]:
        if (one.organisation.pk, one.name) not in replaced:
            yield _about(one, _("It could not be made."), "provisioning", is_urgent=True)
    stuck = ProvisioningStep.State.FAILED
    for one in standing.filter(runs__finished_at=None, runs__steps__state=stuck).distinct()[:SHOWN]:
        yield _about(one, _("Its making or removal waits after a failure."), "provisioning", is_urgent=True)


def _suspended(organisations: QuerySet[Organisation]) -> Iterator[Item]:
    for one in organisations[:SHOWN]:
        url = reverse("organisation:environments", kwargs={"tenant": slug_of(one)})
        yield Item(text=_("It is suspended: its callers are refused."), url=url, where=one.name, is_urgent=True)


def _near_limits(own: QuerySet[Environment], now: datetime) -> Iterator[Item]:
    """The highest threshold of each limit that was told within a day."""
    notices = Notice.objects.filter(environment__in=own, created_at__gt=now - NOTICED_WITHIN)
    highest = {(each.environment.pk, each.entitlement): each for each in _with_place(notices).order_by("threshold")}
    for each in list(highest.values())[:SHOWN]:
        text = _limit_text(each.entitlement, each.threshold, each.used, each.limit)
        yield _about(each.environment, text, "overview", is_urgent=each.threshold >= FULL_PERCENT)


def _with_place(notices: QuerySet[Notice]) -> QuerySet[Notice]:
    ready = notices.filter(environment__state=Environment.State.READY)
    return ready.select_related("environment__organisation")


def _used_up(place: Place, figures: Figures) -> Iterator[Item]:
    for name, figure in figures.items():
        if figure.percent is not None and figure.percent >= NEAR_PERCENT:
            text = _limit_text(name, figure.percent, figure.used or 0, figure.limit or 0)
            url = f"{place.url('overview')}#usage"
            yield Item(text=text, url=url, where=place.label, is_urgent=figure.percent >= FULL_PERCENT)


def _limit_text(entitlement: str, percent: int, used: int, limit: int) -> str:
    values = {
        "what": LIMITED.get(entitlement, entitlement),
        "used": number_format(used, force_grouping=True),
        "limit": number_format(limit, force_grouping=True),
        "percent": percent,
    }
    if percent >= FULL_PERCENT:
        return _("The limit of %(what)s is reached: %(used)s of %(limit)s.") % values
    return _("%(percent)s %% of the limit of %(what)s are used: %(used)s of %(limit)s.") % values


def _expiring(own: QuerySet[Environment], now: datetime) -> Iterator[Item]:
    soon = own.filter(state=Environment.State.READY, expires_at__gt=now, expires_at__lt=now + EXPIRES_WITHIN)
    for one in soon.order_by("expires_at")[:SHOWN]:
        assert one.expires_at is not None
        days = (one.expires_at - now).days
        text = _("It ends today, with all its data.") if days < 1 else _("It ends in %(days)s days, with all its data.")
        yield _about(one, text % {"days": days}, "settings", is_urgent=days < 1)


def _unserved(place: Place, requirements: Iterable[str]) -> Iterator[Item]:
    for tags in requirements:
        text = (
            _("Workflows need a member tagged “%(tags)s”, and none is connected.")
            if tags
            else _("Workflows need a member, and none is connected.")
        )
        yield Item(text=text % {"tags": tags}, url=place.url("members"), where=place.label, is_urgent=True)


def _about(environment: Environment, text: str, page: str, *, is_urgent: bool) -> Item:
    organisation = environment.organisation
    url = reverse(f"console:{page}", kwargs={"tenant": slug_of(organisation), "name": environment.name})
    return Item(text=text, url=url, where=f"{organisation.name}/{environment.name}", is_urgent=is_urgent)
