"""Two versions of an entity beside each other, by field or line by line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from cyoda import jsonio
from tenants.ui.console.differing import differences, text_differences
from tenants.ui.console.documents import indented, meta_of, raw_data_of
from tenants.ui.console.place import Place, in_environment, show

MOST_SHOWN = 2_000
VIEWS = ("tree", "raw")


@in_environment()
@require_safe
def compare(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    """`from` and `to` are transactions of the entity; without `to` the newest version. `v` twice is any two of them."""
    ticked = request.GET.getlist("v")
    if ticked and len(ticked) != 2:
        messages.error(request, _("Tick two versions to compare them."))
        return HttpResponseRedirect(place.url("entity_tab", entity_id=entity_id, tab="history"))
    names = ticked or [request.GET.get("from", ""), request.GET.get("to", "")]
    before, after = (_version(place, entity_id, name or None) for name in names)
    if ticked and before.meta["lastUpdateTime"] > after.meta["lastUpdateTime"]:
        before, after = after, before
    view = request.GET.get("as", "") if request.GET.get("as") in VIEWS else VIEWS[0]
    everything = request.GET.get("show") == "all"
    context: dict[str, Any] = {"before": before.meta, "after": after.meta, "view": view, "everything": everything}
    context["links"] = _links(context)
    context |= _compared(before, after, view, everything=everything)
    return show(request, place, "console/entity_compare.html", **context)


@dataclass(frozen=True, slots=True)
class _Version:
    meta: dict[str, Any]
    raw: bytes

    @property
    def data(self) -> Any:
        return jsonio.parse(self.raw)


def _version(place: Place, entity_id: UUID, transaction_id: str | None) -> _Version:
    body = place.api.answer("entity", entity_id, transactionId=transaction_id).body
    return _Version(meta_of(body), raw_data_of(body))


def _compared(before: _Version, after: _Version, view: str, *, everything: bool) -> dict[str, Any]:
    if view == "raw":
        return {"text": text_differences(indented(before.raw), indented(after.raw), everything=everything)}
    found = differences(before.data, after.data, everything=everything, most=MOST_SHOWN + 1)
    return {"changes": found[:MOST_SHOWN], "is_cut": len(found) > MOST_SHOWN}


def _links(context: dict[str, Any]) -> dict[str, str]:
    """The same two versions seen otherwise."""
    now = {
        "from": context["before"]["transactionId"],
        "to": context["after"]["transactionId"],
        "as": context["view"],
        "show": "all" if context["everything"] else "changed",
    }
    others = {
        "tree": {"as": "tree"}, "raw": {"as": "raw"}, "changed": {"show": "changed"}, "all": {"show": "all"},
        "swapped": {"from": now["to"], "to": now["from"]},
    }  # fmt: skip
    return {name: f"?{urlencode({**now, **other})}" for name, other in others.items()}
