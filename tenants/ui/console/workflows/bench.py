"""A draft as its pages see it: the document, who changed it last, and what is wrong with it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from cyoda import jsonio
from cyoda.permissions import Action
from tenants.models import DraftRevision, WorkflowDraft
from tenants.services.drafts import DraftModified, DraftTooLarge, DraftUnknown, change_draft, draft_of, revision_of
from tenants.services.people import names_of
from tenants.ui.console.place import Page, Place, in_environment, show
from tenants.ui.console.workflows.differences import one_change
from tenants.ui.console.workflows.edits import Document, EditRefused, edited
from tenants.ui.console.workflows.pointers import segments

ROOT = "/workflows/0"
_PART = re.compile(r"(/states/[^/]*/transitions/\d+/processors/\d+|/states/[^/]*/transitions/\d+|/states/[^/]*)?(.*)")
_FIELDS = {
    "manual": "taken",
    "schedule/delayMs": "delay",
    "schedule/timeoutMs": "lateness",
    "schedule/function/name": "function",
    "schedule/function/calculationNodesTags": "function_tags",
    "config/calculationNodesTags": "tags",
    "config/responseTimeoutMs": "timeout",
    "config/retryPolicy": "retry",
    "config/startNewTxOnDispatch": "new_transaction",
    "executionMode": "mode",
    "initialState": "begins",
}
"""The fields of the forms by the members that they are about, where they have another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownIssue:
    """An issue with the form's field that it is about, and its place in the JSON text."""

    severity: str
    text: str
    pointer: str
    form_url: str
    json_url: str


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One draft on which a person works."""

    place: Place
    draft: WorkflowDraft
    revision: DraftRevision

    @cached_property
    def document(self) -> Document:
        return jsonio.parse(self.revision.document.encode())

    @property
    def model(self) -> tuple[str, int]:
        return self.draft.model_name, self.draft.model_version

    def url(self, page: str = "draft", **query: str) -> str:
        target = self.place.url(page, draft=self.draft.pk)
        return f"{target}?{urlencode(query)}" if query else target

    def change(self, request: HttpRequest, change: Callable[[Document], None], summary: str) -> None:
        """Raises EditRefused, DraftModified, DraftUnknown."""
        self.replace(request, edited(self.document, change), summary)

    def replace(self, request: HttpRequest, document: Document, summary: str) -> None:
        try:
            text = jsonio.dumps(document).decode()
            change_draft(self.place.doer(), self.draft, seen_by(request), text, summary)
        except DraftTooLarge:
            raise EditRefused(_("A workflow of this size cannot be changed here: import it.")) from None


def seen_by(request: HttpRequest) -> int:
    """The version of the draft that the form was made from; 0 is none."""
    sent = request.POST.get("seen", "")
    return int(sent) if sent.isdecimal() and len(sent) < 10 else 0


def on_draft(view: Callable[..., HttpResponse]) -> Page:
    """A page of one draft, called with the request and the Bench. A change of another version is shown as such."""

    @in_environment(Action.CONFIGURE)
    @wraps(view)
    def page(request: HttpRequest, place: Place, draft: UUID, **values: Any) -> HttpResponse:
        try:
            bench = _bench(place, draft)
            try:
                return view(request, bench, **values)
            except DraftModified:
                return _conflict(request, _bench(place, draft))
        except DraftUnknown:
            raise Http404 from None

    return page


def _bench(place: Place, draft_id: UUID) -> Bench:
    """The draft as it is now. Raises DraftUnknown."""
    draft = draft_of(place.environment, draft_id)
    return Bench(place=place, draft=draft, revision=revision_of(draft))


def _conflict(request: HttpRequest, bench: Bench) -> HttpResponse:
    """What was sent is kept, so that it can be sent again for the draft as it is now."""
    sent = [(name, value) for name in request.POST for value in request.POST.getlist(name)]
    kept = [(name, value) for name, value in sent if name not in ("seen", "csrfmiddlewaretoken")]
    return show_bench(request, bench, "console/workflow_draft_conflict.html", status=409, kept=kept)


def show_bench(
    request: HttpRequest, bench: Bench, template: str, status: int = 200, **context: Any
) -> HttpResponse:  # fmt: skip
    """A page of a draft, with what is wrong with it now."""
    numbers = DraftRevision.objects.filter(draft=bench.draft).values_list("number", flat=True)
    author = bench.revision.author
    names = names_of(bench.place.organisation, [author])
    issues: list[ShownIssue] = context.pop("issues") if "issues" in context else issues_of(bench)
    given = {
        "bench": bench,
        "draft": bench.draft,
        "document": bench.document,
        "author": names.get(author, _("somebody who has left")),
        "issues": issues,
        "issue_counts": Counter(issue.severity for issue in issues),
        "can_undo": bench.draft.position - 1 in numbers,
        "can_redo": bench.draft.position + 1 in numbers,
    }
    return show(request, bench.place, template, status=status, **{**given, **context})


def check(bench: Bench, document: Document, mode: str = "MERGE", *, allow_cycles: bool = False) -> dict[str, Any]:
    """What the API says of importing the document."""
    body = jsonio.dumps({"importMode": mode, "allowCycles": allow_cycles, "workflows": [document]})
    return bench.place.api.send("POST", "model", *bench.model, "workflow", "check", body=body)


def issues_of(bench: Bench) -> list[ShownIssue]:
    return [shown_issue(bench, issue) for issue in check(bench, bench.document)["issues"]]


def shown_issue(bench: Bench, issue: dict[str, str]) -> ShownIssue:
    pointer = issue["pointer"].removeprefix(ROOT) if issue["pointer"].startswith(ROOT) else ""
    name = bench.document.get("name", "")
    return ShownIssue(
        severity=issue["severity"],
        text=issue["message"].removeprefix(f'workflow "{name}"').removeprefix(":").strip(),
        pointer=pointer,
        form_url=_form_url(bench, pointer),
        json_url=bench.url("draft_json", at=pointer),
    )


def _form_url(bench: Bench, pointer: str) -> str:
    part = _PART.fullmatch(pointer)
    owner, member = (part[1] or "", part[2]) if part else ("", "")
    if member == "/criterion" or member.startswith("/criterion/"):
        return bench.url("draft_criterion", at=owner, focus=member.removeprefix("/criterion"))
    if not owner and member in ("", "/states"):
        return bench.url()
    name = "/".join(segments(member))
    return bench.url("draft_part", at=owner, focus=_FIELDS.get(name, name))


def what_changed(bench: Bench, number: int) -> Any:
    """The difference that a revision of the draft made to the one before."""
    before = DraftRevision.objects.filter(draft=bench.draft, number=number - 1).first()
    after = revision_of(bench.draft, number)
    old = None if before is None else jsonio.parse(before.document.encode())
    return one_change(old, jsonio.parse(after.document.encode()))
