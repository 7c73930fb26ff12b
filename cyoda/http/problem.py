"""How a refusal looks over HTTP: the problem document (contract: entities 1.7, identity 13)."""

from __future__ import annotations

import logging
from uuid import uuid4

from cyoda import jsonio
from cyoda.errors import CyodaError, ServerError, TooManyRequests
from cyoda.http.response import Response

PROBLEM = b"application/problem+json"

# Spelled here because the phrases of the standard library change between Python versions.
TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    410: "Gone",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Entity",
    428: "Precondition Required",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    503: "Service Unavailable",
}

log = logging.getLogger(__name__)


class Problems:
    """Renders refusals; `verbose` puts the raw cause of a 500 into its detail."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose

    def refusal(self, error: CyodaError, path: str) -> Response:
        """The answer to a refusal; `path` is the request path without the context path.

        A 500 is logged under a ticket, and only the ticket is told.
        """
        if error.status == 500:
            return self._internal(error, error, path)
        return _problem(error, error.detail, path)

    def failure(self, cause: Exception, path: str) -> Response:
        """The answer to an unexpected exception."""
        return self._internal(ServerError(str(cause)), cause, path)

    def _internal(self, error: CyodaError, cause: Exception, path: str) -> Response:
        ticket = str(uuid4())
        log.error("internal error [ticket: %s] at %s", ticket, path, exc_info=cause, extra={"ticket": ticket})
        detail = f"{ServerError.code}: internal error [ticket: {ticket}]"
        if self._verbose:
            detail = f"{ServerError.code}: {type(cause).__name__}: {cause} [ticket: {ticket}]"
        return _problem(error, detail, path, ticket=ticket)


def _problem(error: CyodaError, detail: str, path: str, *, ticket: str | None = None) -> Response:
    document: dict[str, object] = {
        "type": "about:blank",
        "title": TITLES[error.status],
        "status": error.status,
        "detail": detail,
        "instance": path,
    }
    if ticket is not None:
        document["ticket"] = ticket
    properties: dict[str, object] = {"errorCode": error.code, **error.properties}
    if error.retryable:
        properties["retryable"] = True
    document["properties"] = properties
    headers = ((b"retry-after", b"%d" % error.retry_after_seconds),) if isinstance(error, TooManyRequests) else ()
    return Response(error.status, jsonio.dumps(document), PROBLEM, headers)
