"""Rows and back ends compared: what belongs to no standing environment, and environments that nobody works at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import transaction

from cyoda.clock import Clock, system_clock
from tenants.models import Client, Environment, Orphan, Provisioning
from tenants.provisioning.schemas import Schemas, configured_schemas
from tenants.services.audit import PLATFORM, record
from tenants.services.provisioning import Wake, remove_remains

STUCK_AFTER = timedelta(minutes=5)
"""An environment that should be worked at, and has no run for so long, has lost it."""

State = Environment.State
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """By their names: schemas that belong to nobody, those of them that were removed, and tenants without a run."""

    orphans: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()


def reconcile(*, schemas: Schemas | None = None, wake: Wake = lambda: None, clock: Clock = system_clock) -> Findings:
    """Report what belongs to no environment, and remove it once it was known for CYODA_ORPHAN_GRACE.

    Environments that lost their run are removed by a new one. Raises StorageUnavailable.
    """
    schemas = schemas or configured_schemas()
    Client.objects.filter(environment__state__in=Environment.ENDED).delete()
    orphans = _orphans(schemas, clock)
    return Findings(orphans=orphans, removed=_removed(schemas, clock), stuck=_freed(wake, clock))


def _orphans(schemas: Schemas, clock: Clock) -> tuple[str, ...]:
    """Keep a row of each orphan, from when it was first seen."""
    present = schemas.names()
    found = present - _standing(present)
    Orphan.objects.exclude(pk__in=found).delete()
    new = sorted(found - set(Orphan.objects.values_list("pk", flat=True)))
    for name in new:
        log.warning("a schema belongs to no environment", schema=name, removed_after=str(_grace()))
        Orphan.objects.get_or_create(pk=name, defaults={"seen_at": clock()})
    return tuple(sorted(found))


def _removed(schemas: Schemas, clock: Clock) -> tuple[str, ...]:
    due = Orphan.objects.filter(seen_at__lte=clock() - _grace()).values_list("pk", flat=True)
    return tuple(name for name in list(due) if _is_removed(schemas, name, clock))


@transaction.atomic
def _is_removed(schemas: Schemas, name: str, clock: Clock) -> bool:
    """Meanwhile the schema's environment, if it has one, is held: nobody makes it again."""
    held = Environment.objects.select_for_update().filter(schema_name=name)
    if any(environment.state not in Environment.ENDED for environment in held):
        return False
    schemas.drop(name)
    Orphan.objects.filter(pk=name).delete()
    record(PLATFORM, "orphan removed", ("schema", name), clock=clock)
    log.warning("a schema that belonged to no environment was removed", schema=name)
    return True


def _standing(names: set[str]) -> set[str]:
    rows = Environment.objects.filter(schema_name__in=names)
    return set(rows.exclude(state__in=Environment.ENDED).values_list("schema_name", flat=True))


def _freed(wake: Wake, clock: Clock) -> tuple[str, ...]:
    busy = Environment.objects.filter(
        state__in=(State.PROVISIONING, State.DELETING), updated_at__lt=clock() - STUCK_AFTER
    )
    lost = busy.exclude(pk__in=Provisioning.objects.filter(finished_at=None).values("environment"))
    freed: list[str] = []
    for row in lost:
        with transaction.atomic():
            environment = Environment.objects.select_for_update().select_related("organisation").get(pk=row.pk)
            if environment.state != row.state or environment.runs.filter(finished_at=None).exists():  # type: ignore[attr-defined]
                continue
            doer = replace(PLATFORM, reason=f"it was {environment.state}, and no run worked at it")
            remove_remains(doer, environment, wake=wake, clock=clock)
            log.warning("an environment had lost its run", tenant=environment.tenant_id, state=row.state)
            freed.append(environment.tenant_id)
    return tuple(freed)


def _grace() -> timedelta:
    return settings.CONF.cloud.orphan_grace
