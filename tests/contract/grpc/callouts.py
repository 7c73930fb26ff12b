"""Callouts about one entity, as the engine would raise them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from cyoda.principal import Actor
from workflows.core.callout import Callout
from workflows.core.entity import Document, ModelKey, Version

ENTITY_ID = UUID("9a770000-0000-11f0-8000-000000000001")
TRANSACTION_ID = UUID("5c1f0000-0000-11f0-8000-000000000002")
MOMENT = datetime(2026, 1, 2, 3, 4, 5, 100_000, tzinfo=UTC)
DOCUMENT = b'{"orderNo":"A-1","total":9223372036854775807,"rate":0.10000000000000000000000000000001}'


def entity(document: bytes = DOCUMENT) -> Version:
    return Version(
        entity_id=ENTITY_ID,
        model=ModelKey("order", 1),
        number=1,
        state="NEW",
        document=Document(document),
        created_at=MOMENT,
        updated_at=MOMENT,
        transaction_id=TRANSACTION_ID,
        transition="loopback",
        attributed=Actor("ann", "user"),
        executor=Actor("ann", "user"),
    )


def callout(**changes: Any) -> Callout:
    members: dict[str, Any] = {
        "kind": "processor",
        "name": "enrich",
        "subject": entity(),
        "workflow": "order-wf",
        "transition": "submit",
        "transaction_id": TRANSACTION_ID,
        "tags": "rating",
    }
    return Callout(**{**members, **changes})


def criterion(**changes: Any) -> Callout:
    return callout(**{"kind": "criteria", "name": "isVip", "target": "TRANSITION", "transition": "approve", **changes})
