"""The entity envelope as HTTP, gRPC and search show it (contract: entities 5.1, search 6)."""

from __future__ import annotations

from datetime import datetime

from cyoda.clock import utc_text
from cyoda.jsonio import dumps
from workflows.core.entity import Version


def meta(version: Version, *, at: datetime | None = None) -> dict[str, object]:
    """The `meta` member; `at` adds `pointInTime`."""
    members: dict[str, object] = {
        "id": str(version.entity_id),
        "modelKey": {"name": version.model.name, "version": version.model.version},
        "state": version.state,
        "creationDate": utc_text(version.created_at),
        "lastUpdateTime": utc_text(version.updated_at),
        "transactionId": str(version.transaction_id),
    }
    if version.transition:
        members["transitionForLatestSave"] = version.transition
    if at is not None:
        members["pointInTime"] = utc_text(at)
    return members


def envelope(version: Version, *, at: datetime | None = None) -> bytes:
    """The whole envelope; the document goes in verbatim."""
    return b'{"type":"ENTITY","data":%b,"meta":%b}' % (version.document.text, dumps(meta(version, at=at)))
