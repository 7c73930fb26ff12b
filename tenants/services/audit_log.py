"""Reading an organisation's part of the audit log: the newest first, by what it says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from tenants.models import AuditEvent, Membership, Organisation


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What events must say; what is empty may be anything. `since` is inclusive, `until` is not.

    `who` is a part of a name or a whole id, `target` a part of its type or the beginning of its id, `request_id` whole;
    `action` and `reason` are parts.
    """

    who: str = ""
    action: str = ""
    target: str = ""
    tenant_id: str = ""
    reason: str = ""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None


def events_of(organisation: Organisation, wanted: Wanted) -> QuerySet[AuditEvent]:
    """Nothing of another organisation, whatever is wanted."""
    events = AuditEvent.objects.filter(organisation_id=organisation.pk).order_by("-id")
    if wanted.who:
        events = events.filter(_by(organisation, wanted.who))
    if wanted.target:
        events = events.filter(Q(target_type__icontains=wanted.target) | Q(target_id__startswith=wanted.target))
    exact = {
        "action__icontains": wanted.action,
        "tenant_id": wanted.tenant_id,
        "reason__icontains": wanted.reason,
        "request_id": wanted.request_id,
        "at__gte": wanted.since,
        "at__lt": wanted.until,
    }
    return events.filter(**{lookup: value for lookup, value in exact.items() if value})


def _by(organisation: Organisation, who: str) -> Q:
    """People's changes over the API are recorded by their id alone: members are found by their names too."""
    members = Membership.objects.filter(organisation=organisation).filter(
        Q(user__username__icontains=who) | Q(user__first_name__icontains=who) | Q(user__last_name__icontains=who)
    )
    ids = [str(person) for person in members.values_list("user__person__id", flat=True)]
    return Q(actor_name__icontains=who) | Q(actor_id=who) | Q(actor_id__in=ids)
