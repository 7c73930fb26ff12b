"""What the library asks whenever a client asks for something (contract: control plane 4.7)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from oauth2_provider.models import DeviceGrant
from oauth2_provider.oauth2_validators import OAuth2Validator

from cyoda.clock import system_clock
from tenants.models import Consent
from tenants.oauth import scopes
from tenants.oauth.tokens import id_token
from tenants.services import consents

DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
GRANTS: Final = ("authorization_code", DEVICE_GRANT, "refresh_token")
AUTHORIZED: Final = "authorized"
PENDING: Final = "authorization_pending"
SLOW_DOWN: Final = "slow_down"
EXPIRED: Final = "expired_token"
DENIED: Final = "access_denied"
_EARLY = timedelta(seconds=1)
"""By how much a poll may come too soon: clocks and networks are not exact."""
_SLOWER_SECONDS = 5


class Validator(OAuth2Validator):
    """Runs inside one transaction a request. What tokens may be given for stands in `request.place`."""

    def validate_grant_type(
        self, client_id: str, grant_type: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        return grant_type in GRANTS

    def validate_response_type(
        self, client_id: str, response_type: str, client: Any, request: Any, *_: Any, **__: Any
    ) -> bool:
        return response_type == "code"

    def validate_scopes(self, client_id: str, asked: Any, client: Any, request: Any, *_: Any, **__: Any) -> bool:
        """Any may be asked for: what the role does not allow is not given."""
        return True

    def is_within_original_scope(
        self, request_scopes: Any, refresh_token: str, request: Any, *_: Any, **__: Any
    ) -> bool:
        return True

    def get_default_scopes(self, client_id: str, request: Any, *_: Any, **__: Any) -> Sequence[str]:
        return scopes.DEFAULT

    # --- codes --------------------------------------------------------------------------------------------------

    def save_authorization_code(self, client_id: str, code: Any, request: Any, *args: Any, **values: Any) -> None:
        """The person has agreed: `request.place` is what they have chosen."""
        super().save_authorization_code(client_id, code, request, *args, **values)
        scope = " ".join(request.scopes)
        digest = consents.digest_of(code["code"])
        consents.give(request.user, request.place, client_id=client_id, scope=scope, code_digest=digest)

    def validate_code(self, client_id: str, code: str, client: Any, request: Any, *args: Any, **values: Any) -> bool:
        consent = consents.of_code(code)
        is_valid = super().validate_code(client_id, code, client, request, *args, **values)
        return is_valid and consent is not None and self._rests_on(consent, request)

    def validate_device_code(self, client_id: str, device_code: str, request: Any) -> str | None:
        """`AUTHORIZED`, or why not, as RFC 8628 (3.5) names it; None for a code that is not known."""
        digest = consents.digest_of(device_code)
        grants = DeviceGrant.objects.select_for_update(of=("self",))
        grant = grants.filter(device_code=digest.hex(), client_id=client_id).first()
        consent = consents.of_code(device_code)
        if grant is None:
            return None
        if grant.is_expired():
            return EXPIRED
        if grant.status == DeviceGrant.AUTHORIZATION_PENDING:
            return _polled(grant)
        if consent is None or grant.status != DeviceGrant.AUTHORIZED or not self._rests_on(consent, request):
            return DENIED
        grant.delete()
        request.user = consent.user
        return AUTHORIZED

    # --- tokens -------------------------------------------------------------------------------------------------

    def validate_refresh_token(self, refresh_token: str, client: Any, request: Any, *args: Any, **values: Any) -> bool:
        """One that was used before ends the whole sign-in."""
        consent = consents.of_refresh_token(refresh_token)
        if consent is None:
            return False
        if consents.is_used_up(refresh_token):
            consents.end_reused(consent)
            return False
        is_valid = super().validate_refresh_token(refresh_token, client, request, *args, **values)
        return is_valid and self._rests_on(consent, request)

    def get_original_scopes(self, refresh_token: str, request: Any, *_: Any, **__: Any) -> Sequence[str]:
        return request.consent.scope.split()

    def revoke_token(self, token: str, token_type_hint: str | None, request: Any, *_: Any, **__: Any) -> None:
        """Refresh tokens only: access tokens are valid until they run out."""
        consent = consents.of_refresh_token(token)
        if consent is not None and consent.client_id == request.client.client_id:
            consents.end_revoked(consent)

    def _rests_on(self, consent: Consent, request: Any) -> bool:
        """Whether something is left of it; then the request is for that."""
        place = consents.place_of(consent)
        if place is None:
            return False
        request.consent, request.place, request.scopes = consent, place, consent.scope.split()
        return True

    def _save_bearer_token(self, token: Any, request: Any, *args: Any, **values: Any) -> None:
        """The answer gets what belongs to its scopes, and the rows what a refresh needs."""
        consent: Consent = request.consent
        if scopes.OFFLINE not in consent.scope.split():
            token.pop("refresh_token", None)
        super()._save_bearer_token(token, request, *args, **values)
        if scopes.OPENID in request.scopes:
            token["id_token"] = id_token(request)
        consents.take_up(consent)

    def _create_refresh_token(self, request: Any, refresh_token_code: str, access_token: Any, previous: Any) -> Any:
        row: Any = super()._create_refresh_token(request, refresh_token_code, access_token, previous)
        row.token_family = request.consent.pk
        row.save(update_fields=["token_family"])
        return row


def _polled(grant: DeviceGrant) -> str:
    """Whoever asks too often has to wait longer from then on."""
    is_early = system_clock() < grant.last_checked + timedelta(seconds=grant.interval) - _EARLY
    if is_early:
        grant.interval += _SLOWER_SECONDS
    grant.save(update_fields=["interval", "last_checked"])
    return SLOW_DOWN if is_early else PENDING
