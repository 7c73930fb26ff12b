"""The help pages over HTTP: short topics, each a Markdown file of docs/help (contract: entities 1.1).

`GET /help` lists the topics, `GET /help/{topic}` answers one. Both are public.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import msgspec

from cyoda.errors import BadRequest, HelpTopicNotFound
from cyoda.http.operation import operation, operation_of
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.http.router import Handler, Route

FOLDER = Path(__file__).resolve().parents[2] / "docs/help"
_name = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")


class TopicSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A topic in the list; `path` is below the context path."""

    topic: str
    title: str
    summary: str
    path: str


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    topics: list[TopicSummary]


class Topic(TopicSummary, frozen=True, kw_only=True):
    """A help page; `body` is Markdown."""

    body: str


@lru_cache(maxsize=1)
def topics() -> dict[str, Topic]:
    """Every topic by name. A page starts with its title (`# …`) and one paragraph that sums it up."""
    return {file.stem: _topic(file) for file in sorted(FOLDER.glob("*.md"))}


@operation("List the help topics", answer=Topics)
async def list_topics(_: ApiRequest) -> Response:
    found = topics().values()
    listed = [TopicSummary(topic=t.topic, title=t.title, summary=t.summary, path=t.path) for t in found]
    return json_response(Topics(topics=listed))


@operation("Read a help topic", answer=Topic, errors=[HelpTopicNotFound])
async def get_topic(request: ApiRequest) -> Response:
    name = request.values["topic"]
    if not _name.fullmatch(name):
        raise BadRequest("invalid help topic")
    topic = topics().get(name)
    if topic is None:
        raise HelpTopicNotFound(name)
    return json_response(topic)


def help_routes() -> list[Route]:
    handlers: list[tuple[str, Handler]] = [("/help", list_topics), ("/help/{topic}", get_topic)]
    return [Route("GET", path, handler, public=True, operation=operation_of(handler)) for path, handler in handlers]


def _topic(file: Path) -> Topic:
    body = file.read_text(encoding="utf-8")
    title, _, rest = body.partition("\n")
    summary = " ".join(rest.strip().partition("\n\n")[0].split())
    return Topic(topic=file.stem, title=title.removeprefix("# "), summary=summary, path=f"/help/{file.stem}", body=body)
