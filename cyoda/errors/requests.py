"""Refusals of a request as such (contract: entities 1.7, 1.8)."""

from __future__ import annotations

from collections.abc import Mapping

from cyoda.errors.base import CyodaError


class BadRequest(CyodaError):
    """The request cannot be read: its body, a parameter, or a value that the operation does not take."""

    code, status = "BAD_REQUEST", 400


class InvalidParameter(BadRequest):
    """A path or query parameter that does not bind (contract: entities 1.4)."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"invalid value for parameter '{parameter}'", {"parameter": parameter})


class MissingParameter(BadRequest):
    """A required query parameter is absent."""

    def __init__(self, parameter: str) -> None:
        super().__init__(f"missing required parameter '{parameter}'", {"parameter": parameter})


class BodyTooLarge(BadRequest):
    """A body over the endpoint's limit; most endpoints answer 400, grouped statistics and messages 413."""


class PayloadTooLarge(CyodaError):
    """The body is over the endpoint's limit, where that limit has a status of its own."""

    code, status = "BAD_REQUEST", 413


class Unauthorized(CyodaError):
    """No valid token came with the request, or the transaction token is not one of ours."""

    code, status = "UNAUTHORIZED", 401

    def __init__(self, message: str = "authentication failed") -> None:
        super().__init__(message)


class Forbidden(CyodaError):
    """The caller is known and may not do this."""

    code, status = "FORBIDDEN", 403


class QuotaExceeded(CyodaError):
    """The organisation's tier does not allow more of this; the properties name the entitlement and its limit."""

    code, status = "QUOTA_EXCEEDED", 403

    def __init__(self, entitlement: str, limit: int, what: str) -> None:
        super().__init__(f"the limit of {limit} {what} is reached", {"entitlementId": entitlement, "limit": limit})


class TooManyRequests(CyodaError):
    """More requests or callouts in the interval than the organisation's tier allows: wait, then repeat."""

    code, status, retryable = "TOO_MANY_REQUESTS", 429, True

    def __init__(self, message: str, *, retry_after_seconds: int, properties: Mapping[str, object]) -> None:
        super().__init__(message, {**properties, "retryAfterSeconds": retry_after_seconds})
        self.retry_after_seconds = retry_after_seconds


class UnsupportedMediaType(CyodaError):
    """A patch of another format, or with another content type, than merge patch in JSON."""

    code, status = "UNSUPPORTED_MEDIA_TYPE", 415


class PreconditionRequired(CyodaError):
    """A patch without `If-Match`."""

    code, status = "PRECONDITION_REQUIRED", 428


class NotImplementedHere(CyodaError):
    """Known and not offered, JSON Patch for example."""

    code, status = "NOT_IMPLEMENTED", 501


class FeatureDisabled(CyodaError):
    """The installation has this switched off."""

    code, status = "FEATURE_DISABLED", 404


class HelpTopicNotFound(CyodaError):
    """There is no help page of this name; `/help` lists them."""

    code, status = "HELP_TOPIC_NOT_FOUND", 404

    def __init__(self, topic: str) -> None:
        super().__init__(f"no help topic named {topic}")
