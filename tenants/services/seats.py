"""Who holds a seat of a tenant's calculation members, over all nodes (contract: control plane 3.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction

from cyoda.errors import QuotaExceeded
from tenants.models import MemberSeat

NUM_CLIENT_NODES = "NUM_CLIENT_NODES"
KEPT = timedelta(seconds=30)
"""A seat whose node has not been heard of for so long is free."""


@transaction.atomic
def take_seat(schema: str, member: UUID, limit: int | None, now: datetime) -> None:
    """Raises QuotaExceeded. Members that join at the same moment are let in one after another."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"seats of {schema}"])
    seats = MemberSeat.objects.filter(tenant=schema)
    seats.filter(seen_at__lt=now - KEPT).delete()
    if limit is not None and seats.count() >= limit:
        raise QuotaExceeded(NUM_CLIENT_NODES, limit, "connected calculation members")
    MemberSeat.objects.create(id=member, tenant=schema, seen_at=now)


def keep_seats(seats: Mapping[UUID, str], now: datetime) -> None:
    """The members (by id, with their tenants' schemas) are still there; lost seats come back."""
    MemberSeat.objects.bulk_create(
        [MemberSeat(id=member, tenant=schema, seen_at=now) for member, schema in seats.items()],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["seen_at"],
    )


def free_seats(members: Sequence[UUID]) -> None:
    MemberSeat.objects.filter(id__in=members).delete()
