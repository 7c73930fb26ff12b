"""What a program needs to use an environment: addresses, and first lines in several languages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from tenants.ui.console.place import Place, in_environment, show

_ENVIRONMENT_FILE = """\
CYODA_API_URL={api}
CYODA_TOKEN_URL={token}
CYODA_GRPC_TARGET={grpc}
CYODA_CLIENT_ID=
CYODA_CLIENT_SECRET="""
_CURL = """\
TOKEN=$(curl -s -u "$CYODA_CLIENT_ID:$CYODA_CLIENT_SECRET" -d grant_type=client_credentials {token} \\
  | python3 -c 'import json,sys; print(json.load(sys.stdin)["access_token"])')
curl -H "Authorization: Bearer $TOKEN" {api}/model/"""
_PYTHON = """\
from cyoda_member import Member

member = Member(tags=["orders"])


@member.processor("price")
def price(order):
    return order | {{"total": order["quantity"] * order["unitPrice"]}}


member.run()  # with the variables of the environment file"""
_JAVA = """\
var form = HttpRequest.BodyPublishers.ofString("grant_type=client_credentials");
var basic = Base64.getEncoder().encodeToString((clientId + ":" + clientSecret).getBytes());
var asked = HttpRequest.newBuilder(URI.create("{token}"))
    .header("Authorization", "Basic " + basic)
    .header("Content-Type", "application/x-www-form-urlencoded").POST(form).build();
var answer = HttpClient.newHttpClient().send(asked, HttpResponse.BodyHandlers.ofString());
// answer.body(): {{"access_token": …}}; use it as Authorization: Bearer … for {api}"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where programs reach this installation."""

    api: str
    token: str
    grpc: str


@dataclass(frozen=True, slots=True)
class Snippet:
    name: str
    title: str
    about: str
    text: str


@in_environment()
@require_safe
def connect(request: HttpRequest, place: Place) -> HttpResponse:
    found = addresses(request)
    return show(request, place, "console/connect.html", addresses=found, snippets=list(_snippets(found)))


def addresses(request: HttpRequest) -> Addresses:
    """By the host that the reader's browser uses."""
    api = request.build_absolute_uri(settings.CONF.http.context_path or "/").rstrip("/")
    host = urlsplit(api).hostname or ""
    return Addresses(api, f"{api}/oauth/token", f"{f'[{host}]' if ':' in host else host}:{settings.CONF.grpc.port}")


def _snippets(found: Addresses) -> Iterator[Snippet]:
    values = {"api": found.api, "token": found.token, "grpc": found.grpc}
    texts = (
        (
            "env",
            _("Environment file"),
            _("For your program; keep the secret out of version control."),
            _ENVIRONMENT_FILE,
        ),
        ("curl", "curl", _("A token, and a first question with it."), _CURL),
        ("python", "Python", _("A member, with the library of clients/python."), _PYTHON),
        ("java", "Java", _("A token with what Java 11 brings; clients/java has a whole member."), _JAVA),
    )
    for name, title, about, text in texts:
        yield Snippet(name, title, about, text.format(**values))
