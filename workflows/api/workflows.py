"""Workflow documents over HTTP (contract: engine 1.1)."""

from __future__ import annotations

from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_bytes, json_response
from workflows.api.binding import BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY, model_key
from workflows.services import workflow_documents
from workflows.services.platform import Platform


async def import_workflows(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    body = await request.body(BODY_LIMIT_BYTES, UNREADABLE_REQUEST_BODY)
    await workflow_documents.import_workflows(request.principal, key, body, platform=platform)
    return json_response({"success": True})


async def export_workflows(request: ApiRequest, platform: Platform) -> Response:
    key = model_key(request)
    return json_bytes(await workflow_documents.export_workflows(request.principal, key, platform=platform))
