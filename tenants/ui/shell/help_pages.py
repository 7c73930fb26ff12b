"""The help pages: docs/help as pages, with a search over them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from html import unescape

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe
from markdown_it import MarkdownIt

FOLDER = settings.BASE_DIR / "docs/help"
_AROUND = 80
_markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
"""HTML in a page would be shown as its text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A help page. `summary` is its first paragraph, `text` all of it without its marks."""

    slug: str
    title: str
    summary: str
    body: SafeString
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """A topic, and where in it the words are."""

    topic: Topic
    excerpt: str


@lru_cache(maxsize=1)
def topics() -> dict[str, Topic]:
    """By the name of the file, in the order of titles."""
    read = (_topic(file.stem, file.read_text(encoding="utf-8")) for file in FOLDER.glob("*.md"))
    return {topic.slug: topic for topic in sorted(read, key=lambda topic: topic.title.lower())}


def search(words: str) -> list[Found]:
    """The topics that hold all the words, those with them in the title first."""
    wanted = words.lower().split()
    found = [topic for topic in topics().values() if all(word in topic.text.lower() for word in wanted)]
    found.sort(key=lambda topic: not all(word in topic.title.lower() for word in wanted))
    return [Found(topic, _excerpt(topic, wanted)) for topic in found] if wanted else []


@login_required
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    words = request.GET.get("q", "").strip()
    found = search(words) if words else [Found(topic, topic.summary) for topic in topics().values()]
    return render(request, "shell/help.html", {"found": found, "words": words, "openapi": "/openapi.json"})


@login_required
@require_safe
def topic(request: HttpRequest, slug: str) -> HttpResponse:
    if slug not in topics():
        raise Http404
    return render(request, "shell/help_topic.html", {"topic": topics()[slug], "topics": topics().values()})


def _topic(slug: str, source: str) -> Topic:
    title, _, rest = source.partition("\n")
    paragraph = rest.strip().partition("\n\n")[0]
    return Topic(
        slug=slug,
        title=title.removeprefix("# "),
        summary=_plain(_markdown.render(paragraph)),
        body=mark_safe(_markdown.render(rest)),  # noqa: S308 - made of files of the repository, without their HTML
        text=_plain(_markdown.render(source)),
    )


def _plain(html: str) -> str:
    return " ".join(unescape(strip_tags(html)).split())


def _excerpt(topic: Topic, wanted: list[str]) -> str:
    """Some words around the first hit that is not in the title."""
    body = topic.text[len(topic.title) :].strip()
    at = min((place for word in wanted if (place := body.lower().find(word)) >= 0), default=0)
    start = max(0, at - _AROUND)
    cut = body[start : at + _AROUND]
    return f"{'…' if start else ''}{cut}{'…' if at + _AROUND < len(body) else ''}"
