"""OIDC providers of tenants: changing them, and the tokens that nodes judge by them (contract: identity 10)."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from cyoda.errors import OidcProviderDuplicate, OidcProviderInactive, OidcProviderNotFound, QuotaExceeded
from tenants.identity.oidc.provider import Provider
from tenants.identity.oidc.registration import Changes, Registration, check_tenant
from tenants.identity.oidc.tokens import ProviderTokens
from tenants.models import Environment, Epoch, OidcProvider
from tenants.services.audit import Doer, record
from tenants.services.epochs import raise_epoch
from tenants.services.off_loop import OrmThread

_TYPE = "OIDC provider"


@transaction.atomic
def register(doer: Doer, environment: Environment, registration: Registration, *, cap: int = 0) -> OidcProvider:
    """Accept tokens of a provider whose URI leads to a public address, issued from now on. `cap` 0 is unbounded.

    Raises OidcInvalidTenant, OidcProviderDuplicate, QuotaExceeded.
    """
    check_tenant(environment.tenant_id)
    Environment.objects.select_for_update().get(pk=environment.pk)  # registrations of a tenant follow each other
    row, is_new = OidcProvider.objects.get_or_create(
        environment=environment,
        well_known_uri=registration.uri,
        defaults={
            "issuers": registration.issuers,
            "expected_audiences": registration.expected_audiences,
            "roles_claim": registration.roles_claim,
        },
    )
    if not is_new:
        raise OidcProviderDuplicate
    if cap and OidcProvider.objects.filter(environment=environment).count() > cap:
        raise QuotaExceeded("OIDC_PROVIDERS", cap, "OIDC providers")
    _changed(doer, "registered", row)
    return row


@transaction.atomic
def update(doer: Doer, environment: Environment | None, provider_id: UUID, changes: Changes) -> OidcProvider:
    """Replace settings; without any too, every node fetches the documents anew.

    Raises OidcProviderNotFound, OidcProviderInactive.
    """
    row = _standing(environment, provider_id)
    if not row.is_active:
        raise OidcProviderInactive
    before = _state(row)
    for name, value in changes.items():
        setattr(row, name, value)
    row.save()
    _changed(doer, "changed", row, before)
    return row


@transaction.atomic
def invalidate(doer: Doer, environment: Environment | None, provider_id: UUID) -> None:
    """Refuse the provider's tokens from now on; its URI stays taken. Raises OidcProviderNotFound."""
    row = _standing(environment, provider_id)
    if row.is_active:
        before = _state(row)
        row.is_active = False
        row.save()
        _changed(doer, "invalidated", row, before)


@transaction.atomic
def reactivate(
    doer: Doer, environment: Environment | None, provider_id: UUID, *, with_keys: bool = True
) -> OidcProvider:
    """Accept the provider's tokens again; with its keys, every node fetches the documents anew.

    Raises OidcProviderNotFound.
    """
    row = _standing(environment, provider_id)
    before = _state(row)
    row.is_active = True
    row.save(update_fields=["is_active", "updated_at"] if with_keys else ["is_active"])
    _changed(doer, "reactivated", row, before)
    return row


@transaction.atomic
def delete(doer: Doer, environment: Environment | None, provider_id: UUID) -> None:
    """Forget the provider; its URI is free again. Raises OidcProviderNotFound."""
    row = _standing(environment, provider_id)
    record(doer, "deleted", (_TYPE, str(row.pk)), owner=row.environment, before=_state(row))
    row.delete()
    raise_epoch(Epoch.Name.PROVIDERS)


@transaction.atomic
def reload(doer: Doer, environment: Environment) -> Sequence[OidcProvider]:
    """Have every node fetch the documents of the tenant's active providers anew; returns these."""
    rows = list(OidcProvider.objects.select_for_update().filter(environment=environment, is_active=True))
    for row in rows:
        row.save(update_fields=["updated_at"])
    record(doer, "reloaded", (_TYPE, "all"), owner=environment)
    raise_epoch(Epoch.Name.PROVIDERS)
    return rows


def providers_of(environment: Environment, *, active_only: bool = False) -> Sequence[OidcProvider]:
    rows = OidcProvider.objects.select_related("environment").filter(environment=environment)
    return list(rows.filter(is_active=True) if active_only else rows)


def provider_of(environment: Environment, provider_id: UUID) -> OidcProvider:
    """Raises OidcProviderNotFound, also for the provider of another environment."""
    row = OidcProvider.objects.filter(environment=environment, pk=provider_id).first()
    if row is None:
        raise OidcProviderNotFound
    return row


class StoredProviders:
    """Keeps what a node judges tokens by as the rows have it."""

    def __init__(self, orm: OrmThread, tokens: ProviderTokens) -> None:
        self._orm = orm
        self._tokens = tokens

    async def reread(self) -> None:
        """Raises StorageUnavailable."""
        self._tokens.replace(await self._orm.run(_stored))


def judged_by(row: OidcProvider) -> Provider:
    """The row as tokens are judged by it: `updated_at` moves when the documents are to be fetched anew."""
    return Provider(
        id=row.pk,
        tenant=row.environment.tenant_id,
        uri=row.well_known_uri,
        created_at=row.created_at,
        issuers=None if row.issuers is None else tuple(row.issuers),
        expected_audiences=None if row.expected_audiences is None else tuple(row.expected_audiences),
        roles_claim=row.roles_claim,
        is_active=row.is_active,
        revision=row.updated_at,
    )


def _stored() -> list[Provider]:
    return [judged_by(row) for row in OidcProvider.objects.select_related("environment")]


def _standing(environment: Environment | None, provider_id: UUID) -> OidcProvider:
    """The row, of any environment when an operator asks for none."""
    rows = OidcProvider.objects.select_for_update(of=("self",)).select_related("environment").filter(pk=provider_id)
    row = rows.first() if environment is None else rows.filter(environment=environment).first()
    if row is None:
        raise OidcProviderNotFound
    return row


def _changed(doer: Doer, action: str, row: OidcProvider, before: dict[str, object] | None = None) -> None:
    record(doer, action, (_TYPE, str(row.pk)), owner=row.environment, before=before, after=_state(row))
    raise_epoch(Epoch.Name.PROVIDERS)


def _state(row: OidcProvider) -> dict[str, object]:
    return {
        "wellKnownConfigUri": row.well_known_uri,
        "active": row.is_active,
        "issuers": row.issuers,
        "expectedAudiences": row.expected_audiences,
        "rolesClaim": row.roles_claim,
    }
