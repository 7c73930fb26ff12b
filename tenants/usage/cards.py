"""A notice as a card of a chat: pure functions from what happened to the body that a webhook takes."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Any

import msgspec

from tenants.models import Webhook

_LONGEST_NAME = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """What a notice says. Names are anybody's text."""

    id: str
    organisation: str
    environment: str
    what: str
    threshold: int
    used: int
    limit: int

    @property
    def title(self) -> str:
        reached = "has used all of its" if self.threshold >= 100 else f"has used {self.threshold} % of its"
        return f"{self.environment} {reached} {self.what}"

    @property
    def numbers(self) -> str:
        return f"{self.used:,} of {self.limit:,}"


def card(format: str, near: Near) -> bytes:
    """The body for a webhook of a format (Webhook.Format)."""
    shape = _slack if format == Webhook.Format.SLACK else _google_chat
    return msgspec.json.encode(shape(near))


def _google_chat(near: Near) -> dict[str, Any]:
    rows = (("Organisation", near.organisation), ("Environment", near.environment), ("Used", near.numbers))
    widgets = [{"decoratedText": {"topLabel": label, "text": _plain(text)}} for label, text in rows]
    header = {"title": near.title, "subtitle": _cut(near.organisation)}
    return {"cardsV2": [{"cardId": near.id, "card": {"header": header, "sections": [{"widgets": widgets}]}}]}


def _slack(near: Near) -> dict[str, Any]:
    rows = (("Organisation", near.organisation), ("Environment", near.environment), ("Used", near.numbers))
    fields = [{"type": "mrkdwn", "text": f"*{label}*\n{_plain(text)}"} for label, text in rows]
    return {
        "text": _plain(near.title),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": near.title, "emoji": False}},
            {"type": "section", "fields": fields},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": f"Notice {near.id}"}]},
        ],
    }


def _plain(text: str) -> str:
    """Neither chat takes it for markup, a link or a mention; long texts end early."""
    return escape(_cut(text), quote=False)


def _cut(text: str) -> str:
    one_line = " ".join(text.split())
    return one_line if len(one_line) <= _LONGEST_NAME else one_line[: _LONGEST_NAME - 1] + "…"
