"""`/openapi.json`, `/docs` and the help pages (contract: entities 1.1)."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from pathlib import Path

import httpx
import pytest

from cyoda import __version__
from cyoda.errors import EntityNotFound
from cyoda.http import error_reference
from cyoda.http.documentation import STATIC, Documentation
from cyoda.http.help import FOLDER, help_routes, topics
from cyoda.http.openapi import openapi_document
from cyoda.http.operation import operation, operation_of, query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response
from cyoda.http.router import Route
from tests.unit.http.conftest import django

ROOT = Path(__file__).resolve().parents[3]


@operation("Do a thing", query("n", int, "How many."), body=int, answer=list[str], errors=[EntityNotFound])
async def do_thing(request: ApiRequest) -> Response:
    """More about it."""
    return Response(200)


def document() -> dict[str, object]:
    routes = [
        Route("GET", "/thing/{thingId}", do_thing, operation=operation_of(do_thing)),
        Route("GET", "/thing/{thingId}/{part}", do_thing, operation=operation_of(do_thing)),
        Route("GET", "/hidden", do_thing),
        *help_routes(),
    ]
    return openapi_document(routes, path_types={"thingId": int})


def client(context_path: str = "/api") -> httpx.AsyncClient:
    app = Documentation(document, context_path=context_path, fallback=django)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node:8080")


async def test_the_document_names_the_server_that_was_asked() -> None:
    async with client() as http:
        answer = await http.get("/openapi.json")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["servers"] == [{"url": "http://node:8080/api"}]
        behind = await http.get("/openapi.json", headers={"Host": "cyoda.example", "X-Forwarded-Proto": "https"})
        assert behind.json()["servers"] == [{"url": "https://cyoda.example/api"}]
    async with client("") as http:
        assert (await http.get("/openapi.json")).json()["servers"] == [{"url": "http://node:8080"}]


async def test_what_is_no_documentation_goes_to_the_pages() -> None:
    async with client() as http:
        for path in ("/", "/docs/", "/docs/../secret", "/docs/other.js", "/openapi.json/x"):
            assert (await http.get(path)).text.startswith("a page at")
        assert (await http.post("/openapi.json")).text.startswith("a page at")


def test_an_operation_is_made_of_its_declaration() -> None:
    paths = json.loads(json.dumps(document()))["paths"]
    one, other = paths["/thing/{thingId}"]["get"], paths["/thing/{thingId}/{part}"]["get"]
    assert (one["operationId"], other["operationId"]) == ("doThing", "doThingWithPart")
    assert (one["summary"], one["description"]) == ("Do a thing", "More about it.")
    assert one["parameters"] == [
        {"name": "thingId", "in": "path", "required": True, "schema": {"type": "integer"}},
        {"name": "n", "in": "query", "required": False, "schema": {"type": "integer"}, "description": "How many."},
    ]
    assert one["requestBody"] == {"required": True, "content": {"application/json": {"schema": {"type": "integer"}}}}
    assert set(one["responses"]) == {"200", "400", "401", "404", "413", "429", "500"}
    assert "ENTITY_NOT_FOUND" in one["responses"]["404"]["description"]
    assert "/hidden" not in paths


def test_public_operations_need_no_token() -> None:
    listing = json.loads(json.dumps(document()))["paths"]["/help"]["get"]
    assert listing["security"] == []
    assert "401" not in listing["responses"]


async def test_the_page_loads_only_from_this_server_and_its_policy_says_so() -> None:
    async with client() as http:
        page = await http.get("/docs")
        assert page.headers["content-type"].startswith("text/html")
        policy = page.headers["content-security-policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
        assert [url for url in loaded if not url.startswith(("/", "data:,"))] == []
        assert "<style" not in page.text
        assert re.search(r"<script(?! src)|\son\w+=|\sstyle=", page.text) is None
        for url in (url for url in loaded if url.startswith("/")):
            assert (await http.get(url)).status_code == 200, url


@pytest.mark.parametrize("package", ["codemirror", "dagre", "idiomorph", "swagger-ui", "tabler"])
def test_vendored_files_are_those_that_were_recorded(package: str) -> None:
    folder = STATIC / "vendor" / package
    recorded = json.loads((folder / "VENDORED.json").read_text())
    for name, digest in recorded["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest, name
    assert (folder / "LICENSE").exists()


def test_the_version_is_that_of_the_project() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == __version__


# --- help -------------------------------------------------------------------------------------------------------


def test_every_topic_has_a_title_and_a_summary() -> None:
    assert {"models", "entities", "transitions", "search", "statistics", "workflows", "compute-nodes"} <= set(topics())
    for topic in topics().values():
        assert topic.title, topic
        assert topic.summary.endswith("."), topic.topic
        assert len(topic.summary) < 200, topic.topic


def test_links_between_topics_lead_somewhere() -> None:
    for topic in topics().values():
        for target in re.findall(r"\]\(([^)]+)\)", topic.body):
            assert target in topics(), f"{topic.topic} links to {target}"


def test_the_page_of_all_errors_is_current() -> None:
    page = (FOLDER / "errors.md").read_text(encoding="utf-8")
    assert page == error_reference.markdown(), "run `make error-docs`"


def test_every_error_says_what_it_means() -> None:
    silent = [kind.__name__ for kind in error_reference.documented_errors() if not (kind.__doc__ or "").strip()]
    assert silent == []
