"""What restricts a list of entities: shown as chips, as rows that are filled in, and as JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from cyoda import jsonio
from tenants.ui.console import builder
from tenants.ui.console.conditions import Group, NotRows, condition_of, in_words, operators_of, rows, rows_of
from tenants.ui.console.documents import indented
from tenants.ui.console.fields import Fields, Kind
from tenants.ui.console.listing import PAGING, Listing

_BYTE = re.compile(r"\(byte (\d+)\)")


class Editor:
    """The condition as rows and as JSON: what is applied, and what is being written."""

    def __init__(self, listing: Listing, fields: Fields) -> None:
        self._listing = listing
        self._fields = fields
        self.applied: Group | None = None
        self.trouble: NotRows | None = None
        self.raw = ""
        self.raw_error = ""
        self.is_judged = False
        self.is_open = False
        self._draft: Group | None = None
        self._read(listing.condition)

    def _read(self, text: str) -> None:
        try:
            value = jsonio.parse(text) if text else {"type": "group", "operator": "AND", "conditions": []}
            self.raw = indented(jsonio.dumps(value)) if text else ""
            self.applied = rows_of(value)
        except jsonio.InvalidJson as error:
            self.raw, self.raw_error = text, _placed(str(error), text)
        except NotRows as trouble:
            self.trouble = trouble

    def take(self, request: HttpRequest) -> HttpResponse | None:
        """Do what the form asks for; None when the page is to be shown."""
        given, action = request.GET.dict(), request.GET.get("do", "")
        if "raw" in given and action == "json":
            return self._take_json(str(given["raw"]))
        if not builder.is_draft(given):
            return None
        draft = builder.draft(given)
        if action == "apply":
            self.is_judged = True
            if not any(builder.complaint(row) for row in rows(draft)):
                condition = condition_of(draft, self._fields)
                text = jsonio.dumps(condition).decode() if condition["conditions"] else ""
                return HttpResponseRedirect(self._listing.query(condition=text))
        elif action:
            builder.changed(draft, action)
            pairs = [*self._listing.pairs(*PAGING), *builder.written(draft)]
            return HttpResponseRedirect(f"?{urlencode(pairs)}#filter")
        self._draft, self.is_open = draft, True
        return None

    def _take_json(self, text: str) -> HttpResponse | None:
        self.is_open = True
        if not text.strip():
            return HttpResponseRedirect(self._listing.query(condition=""))
        try:
            compact = jsonio.dumps(jsonio.parse(text)).decode()
        except jsonio.InvalidJson as error:
            self.raw, self.raw_error = text, _placed(str(error), text)
            return None
        return HttpResponseRedirect(self._listing.query(condition=compact))

    @property
    def group(self) -> builder.ShownGroup | None:
        """What the rows show: what is being written, or what is applied; None when that cannot be rows."""
        tree = self._draft or self.applied
        if tree is None:
            return None
        shown = tree if tree.children or self._draft else Group(children=[builder.Row()])
        return builder.shown(shown, self._fields, is_judged=self.is_judged)

    @property
    def blank(self) -> builder.ShownRow:
        return builder.blank(self._fields)

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What the form carries along beside its own fields."""
        return self._listing.pairs("at", *PAGING)

    @property
    def operators(self) -> str:
        """Which operators fit which kind of field, for the script."""
        kinds: set[Kind] = {field.kind for field in self._fields.values()}
        return jsonio.dumps({kind: operators_of(kind) for kind in kinds}).decode()


def _placed(error: str, text: str) -> str:
    """What is wrong with a text, with line and character instead of a number of bytes."""
    found = _BYTE.search(error)
    if found is None:
        return error
    before = text.encode()[: int(found[1])].decode(errors="ignore").split("\n")
    place = _("line %(line)d, character %(character)d") % {"line": len(before), "character": len(before[-1]) + 1}
    return _BYTE.sub(f"({place})", error)


@dataclass(frozen=True, slots=True)
class Chip:
    text: str
    without: str


def chips(listing: Listing, applied: Group | None, fields: Fields) -> Iterator[Chip]:
    """The parts of what restricts the list, each with the address of the list without it."""
    if applied is None:
        yield Chip(_("a condition in JSON"), listing.query(condition=""))
    elif applied.operator == "OR" and applied.children:
        yield Chip(in_words(applied, fields), listing.query(condition=""))
    else:
        for place, child in enumerate(applied.children):
            rest = condition_of(Group("AND", applied.children[:place] + applied.children[place + 1 :]), fields)
            text = jsonio.dumps(rest).decode() if rest["conditions"] else ""
            yield Chip(in_words(child, fields), listing.query(condition=text))
    if listing.at:
        yield Chip(_("as of %(moment)s") % {"moment": listing.at}, listing.query(at=""))
