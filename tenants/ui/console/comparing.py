"""Two versions of an entity beside each other: what is different, by path."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from tenants.ui.console.documents import differences
from tenants.ui.console.place import Place, in_environment, show


@in_environment()
@require_safe
def compare(request: HttpRequest, place: Place, entity_id: UUID) -> HttpResponse:
    """`from` and `to` are transactions of the entity; without `to` the newest version."""
    before = place.api.get("entity", entity_id, transactionId=request.GET.get("from", ""))
    after = place.api.get("entity", entity_id, transactionId=request.GET.get("to") or None)
    changes = differences(before["data"], after["data"])
    return show(
        request, place, "console/entity_compare.html", before=before["meta"], after=after["meta"], changes=changes
    )
