"""What a request must pass once its caller is known and permitted: the hook of the HTTP and gRPC edges for quotas."""

from __future__ import annotations

from typing import Protocol

from cyoda.errors import PayloadTooLarge
from cyoda.permissions import Action
from cyoda.principal import Principal

PAYLOAD_SIZE = "PAYLOAD_SIZE"


class Admission(Protocol):
    """Counts requests against what their organisation is entitled to (contract: control plane 3.1)."""

    async def admit(self, principal: Principal, action: Action | None) -> int | None:
        """Count one request; how many bytes its body may have, None for any number.

        Raises TooManyRequests, QuotaExceeded (it would write, and the storage is full), StorageUnavailable.
        """
        ...


def payload_too_large(limit_bytes: int) -> PayloadTooLarge:
    """The refusal of a body over what the tier allows."""
    return PayloadTooLarge(
        f"the request body is larger than {limit_bytes} bytes", {"entitlementId": PAYLOAD_SIZE, "limit": limit_bytes}
    )
