"""The one page that shows a secret: in the answer that made it, kept by nobody, at no address of its own."""

from __future__ import annotations

import re

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_POST

from cyoda.permissions import Action
from tenants.ui.console.place import House, Place, in_environment, show

_MADE_HERE = re.compile(r"[\w-]{1,200}", re.ASCII)
"""Ids and secrets that the platform makes."""


@sensitive_variables("secret")
def show_secret(
    request: HttpRequest, where: House, client_id: str, secret: str, *, environment: str, title: str, onward: str
) -> HttpResponse:
    """`environment` is the name of the one that the client is for, which may be about to be made."""
    values = {"tenant": where.slug, "name": environment, "client_id": client_id}
    return show(
        request, where, "console/secret.html", client_id=client_id, secret=secret, title=title, onward=onward,
        environment=environment, env_url=reverse("console:client_env", kwargs=values),
    )  # fmt: skip


@in_environment(Action.MANAGE_CLIENTS, open_only=False)
@sensitive_post_parameters("secret")
@require_POST
def env_file(request: HttpRequest, place: Place, client_id: str) -> HttpResponse:
    """The secret that the page before showed, given back as a file for a program's environment."""
    secret = request.POST.get("secret", "")
    if not (_MADE_HERE.fullmatch(client_id) and _MADE_HERE.fullmatch(secret)):
        return HttpResponseBadRequest()
    api = request.build_absolute_uri(settings.CONF.http.context_path or "/").rstrip("/")
    values = {
        "CYODA_API_URL": api,
        "CYODA_TOKEN_URL": f"{api}/oauth/token",
        "CYODA_CLIENT_ID": client_id,
        "CYODA_CLIENT_SECRET": secret,
    }
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    answer = HttpResponse(lines, content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{place.environment.name}.env"'
    return answer
