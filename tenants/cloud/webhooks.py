"""`/v2/webhooks`: where notices about limits are posted as cards of a chat. Of our own design."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint
from tenants.cloud.problems import Problem, invalid
from tenants.cloud.shapes import NO_NUL
from tenants.models import Webhook
from tenants.usage import webhooks as services

Format = Literal["google_chat", "slack"]


class WebhookRequest(msgspec.Struct, kw_only=True):
    """`url` is what the chat gave; it is kept encrypted, and not shown again."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100, pattern=NO_NUL)]
    format: Format
    url: Annotated[str, msgspec.Meta(max_length=services.MAX_URL)]


class WebhookView(msgspec.Struct, kw_only=True):
    """`host` is the part of the URL that is no secret."""

    id: str
    name: str
    format: str
    host: str
    created_at: datetime


def list_webhooks(call: Call) -> Answer:
    return Answer(200, [_view(row) for row in services.webhooks_of(call.caller.organisation)])


def create(call: Call) -> Answer:
    body: WebhookRequest = call.body
    try:
        row = services.create_webhook(call.doer, call.caller.organisation, body.name, body.format, body.url)
    except services.WebhooksNotOffered as refusal:
        raise Problem(problems.NOT_CHANGEABLE, str(refusal)) from None
    except services.InvalidWebhook as fault:
        raise invalid(str(fault)) from None
    return Answer(201, _view(row))


def delete(call: Call) -> Answer:
    try:
        row = services.webhook_called(call.caller.organisation, call.path["webhook_id"])
    except services.WebhookUnknown:
        raise Problem(problems.NOT_FOUND, "There is no such webhook.") from None
    services.delete_webhook(call.doer, row)
    return Answer(202)


COLLECTION = {
    "GET": Endpoint(
        answer=list_webhooks,
        summary="Webhooks that hear of limits (our own addition to the API)",
        scope=scopes.READ_BUILDS,
        answers={200: list[WebhookView]},
    ),
    "POST": Endpoint(
        answer=create,
        summary="Have notices about limits posted to a chat (our own addition to the API)",
        scope=scopes.DEPLOY_ENV,
        body=WebhookRequest,
        answers={201: WebhookView},
        refusals=(problems.NOT_CHANGEABLE,),
    ),
}
ONE = {
    "DELETE": Endpoint(
        answer=delete,
        summary="Forget a webhook with its URL (our own addition to the API)",
        scope=scopes.DELETE_ENV,
        answers={202: None},
        refusals=(problems.NOT_FOUND,),
    ),
}


def _view(row: Webhook) -> WebhookView:
    return WebhookView(id=str(row.pk), name=row.name, format=row.format, host=row.host, created_at=row.created_at)
