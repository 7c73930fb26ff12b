"""Refusals of the cloud API: each problem type once, with its status (contract: control plane 4.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

TYPES = "https://docs.cyoda.cloud/errors/"
MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Type:
    """What is wrong in general; the slug is what clients look at."""

    slug: str
    status: int
    title: str


UNAUTHENTICATED: Final = Type("unauthenticated", 401, "Not signed in")
REVOKED: Final = Type("revoked", 401, "Signed out")
INVALID_ORG_ID: Final = Type("invalid-org-id", 400, "No organisation")
VALIDATION_ERROR: Final = Type("validation-error", 400, "Invalid request")
FORBIDDEN: Final = Type("forbidden", 403, "Not allowed")
TIER_NOT_ENTITLED: Final = Type("tier-not-entitled", 403, "Not in the organisation's tier")
NOT_FOUND: Final = Type("not-found", 404, "Not found")
METHOD_NOT_ALLOWED: Final = Type("method-not-allowed", 405, "Method not allowed")
IDEMPOTENCY_CONFLICT: Final = Type("idempotency-conflict", 409, "Idempotency key used before")
ENV_ALREADY_EXISTS: Final = Type("env-already-exists", 409, "Environment exists")
NOT_CANCELLABLE: Final = Type("not-cancellable", 409, "Cannot be cancelled")
NOT_CHANGEABLE: Final = Type("not-changeable", 409, "Cannot be changed")
CURSOR_EXPIRED: Final = Type("cursor-expired", 409, "Cursor expired")
SERVER_MIN_VERSION_REQUIRED: Final = Type("server-min-version-required", 426, "Newer command line required")
QUOTA_EXCEEDED: Final = Type("quota-exceeded", 429, "Quota exceeded")
INTERNAL_ERROR: Final = Type("internal-error", 500, "Internal error")
UPSTREAM_FAILURE: Final = Type("upstream-failure", 503, "Not available now")


class Problem(Exception):
    """A refusal. `extensions` are further members of the document, `headers` of the answer."""

    def __init__(
        self,
        type: Type,
        detail: str = "",
        *,
        extensions: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or type.title)
        self.type = type
        self.detail = detail
        self.extensions = dict(extensions or {})
        self.headers = dict(headers or {})

    def document(self, instance: str) -> dict[str, object]:
        members: dict[str, object] = {
            "type": TYPES + self.type.slug,
            "title": self.type.title,
            "status": self.type.status,
        }
        if self.detail:
            members["detail"] = self.detail
        return {**members, "instance": instance, **self.extensions}


def invalid(detail: str) -> Problem:
    return Problem(VALIDATION_ERROR, detail)


def too_many(detail: str, retry_after_seconds: int) -> Problem:
    return Problem(QUOTA_EXCEEDED, detail, headers={"Retry-After": str(retry_after_seconds)})
