"""When the platform itself cannot answer."""

from __future__ import annotations

from cyoda.errors.base import CyodaError


class StorageUnavailable(CyodaError):
    """The database does not answer; nothing of the request is stored, or its commit could not be confirmed."""

    code, status, retryable = "STORAGE_UNAVAILABLE", 503, True

    def __init__(self, message: str = "storage is not available") -> None:
        super().__init__(message)


class ServerError(CyodaError):
    """An internal failure: its message is logged under a ticket and never sent (unless in verbose mode)."""

    code, status = "SERVER_ERROR", 500
