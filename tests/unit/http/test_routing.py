"""Routing and authentication order (contract: entities 1.1, 1.2, 1.9)."""

from __future__ import annotations

import httpx
import pytest

from cyoda.http.request import ApiRequest
from cyoda.http.response import Response
from cyoda.http.router import Route, Router
from cyoda.telemetry import request_ids
from tests.unit.http.conftest import Observed, application, client_of

UNAUTHORIZED = (
    b'{"type":"about:blank","title":"Unauthorized","status":401,"detail":"UNAUTHORIZED: authentication failed",'
    b'"instance":"/entity/x","properties":{"errorCode":"UNAUTHORIZED"}}'
)


async def test_a_path_parameter_is_decoded_and_may_contain_a_slash_or_a_space(api: httpx.AsyncClient) -> None:
    answer = (await api.get("/api/entity/a%2Fb%20c%C3%A9%25/1")).json()
    assert answer["values"] == {"entityName": "a/b cé%", "modelVersion": "1"}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/entity/stats", {}),
        ("/entity/other", {"entityId": "other"}),
        ("/entity/stats/states", {}),
        ("/entity/stats/1", {"entityName": "stats", "modelVersion": "1"}),
        ("/entity/x/changes", {"entityId": "x"}),
        ("/entity/changes/x", {"entityName": "changes", "modelVersion": "x"}),
    ],
)
async def test_a_literal_segment_beats_a_parameter_and_falls_back_to_it(
    api: httpx.AsyncClient, path: str, values: dict[str, str]
) -> None:
    assert (await api.get(f"/api{path}")).json()["values"] == values


async def test_a_route_of_another_method_does_not_hide_a_less_literal_one_of_the_right_method(
    api: httpx.AsyncClient,
) -> None:
    answer = await api.delete("/api/entity/stats/states")
    assert answer.json()["values"] == {"entityName": "stats", "modelVersion": "states"}


@pytest.mark.parametrize("path", ["/api/nowhere", "/api/entity/x/1/", "/api/model", "/api/entity//1", "/api", "/api/"])
async def test_an_unknown_path_is_a_plain_text_404_with_a_token_and_401_without(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    known = await api.get(path)
    assert (known.status_code, known.text) == (404, "404 page not found")
    assert known.headers["content-type"].startswith("text/plain")
    assert (await anonymous.get(path)).status_code == 401


async def test_a_known_path_with_another_method_is_an_empty_405(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient
) -> None:
    answer = await api.put("/api/entity/x")
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (405, b"", "GET")
    assert (await anonymous.put("/api/entity/x")).status_code == 401


async def test_a_trailing_slash_counts(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/model/")).status_code == 200


async def test_head_is_answered_like_get(api: httpx.AsyncClient) -> None:
    assert (await api.head("/api/entity/x")).status_code == 200


@pytest.mark.parametrize("path", ["/api/entity/%ff", "/api/entity/a%00b"])
async def test_a_segment_that_cannot_be_a_name_is_400_with_a_token_and_401_without(
    api: httpx.AsyncClient, anonymous: httpx.AsyncClient, path: str
) -> None:
    answer = await api.get(path)
    assert (answer.status_code, answer.json()["properties"]["errorCode"]) == (400, "BAD_REQUEST")
    assert (await anonymous.get(path)).status_code == 401


async def test_every_missing_or_bad_token_gets_the_same_bytes(observed: Observed) -> None:
    app = application(observed=observed)
    bodies: set[bytes] = set()
    for header in (None, "Bearer bad", "bearer good", "Basic good", ""):
        async with client_of(app, token=None) as client:
            headers = {} if header is None else {"Authorization": header}
            answer = await client.get("/api/entity/x", headers=headers)
        assert answer.status_code == 401
        bodies.add(answer.content)
    assert bodies == {UNAUTHORIZED}


async def test_a_public_route_needs_no_token_and_knows_no_principal(anonymous: httpx.AsyncClient) -> None:
    assert (await anonymous.get("/api/open")).json() is False


async def test_what_lies_outside_the_context_path_goes_to_the_pages(anonymous: httpx.AsyncClient) -> None:
    for path in ("/", "/admin/", "/apis/x", "/entity/x"):
        assert (await anonymous.get(path)).text == f"a page at {path}"


async def test_without_a_context_path_the_pages_get_what_no_route_knows(observed: Observed) -> None:
    async with client_of(application(observed=observed, context_path="")) as client:
        assert (await client.get("/entity/x")).json()["path"] == "/entity/x"
        assert (await client.get("/admin/")).text == "a page at /admin/"
        assert (await client.put("/entity/x")).status_code == 405


async def test_a_context_path_may_have_several_segments_and_a_trailing_slash(observed: Observed) -> None:
    async with client_of(application(observed=observed, context_path="/cloud/v1/")) as client:
        assert (await client.get("/cloud/v1/entity/x")).json()["path"] == "/entity/x"


@pytest.mark.parametrize(("is_healthy", "status", "body"), [(True, 200, "UP"), (False, 503, "DOWN")])
async def test_health_is_public(observed: Observed, is_healthy: bool, status: int, body: str) -> None:
    async with client_of(application(observed=observed, is_healthy=is_healthy), token=None) as client:
        answer = await client.get("/api/health")
        assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (
            status,
            {"status": body},
            "application/json",
        )
        assert (await client.post("/api/health")).status_code == 404


async def test_requests_are_metered_by_template(api: httpx.AsyncClient, observed: Observed) -> None:
    await api.get("/api/entity/x/1")
    await api.get("/api/nowhere")
    await api.request("BREW", "/api/entity/x/1")
    assert observed == [
        ("GET", "/entity/{entityName}/{modelVersion}", 200),
        ("GET", "unmatched", 404),
        ("OTHER", "unmatched", 405),
    ]


def test_two_routes_for_one_request_are_refused_at_start() -> None:
    async def handler(request: ApiRequest) -> Response:
        return Response(200)

    with pytest.raises(ValueError, match=r"two routes answer GET /a/\{y\}"):
        Router([Route("GET", "/a/{x}", handler), Route("GET", "/a/{y}", handler)])


async def test_no_answer_is_taken_for_another_type_than_it_says(api: httpx.AsyncClient) -> None:
    for path in ("/api/entity/1", "/api/nothing", "/api/fail", "/api/lines/3", "/api/health"):
        assert (await api.get(path)).headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(("given", "is_kept"), [("my-request.7", True), ("x" * 101, False), ("a b", False)])
async def test_a_request_has_the_id_its_caller_gives_or_one_of_its_own(
    api: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, given: str, is_kept: bool
) -> None:
    answer = await api.get("/api/fail", headers={"X-Request-Id": given})
    assert answer.headers.get("x-request-id") == (given if is_kept else None)
    written = request_ids.current()
    assert (written == given) is is_kept
    assert len(written) == (len(given) if is_kept else 32)
    assert request_ids.add_request_id(None, "", {"event": "x"})["request_id"] == written
    await api.get("/api/entity/1")
    assert request_ids.current() not in ("", written)
    assert "x-request-id" not in (await api.get("/api/entity/1")).headers
