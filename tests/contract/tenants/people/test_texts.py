"""What the templates say: every sentence can be translated, and titles name their place once (ui: 4.3, 4.9)."""

from __future__ import annotations

import re
from pathlib import Path

TEMPLATES = Path(__file__).parents[4] / "templates"
BACK_OFFICE = {"admin", "back_office"}
"""For operators, in English as the library around it."""
NAMES = {
    "API", "CSV", "Cyoda", "FIXED", "JSON", "NONE", "REST", "ROLE_ADMIN", "Schema", "UTC", "curl", "false",
    "gRPC", "true",
}  # fmt: skip
"""Called the same in every language."""

FILES = [file for file in sorted(TEMPLATES.rglob("*.html")) if file.relative_to(TEMPLATES).parts[0] not in BACK_OFFICE]
IGNORED = re.compile(
    r"{% comment .*?{% endcomment %}|{#.*?#}|{% blocktranslate.*?{% endblocktranslate %}|{%.*?%}|{{.*?}}"
    r"|<(?P<tag>script|style|pre|code|kbd)\b.*?</(?P=tag)>|&\w+;",
    re.DOTALL,
)
SPOKEN = re.compile(r'\s(?:aria-label|title|alt|placeholder)="([^"]*)"')


def said(template: str) -> list[str]:
    """The texts of a template that no translation reaches."""
    own = IGNORED.sub(" ", IGNORED.sub(" ", template))  # twice: tags in code go first
    texts = [*SPOKEN.findall(own), *re.sub(r"<[^>]*>", "\n", own).splitlines()]
    return [text.strip() for text in texts if set(re.findall(r"[A-Za-z]{2,}", text)) - NAMES]


def test_what_is_looked_for_is_found() -> None:
    assert said(
        '<p>Hello {% translate "you" %}</p><img alt="A dog"><a title="{{ x }}">{% if a < b %}{% endif %}</a>'
    ) == [
        "A dog",
        "Hello",
    ]


def test_every_text_of_the_pages_can_be_translated() -> None:
    found = {str(file.relative_to(TEMPLATES)): said(file.read_text()) for file in FILES}
    assert {name: texts for name, texts in found.items() if texts} == {}


def test_the_frame_and_no_page_names_the_place_in_titles() -> None:
    title = re.compile(r"block head_title %}(.*?){% endblock", re.DOTALL)
    naming = [
        str(file.relative_to(TEMPLATES))
        for file in FILES
        if any(
            re.search(r"place\.(environment|organisation)\.name", found) for found in title.findall(file.read_text())
        )
    ]
    assert naming == []
