"""What people let command lines do for them: given on a page, taken up for tokens, ended (contract: control plane 4.7).

A consent is looked at anew whenever a token is made: with today's role, and only while the membership stands.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import transaction
from django.db.models import Q, QuerySet
from oauth2_provider.models import DeviceGrant, clear_expired
from oauth2_provider.models import RefreshToken as RefreshTokenRow

from cyoda.clock import Clock, system_clock
from cyoda.principal import TenantId
from tenants.models import Consent, Environment, Membership, Organisation
from tenants.naming import is_uuid
from tenants.services.audit import Doer, Source, record
from tenants.services.people import as_doer

IDLE = timedelta(seconds=settings.OAUTH2_PROVIDER["REFRESH_TOKEN_EXPIRE_SECONDS"])
"""A sign-in that fetches no token for so long is over."""
SIGN_IN = "sid"
"""The claim of a token that names its consent."""
NO_SIGN_IN = UUID(int=0)
_KEPT_CODES = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Place:
    """What a token can be for: an environment, or an organisation that has none yet."""

    membership: Membership
    environment: Environment | None

    @property
    def tenant(self) -> TenantId:
        """The `caas_org_id` of the token; tenants.services.organisations.organisation_meant reads it."""
        if self.environment is None:
            return str(self.membership.organisation.pk)
        return self.environment.tenant_id


def places_of(user: AbstractUser) -> list[Place]:
    """Of the person's active organisations each ready environment, or the organisation alone where there is none."""
    memberships = Membership.objects.filter(user=user, organisation__state=Organisation.State.ACTIVE)
    places: list[Place] = []
    for membership in memberships.select_related("organisation").order_by("created_at", "pk"):
        ready = Environment.objects.filter(organisation=membership.organisation, state=Environment.State.READY)
        environments: Sequence[Environment | None] = list(ready.order_by("created_at")) or [None]
        places += [Place(membership, environment) for environment in environments]
    return places


def digest_of(code: str) -> bytes:
    """As which a code is kept."""
    return hashlib.sha256(code.encode("utf-8", "surrogateescape")).digest()


@transaction.atomic
def give(
    user: AbstractUser, place: Place, *, client_id: str, scope: str, code_digest: bytes, clock: Clock = system_clock
) -> Consent:
    """The person agrees on a page; whoever has the code may fetch tokens now."""
    consent = Consent.objects.create(
        code_digest=code_digest,
        client_id=client_id,
        user=user,
        organisation=place.membership.organisation,
        environment=place.environment,
        scope=scope,
        created_at=clock(),
    )
    _record(as_doer(user, Source.PAGES), "sign-in allowed", consent, {"client": client_id, "scope": scope})
    return consent


@transaction.atomic
def refuse(user: AbstractUser, client_id: str) -> None:
    """The person does not agree."""
    record(as_doer(user, Source.PAGES), "sign-in refused", ("client", client_id))


def of_code(code: str) -> Consent | None:
    """The consent that waits for its code, locked until the transaction ends.

    A code that comes a second time has been seen by somebody else, so what the first one gave ends.
    """
    consent = Consent.objects.select_for_update(of=("self",)).filter(code_digest=digest_of(code)).first()
    if consent is not None and consent.used_at is not None:
        _end(consent, "sign-in ended: code used twice")
        return None
    return consent


def of_refresh_token(token: str) -> Consent | None:
    """The consent on which a refresh token rests, used up or not; locked until the transaction ends."""
    checksum = digest_of(token).hex()
    families = RefreshTokenRow.objects.filter(token_checksum=checksum).values("token_family")
    return Consent.objects.select_for_update(of=("self",)).filter(pk__in=families).first()


def ended_sign_in(claims: Mapping[str, object]) -> QuerySet[Consent]:
    """The consent that a token of these claims rests on, if it has ended; nothing for tokens of another kind."""
    sign_in = claims.get(SIGN_IN)
    known = sign_in if isinstance(sign_in, str) and is_uuid(sign_in) else NO_SIGN_IN
    return Consent.objects.filter(pk=known).exclude(ended_at=None)


def is_used_up(refresh_token: str) -> bool:
    """Whether another token has taken its place."""
    rows = RefreshTokenRow.objects.filter(token_checksum=digest_of(refresh_token).hex())
    return rows.exists() and not rows.filter(revoked=None).exists()


def place_of(consent: Consent) -> Place | None:
    """For what a token may be made now; None when nothing is left of the consent.

    An environment that is not ready any more gives way to its organisation.
    """
    if consent.ended_at is not None or not consent.user.is_active:
        return None
    standing = Membership.objects.select_related("organisation").filter(
        user=consent.user, organisation=consent.organisation, organisation__state=Organisation.State.ACTIVE
    )
    membership = standing.first()
    if membership is None:
        return None
    environment = consent.environment
    if environment is not None and environment.state != Environment.State.READY:
        environment = None
    return Place(membership, environment)


def take_up(consent: Consent, *, clock: Clock = system_clock) -> None:
    """A token is given on it; the first one is recorded."""
    if consent.used_at is None:
        _record(as_doer(consent.user, Source.API), "signed in", consent, {"client": consent.client_id})
    consent.used_at = clock()
    consent.save(update_fields=["used_at"])


def end_reused(consent: Consent) -> None:
    """A refresh token came back after it had been used: one of two who have it is a thief."""
    _end(consent, "sign-in ended: refresh token used twice")


def end_revoked(consent: Consent) -> None:
    """The client signs out."""
    _end(consent, "signed out")


def forget_old(*, clock: Clock = system_clock) -> None:
    """Consents that nothing can be fetched on any more, and the library's rows of codes and tokens."""
    clear_expired()
    now = clock()
    DeviceGrant.objects.filter(expires__lt=now - _KEPT_CODES).delete()
    over = now - 2 * IDLE
    Consent.objects.filter(Q(used_at__lt=over) | Q(used_at=None, created_at__lt=over)).delete()


def _end(consent: Consent, action: str, *, clock: Clock = system_clock) -> None:
    if consent.ended_at is None:
        consent.ended_at = clock()
        consent.save(update_fields=["ended_at"])
        RefreshTokenRow.revoke_family(consent.pk)
        _record(as_doer(consent.user, Source.API), action, consent, {"client": consent.client_id})


def _record(doer: Doer, action: str, consent: Consent, after: dict[str, str]) -> None:
    record(doer, action, ("consent", str(consent.pk)), owner=consent.environment or consent.organisation, after=after)
