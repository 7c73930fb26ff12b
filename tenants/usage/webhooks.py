"""Webhooks that hear of notices. Their URLs are secrets: encrypted at rest, decrypted to be posted to, never shown."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from tenants.identity.cipher import Cipher, Undecryptable
from tenants.identity.oidc.destinations import InvalidUri, parse_endpoint
from tenants.identity.oidc.fetching import Fetcher, FetchFailed
from tenants.models import Organisation, Webhook
from tenants.naming import is_uuid
from tenants.services.audit import Doer, record

MAX_URL = 2000
MAX_WEBHOOKS = 20
"""Of one organisation."""


class InvalidWebhook(ValueError):
    """The text is a sentence for whoever registers it, without the URL."""


class WebhooksNotOffered(InvalidWebhook):
    """The installation or the organisation can have no more of them; the text is a sentence."""


class WebhookUnknown(LookupError):
    """The organisation has no such webhook."""


class WebhookFailed(Exception):
    """The card was not taken; the text says why, without the URL."""


def webhooks_of(organisation: Organisation) -> QuerySet[Webhook]:
    """Its own, by name; those of the whole installation are the operators'."""
    return Webhook.objects.filter(organisation=organisation).order_by("name", "created_at")


def webhook_called(organisation: Organisation, webhook_id: str) -> Webhook:
    """Raises WebhookUnknown."""
    found = webhooks_of(organisation).filter(pk=webhook_id).first() if is_uuid(webhook_id) else None
    if found is None:
        raise WebhookUnknown(webhook_id)
    return found


@transaction.atomic
def create_webhook(doer: Doer, organisation: Organisation | None, name: str, format: str, url: str) -> Webhook:
    """Have notices of an organisation, or of all with None, posted to a URL.

    Raises WebhooksNotOffered, InvalidWebhook.
    """
    if organisation is not None:
        held = Organisation.objects.select_for_update().get(pk=organisation.pk)
        if webhooks_of(held).count() >= MAX_WEBHOOKS:
            raise WebhooksNotOffered(f"An organisation has no more than {MAX_WEBHOOKS} webhooks.")
    if format not in Webhook.Format.values:
        raise InvalidWebhook("The format must be google_chat or slack.")
    webhook = Webhook(organisation=organisation, name=name, format=format, host=_host_of(url))
    webhook.url = _cipher().encrypt(url.encode(), context=_context(webhook))
    webhook.save()
    record(doer, "created", _target(webhook), owner=organisation, after=_state(webhook))
    return webhook


@transaction.atomic
def delete_webhook(doer: Doer, webhook: Webhook) -> None:
    record(doer, "deleted", _target(webhook), owner=webhook.organisation, before=_state(webhook))
    webhook.delete()


def post(webhook: Webhook, body: bytes) -> None:
    """Raises WebhookFailed. Takes no longer than a fetch of a provider's document, and goes where those may go."""
    try:
        url = _cipher().decrypt(bytes(webhook.url), context=_context(webhook)).decode()
        asyncio.run(_post(url, body))
    except Undecryptable:
        raise WebhookFailed("its URL cannot be decrypted: the installation's passphrases have changed") from None
    except (FetchFailed, InvalidWebhook) as error:
        raise WebhookFailed(str(error)) from None


async def _post(url: str, body: bytes) -> None:
    fetcher = Fetcher(settings.CONF.oidc)
    try:
        await fetcher.post(url, body)
    finally:
        fetcher.close()


def _host_of(url: str) -> str:
    if len(url) > MAX_URL:
        raise InvalidWebhook("The URL is too long.")
    try:
        endpoint = parse_endpoint(url, require_https=settings.CONF.oidc.require_https)
    except InvalidUri:
        raise InvalidWebhook("The URL must be an https address.") from None
    if "@" in urlsplit(url).netloc:
        raise InvalidWebhook("The URL must not have a user in it.")
    return endpoint.host[:255]


def _cipher() -> Cipher:
    passphrases = settings.CONF.secrets_at_rest
    if not passphrases:
        raise WebhooksNotOffered("Webhooks need a key that secrets are encrypted with: set CYODA_ENCRYPTION_KEY.")
    return Cipher(passphrases)


def _context(webhook: Webhook) -> str:
    return f"webhook {webhook.pk}"


def _target(webhook: Webhook) -> tuple[str, str]:
    return ("webhook", str(webhook.pk))


def _state(webhook: Webhook) -> dict[str, str]:
    return {"name": webhook.name, "format": webhook.format, "host": webhook.host}
