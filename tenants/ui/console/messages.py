"""Edge messages of an environment: the last ones, one by its id, a new one."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django import forms
from django.contrib import messages as notes
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_safe

from cyoda import jsonio
from cyoda.permissions import Action
from tenants.ui.console.api import Refused
from tenants.ui.console.confirming import confirmation
from tenants.ui.console.place import Place, in_environment, show, show_form

PAGE_ROWS = 50
SHOWN_BYTES = 64 * 1024
"""Of a payload on its page; the whole of it is to be downloaded."""
_CODE = forms.Textarea({"class": "code", "rows": 10, "spellcheck": "false"})


class JsonText(forms.CharField):
    """A JSON text, which stays as it was written."""

    def clean(self, value: Any) -> str:
        text: str = super().clean(value)
        try:
            jsonio.parse(text or "{}")
        except jsonio.InvalidJson as error:
            raise forms.ValidationError(_("This is no JSON: %(why)s.") % {"why": error}) from None
        return text


class MetaData(JsonText):
    def clean(self, value: Any) -> str:
        text = super().clean(value)
        if text and not isinstance(jsonio.parse(text), dict):
            raise forms.ValidationError(_("This must be a JSON object."))
        return text


class MessageForm(forms.Form):
    subject = forms.CharField(
        label=lazy("Subject"), max_length=256, widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"})
    )
    payload = JsonText(label=lazy("Payload (JSON)"), widget=_CODE, initial='{\n  "orderNo": 7\n}')
    metadata = MetaData(
        label=lazy("Metadata (a flat JSON object)"), required=False, initial="{}",
        widget=forms.Textarea({"class": "code", "rows": 4, "spellcheck": "false"}),
    )  # fmt: skip


@in_environment()
@require_safe
def message_list(request: HttpRequest, place: Place) -> HttpResponse:
    """The newest first; with `id` one message is looked up."""
    wanted = request.GET.get("id", "").strip()
    is_no_id = False
    if wanted:
        try:
            return HttpResponseRedirect(place.url("message", message_id=UUID(wanted)))
        except ValueError:
            is_no_id = True
    after = request.GET.get("after", "")
    page = place.api.get("messages", limit=PAGE_ROWS, cursor=after or None)
    context = {"page": page, "after": after, "wanted": wanted, "is_no_id": is_no_id}
    return show(request, place, "console/messages.html", **context, status=400 if is_no_id else 200)


@in_environment()
@require_safe
def message(request: HttpRequest, place: Place, message_id: UUID) -> HttpResponse:
    """Its header and metadata, and its payload as far as it is short."""
    header, metadata, content = _parts(place, message_id)
    is_cut = len(content) > SHOWN_BYTES
    payload = content[:SHOWN_BYTES] if is_cut else msgspec.json.format(content, indent=2)
    context: dict[str, Any] = {
        "message_id": message_id,
        "header": header,
        "metadata": {name: jsonio.dumps(value).decode() for name, value in metadata.items()},
        "payload": payload.decode(errors="replace"),
        "size": len(content),
        "is_cut": is_cut,
    }
    return show(request, place, "console/message.html", **context)


@in_environment()
@require_safe
def download(request: HttpRequest, place: Place, message_id: UUID) -> HttpResponse:
    """The payload as it was sent."""
    _header, _metadata, content = _parts(place, message_id)
    answer = HttpResponse(content, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{message_id}.json"'
    return answer


@in_environment(Action.WRITE)
@require_http_methods(["GET", "POST"])
def new_message(request: HttpRequest, place: Place) -> HttpResponse:
    form = MessageForm(request.POST or None)
    if form.is_valid():
        values = form.cleaned_data
        metadata = values["metadata"] or "{}"
        body = f'{{"payload":{values["payload"]},"metaData":{metadata}}}'.encode()
        try:
            (sent,) = place.api.send("POST", "message", "new", values["subject"], body=body)
        except Refused as refusal:
            form.add_error(None, refusal.detail)
        else:
            notes.success(request, _("The message is sent."))
            return HttpResponseRedirect(place.url("message", message_id=sent["entityIds"][0]))
    return show_form(
        request, place, form, title=_("New message"), button=_("Send it"), back=place.url("messages"),
        intro=_("A message is kept as it is sent, and never changes."),
    )  # fmt: skip


@in_environment(Action.DELETE)
@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, place: Place, message_id: UUID) -> HttpResponse:
    form = confirmation(request, place)
    if form.is_valid():
        place.api.send("DELETE", "message", message_id)
        notes.success(request, _("The message is deleted."))
        return HttpResponseRedirect(place.url("messages"))
    return show_form(
        request, place, form, title=_("Delete this message"), button=_("Delete it"),
        back=place.url("message", message_id=message_id), is_dangerous=True,
        intro=_("The message %(id)s is removed for good.") % {"id": message_id},
    )  # fmt: skip


class _Message(msgspec.Struct, rename="camel"):
    header: dict[str, Any]
    meta_data: msgspec.Raw
    content: msgspec.Raw


def _parts(place: Place, message_id: UUID) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """The header, the metadata, and the text of the payload."""
    found = msgspec.json.decode(place.api.answer("message", message_id).body, type=_Message)
    return found.header, jsonio.parse(bytes(found.meta_data)), bytes(found.content)
