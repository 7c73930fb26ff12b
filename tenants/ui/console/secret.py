"""The one page that shows a secret: in the answer that made it, kept by nobody, at no address of its own."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse

from tenants.ui.console.place import House, show


def show_secret(
    request: HttpRequest, where: House, client_id: str, secret: str, *, title: str, onward: str
) -> HttpResponse:
    return show(request, where, "console/secret.html", client_id=client_id, secret=secret, title=title, onward=onward)
