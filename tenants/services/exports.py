"""Exports: which background search a file is made of, and how."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from cyoda.clock import Clock, system_clock
from tenants.models import Environment, Export, Person

KEPT = timedelta(days=7)
"""Longer than any search is."""


def add_export(environment: Environment, person: Person, job_id: UUID, form: str, columns: Sequence[str]) -> Export:
    return Export.objects.create(
        environment=environment, person=person, job_id=job_id, format=form, columns=list(columns)
    )  # fmt: skip


def exports_of(environment: Environment) -> QuerySet[Export]:
    """The newest first."""
    return environment.exports.select_related("person__user")  # type: ignore[attr-defined] - the reverse of `environment`


def forget_old(*, clock: Clock = system_clock) -> None:
    Export.objects.filter(created_at__lt=clock() - KEPT).delete()
