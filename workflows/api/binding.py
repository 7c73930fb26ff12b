"""Parameters and bodies that several endpoints share (contract: entities 1.3, 1.4, 1.6)."""

from __future__ import annotations

from cyoda.errors import BodyTooLarge, PayloadTooLarge
from cyoda.http.request import ApiRequest
from workflows.core.entity import ModelKey

BODY_LIMIT_BYTES = 10 * 1024 * 1024
UNIQUE_KEYS_LIMIT_BYTES = 1024 * 1024
UNREADABLE_BODY = "failed to read body"
UNREADABLE_REQUEST_BODY = "failed to read request body"
UNPARSABLE_BODY = "failed to parse request body"

DEFAULT_WINDOW = 100
DEFAULT_TIMEOUT_MS = 10_000


def model_key(request: ApiRequest) -> ModelKey:
    """The model that the path names. Raises InvalidParameter."""
    return ModelKey(request.values["entityName"], request.path_int32("modelVersion"))


def check_write_options(request: ApiRequest) -> None:
    """Options that clients send with writes: their types are checked, they have no effect. Raises InvalidParameter."""
    if request.query:
        request.query_int64("transactionTimeoutMillis", DEFAULT_TIMEOUT_MS)
        request.query_boolean("waitForConsistencyAfter")


def window(request: ApiRequest) -> int:
    """How many items a transaction takes; the use case judges the range. Raises InvalidParameter."""
    return request.query_int32("transactionWindow", DEFAULT_WINDOW)


async def entity_body(request: ApiRequest) -> bytes:
    """Raises BodyTooLarge."""
    return await request.body(BODY_LIMIT_BYTES, UNREADABLE_BODY)


async def limited_body(request: ApiRequest, refusal: str) -> bytes:
    """The body of an endpoint that answers 413 to one over 10 MiB. Raises PayloadTooLarge with `refusal`."""
    try:
        return await request.body(BODY_LIMIT_BYTES, refusal)
    except BodyTooLarge as error:
        raise PayloadTooLarge(error.message) from None
