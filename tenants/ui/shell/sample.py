"""The sample of a new environment: orders with a workflow, put there as a program of its reader would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from cyoda.permissions import Action
from tenants.ui.console.counts import Counted, counted_models
from tenants.ui.console.place import Place, in_environment

MODEL = ("order", 1)
WORKFLOW = settings.BASE_DIR / "examples/orders/workflow.json"
ORDERS = 200
_CUSTOMERS = ("Ann Lee", "Bo Chen", "Cleo Ortiz", "Dev Patel", "Ewa Nowak", "Finn Berg", "Gia Rossi", "Hal Okoye")
_ITEMS = (("desk lamp", "24.90"), ("notebook", "3.20"), ("office chair", "189.00"), ("monitor arm", "79.50"))
_CITIES = ("Berlin", "Lagos", "Lima", "Oslo", "Pune")


@in_environment(Action.CONFIGURE)
@require_POST
def load(request: HttpRequest, place: Place) -> HttpResponse:
    """Does what is missing, so a second request goes on where the first one stopped."""
    _complete(place, next((each for each in counted_models(place) if (each.name, each.version) == MODEL), None))
    messages.success(request, _("The sample is there: 200 orders, a model and a workflow."))
    back = request.POST.get("next", "")
    return HttpResponseRedirect(
        back if url_has_allowed_host_and_scheme(back, allowed_hosts=None) else place.url("overview")
    )


def _complete(place: Place, present: Counted | None) -> None:
    """Raises Refused."""
    orders = list(_orders())
    if present is None:
        place.api.send("POST", "model", "import", "JSON", "SAMPLE_DATA", *MODEL, body=_body(orders[0]))
    if present is None or present.state != "LOCKED":
        place.api.send("PUT", "model", *MODEL, "lock")
    if present is None or not present.entities:
        place.api.send("POST", "model", *MODEL, "workflow", "import", body=WORKFLOW.read_bytes())
        place.api.send("POST", "entity", "JSON", *MODEL, body=_body(orders))


def _orders() -> Iterator[dict[str, Any]]:
    """The same ones each time: one in seven is large."""
    for number in range(ORDERS):
        item, price = _ITEMS[number % len(_ITEMS)]
        quantity = 1 + number % 5 + (10 if number % 7 == 0 else 0)
        yield {
            "number": 1000 + number,
            "customer": {"name": _CUSTOMERS[number % len(_CUSTOMERS)], "city": _CITIES[number % len(_CITIES)]},
            "item": item,
            "quantity": quantity,
            "unitPrice": float(price),
            "total": round(quantity * float(price), 2),
            "express": number % 3 == 0,
        }


def _body(document: Any) -> bytes:
    return json.dumps(document).encode()
