"""Workflows taken in as JSON, after what it would change was shown, and given out as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_safe

from cyoda import jsonio
from cyoda.errors import WorkflowsModified
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.counts import one_model
from tenants.ui.console.documents import indented
from tenants.ui.console.editing import CODE, json_text
from tenants.ui.console.place import Place, in_environment, show
from tenants.ui.console.segments import NameConverter
from tenants.ui.console.workflows.differences import SAME, WorkflowChange, changes
from tenants.ui.console.workflows.drafting import newest

NAMES = NameConverter()
MAX_FILE_BYTES = 10 * 1024 * 1024
MODES = (
    ("MERGE", lazy("MERGE: those of the same name are replaced, the others stay")),
    ("REPLACE", lazy("REPLACE: all others are removed")),
    ("ACTIVATE", lazy("ACTIVATE: all others are put out of force")),
)
BEGINNING = """[
  {
    "version": "1.3",
    "name": "first",
    "initialState": "NEW",
    "active": true,
    "states": {
      "NEW": {"transitions": [{"name": "finish", "next": "DONE", "manual": true}]},
      "DONE": {}
    }
  }
]"""


class ImportForm(forms.Form):
    """`seen` is the version of the workflows that the difference was shown of."""

    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)
    mode = forms.ChoiceField(label=lazy("What happens to the workflows that are there"), choices=MODES)
    cycles = forms.BooleanField(
        label=lazy("Allow loops that nothing guards"), required=False,
        help_text=lazy("Otherwise transitions that are taken by themselves may not lead in a circle."),
    )  # fmt: skip
    file = forms.FileField(label=lazy("A file"), required=False, help_text=lazy("Instead of the text below."))
    workflows = forms.CharField(
        label=lazy("Workflows"), strip=False, required=False, widget=forms.Textarea(CODE),
        help_text=lazy("A JSON array of workflows, one workflow, or an export."),
    )  # fmt: skip

    _clean_json = json_text("workflows")

    def clean_file(self) -> Any:
        sent = self.cleaned_data["file"]
        if sent is not None and sent.size > MAX_FILE_BYTES:
            raise forms.ValidationError(_("The file is larger than 10 MiB."))
        return sent

    def clean_workflows(self) -> str:
        """Of the file, if there is one. Exports and single workflows become an array."""
        sent = self.cleaned_data.get("file")
        if sent is not None:
            self.cleaned_data["workflows"] = sent.read().decode("utf-8", "replace")
        text = self._clean_json()
        value = jsonio.parse(text.encode())
        if isinstance(value, dict):
            inner = msgspec.json.decode(text, type=dict[str, msgspec.Raw]).get("workflows")
            return f"[{text}]" if inner is None else bytes(inner).decode()
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One workflow of the text, or of the model: what becomes of it, and what is wrong with it."""

    change: WorkflowChange
    issues: list[dict[str, str]]


@in_environment(Action.CONFIGURE)
@require_http_methods(["GET", "POST"])
def import_workflows(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """First what it would change, workflow by workflow; then the import of it, unless others imported meanwhile."""
    found = one_model(place, model, version)
    number, present = newest(place, model, version)
    initial = {"mode": "REPLACE" if present else "MERGE", "workflows": _text(place, model, version, present)}
    form = ImportForm(request.POST or None, request.FILES or None, initial=initial)
    context: dict[str, Any] = {"model": found, "form": form, "number": number}
    status = 200
    if form.is_valid():
        text = form.cleaned_data["workflows"]
        body = _body(form, text)
        if "import" in request.POST and form.cleaned_data["seen"] == number:
            answer = _imported(request, place, found, body, number, form)
            if answer is not None:
                return answer
        is_stale = "import" in request.POST and form.cleaned_data["seen"] != number
        checked = place.api.send("POST", "model", model, version, "workflow", "check", body=body)
        items, others = _items(jsonio.parse(text.encode()), present, checked)
        context |= {"items": items, "others": others, "valid": checked["valid"], "is_stale": is_stale, "text": text}
        status = 409 if is_stale else 200
    return show(request, place, "console/workflow_import.html", status=status, **context)


def _text(place: Place, model: str, version: int, present: list[Any]) -> str:
    if not present:
        return BEGINNING
    exported = place.api.answer("model", model, version, "workflow", "export").body
    return indented(bytes(msgspec.json.decode(exported, type=_Export).workflows))


class _Export(msgspec.Struct):
    workflows: msgspec.Raw


def _body(form: ImportForm, text: str) -> bytes:
    given = msgspec.Raw(text.encode())
    return jsonio.dumps({
        "importMode": form.cleaned_data["mode"], "allowCycles": form.cleaned_data["cycles"], "workflows": given
    })  # fmt: skip


def _imported(
    request: HttpRequest, place: Place, model: Any, body: bytes, number: int, form: ImportForm
) -> HttpResponse | None:  # fmt: skip
    """None when it was refused: the form says why."""
    key = (model.name, model.version)
    try:
        place.api.send("POST", "model", *key, "workflow", "import", body=body, seen=str(number))
    except Refused as refusal:
        if refusal.code != WorkflowsModified.code:
            form.add_error("workflows", refusal.detail)
        return None
    messages.success(request, _("The workflows are imported and in force."))
    return HttpResponseRedirect(place.url("model_tab", model=model.name, version=model.version, tab="workflows"))


def _items(sent: Any, present: list[Any], checked: dict[str, Any]) -> tuple[list[Item], list[Any]]:
    """The workflows of the text, whole or not, and what becomes of the others of the model."""
    issues: list[dict[str, str]] = checked["issues"]
    after = checked.get("workflows")
    by_name = {change.name: change for change in changes(present, after)} if after is not None else {}
    items: list[Item] = []
    for index, workflow in enumerate(sent if isinstance(sent, list) else [sent]):
        name = workflow.get("name", "") if isinstance(workflow, dict) else ""
        mine = [each for each in issues if f"{each['pointer']}/".startswith(f"/workflows/{index}/")]
        change = by_name.pop(name, None) or WorkflowChange(name=str(name) or f"#{index + 1}", kind="refused")
        items.append(Item(change=change, issues=mine))
    of_none = [each for each in issues if not each["pointer"].startswith("/workflows/")]
    if of_none:
        items.append(Item(change=WorkflowChange(name="", kind="refused"), issues=of_none))
    return items, [change for change in by_name.values() if change.kind != SAME]


@in_environment()
@require_safe
def export(request: HttpRequest, place: Place) -> HttpResponse:
    """Of one model as the API exports it, byte by byte; several are an array. Each `w` has a model's version, its
    name, and a workflow's name (none: all of them), with slashes between that names escape (segments)."""
    chosen: dict[tuple[str, int], set[str]] = {}
    for each in request.GET.getlist("w"):
        version, model, workflow = [*each.split("/"), "", ""][:3]
        if version.isdecimal() and len(version) < 11:
            key = (NAMES.to_python(model), int(version))
            chosen.setdefault(key, set()).add(NAMES.to_python(workflow))
    bodies = [_exported(place, key, names) for key, names in chosen.items()]
    if not bodies:
        messages.error(request, _("Choose the workflows to export first."))
        return HttpResponseRedirect(place.url("workflows"))
    body = bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]"
    answer = HttpResponse(body, content_type="application/json")
    answer["Content-Disposition"] = 'attachment; filename="workflows.json"'
    return answer


class _Named(msgspec.Struct):
    name: str


def _exported(place: Place, key: tuple[str, int], names: set[str]) -> bytes:
    body = place.api.answer("model", *key, "workflow", "export").body
    if "" in names:
        return body
    texts = msgspec.json.decode(bytes(msgspec.json.decode(body, type=_Export).workflows), type=list[msgspec.Raw])
    kept = [text for text in texts if msgspec.json.decode(bytes(text), type=_Named).name in names]
    if len(kept) == len(texts):
        return body
    return jsonio.dumps({"entityName": key[0], "modelVersion": key[1], "workflows": kept})
