"""Direct search over HTTP (contract: search 2)."""

from __future__ import annotations

from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, ndjson
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.services.envelope import envelope
from workflows.services.platform import Platform
from workflows.services.search import search_direct
from workflows.services.transaction import Transaction


async def search(request: ApiRequest, platform: Platform, join: Transaction | None) -> Response:
    key = model_key(request)
    at, tracking = request.query_time("pointInTime"), request.query_boolean("trackingRead")
    condition = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    found = await search_direct(
        request.principal,
        key,
        condition,
        limit=request.query_text("limit"),
        at=at,
        sort=request.query_list("sort") or (),
        tracking=tracking,
        platform=platform,
        join=join,
    )
    return ndjson(map(envelope, found))
