"""Trusted keys of tenants: changing them, and finding them for token exchange (contract: identity 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from cyoda.clock import Clock, system_clock
from cyoda.errors import KeyOwnedByDifferentTenant, TrustedKeyCapReached, TrustedKeyNotFound
from tenants.identity.keys import Audience
from tenants.identity.trusted import TrustedKey, is_key_id
from tenants.identity.validity import Window
from tenants.models import Environment
from tenants.models import TrustedKey as TrustedKeyRow
from tenants.services.audit import Doer, record
from tenants.services.off_loop import OrmThread


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """A key that was checked. `jwk` is its text as it came; `grace` belongs to `invalidate_previous`."""

    key_id: str
    jwk: str
    audience: Audience
    issuers: tuple[str, ...] | None
    window: Window
    invalidate_previous: bool = False
    grace: timedelta = timedelta(0)


@transaction.atomic
def register(
    doer: Doer, environment: Environment, registration: Registration, *, cap: int, clock: Clock = system_clock
) -> TrustedKeyRow:
    """Trust a key from now on; one of the same id is replaced. `cap` 0 is unbounded.

    Raises KeyOwnedByDifferentTenant, TrustedKeyCapReached.
    """
    Environment.objects.select_for_update().get(pk=environment.pk)  # registrations of a tenant follow each other
    others = TrustedKeyRow.objects.filter(environment=environment, is_active=True).exclude(pk=registration.key_id)
    known = TrustedKeyRow.objects.filter(pk=registration.key_id).first()
    if known is not None and known.environment.pk != environment.pk:
        raise KeyOwnedByDifferentTenant
    if cap and others.filter(Q(valid_to=None) | Q(valid_to__gt=clock())).count() >= cap:
        raise TrustedKeyCapReached
    if registration.invalidate_previous:
        for other in others:
            _invalidate(doer, other, clock() + registration.grace)
    values = {
        "environment": environment,
        "jwk": registration.jwk,
        "audience": registration.audience,
        "issuers": None if registration.issuers is None else list(registration.issuers),
        "is_active": True,
        "valid_from": registration.window.valid_from,
        "valid_to": registration.window.valid_to,
    }
    before = None if known is None else _state(known)
    row, _ = TrustedKeyRow.objects.get_or_create(key_id=registration.key_id, defaults=values)
    if row.environment.pk != environment.pk:  # another tenant was faster
        raise KeyOwnedByDifferentTenant
    if known is not None:
        for name, value in values.items():
            setattr(row, name, value)
        row.save()
    record(doer, "registered", ("trusted key", row.key_id), owner=environment, before=before, after=_state(row))
    return row


@transaction.atomic
def invalidate(
    doer: Doer, environment: Environment | None, key_id: str, grace: timedelta, *, clock: Clock = system_clock
) -> None:
    """Trust the key no more. Raises TrustedKeyNotFound."""
    _invalidate(doer, _standing(environment, key_id), clock() + grace)


@transaction.atomic
def reactivate(
    doer: Doer, environment: Environment | None, key_id: str, valid_from: datetime, valid_to: datetime
) -> TrustedKeyRow:
    """Trust the key again, for a new time. Raises TrustedKeyNotFound."""
    row = _standing(environment, key_id)
    before = _state(row)
    row.is_active, row.valid_from, row.valid_to = True, valid_from, valid_to
    row.save()
    record(doer, "reactivated", ("trusted key", key_id), owner=row.environment, before=before, after=_state(row))
    return row


@transaction.atomic
def delete(doer: Doer, environment: Environment | None, key_id: str) -> None:
    """Forget the key; its id is free again. Raises TrustedKeyNotFound."""
    row = _standing(environment, key_id)
    record(doer, "deleted", ("trusted key", key_id), owner=row.environment, before=_state(row))
    row.delete()


def trusted_keys_of(environment: Environment) -> Sequence[TrustedKeyRow]:
    return list(TrustedKeyRow.objects.select_related("environment").filter(environment=environment))


class StoredTrustedKeys:
    """The registered keys, as token exchange asks for them: exchanges are rare, so that nothing is remembered."""

    def __init__(self, orm: OrmThread) -> None:
        self._orm = orm

    async def find(self, kid: str) -> TrustedKey | None:
        """Raises StorageUnavailable."""
        return await self._orm.run(lambda: _stored(kid)) if is_key_id(kid) else None


def _stored(kid: str) -> TrustedKey | None:
    row = TrustedKeyRow.objects.select_related("environment").filter(pk=kid).first()
    if row is None:
        return None
    return TrustedKey(
        kid=row.key_id,
        tenant=row.environment.tenant_id,
        jwk=row.jwk,
        issuers=None if row.issuers is None else tuple(row.issuers),
        is_active=row.is_active,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _standing(environment: Environment | None, key_id: str) -> TrustedKeyRow:
    """The row, of any environment when an operator asks for none."""
    rows = TrustedKeyRow.objects.select_for_update(of=("self",)).select_related("environment").filter(pk=key_id)
    row = rows.first() if environment is None else rows.filter(environment=environment).first()
    if row is None:
        raise TrustedKeyNotFound
    return row


def _invalidate(doer: Doer, row: TrustedKeyRow, valid_to: datetime) -> None:
    before = _state(row)
    row.is_active, row.valid_to = False, valid_to
    row.save()
    record(doer, "invalidated", ("trusted key", row.key_id), owner=row.environment, before=before, after=_state(row))


def _state(row: TrustedKeyRow) -> dict[str, object]:
    return {
        "audience": row.audience,
        "issuers": row.issuers,
        "active": row.is_active,
        "validFrom": row.valid_from.isoformat(),
        "validTo": row.valid_to.isoformat() if row.valid_to else None,
    }
