"""CORS (contract: identity 17, checklist 10)."""

from __future__ import annotations

import httpx
import pytest

from cyoda.http.cors import Cors
from tests.unit.http.conftest import Observed, application, client_of

PREFLIGHT = {"Access-Control-Request-Method": "PUT"}


def asking(observed: Observed, *origins: str, enabled: bool = True) -> httpx.AsyncClient:
    return client_of(application(observed=observed, cors=Cors(origins, enabled=enabled)), token=None)


@pytest.mark.parametrize(
    "origin", ["http://localhost", "https://localhost:8443", "http://127.0.0.1:3000", "http://[::1]:5173"]
)
async def test_loopback_origins_are_echoed_by_default(observed: Observed, origin: str) -> None:
    async with asking(observed) as client:
        answer = await client.get("/api/health", headers={"Origin": origin})
    assert answer.headers["access-control-allow-origin"] == origin
    assert answer.headers["vary"] == "Origin"
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    ["http://example.com", "http://localhost.evil.com", "HTTP://localhost", "http://127.0.0.2", "null"],
)
async def test_other_origins_are_served_without_permission(observed: Observed, origin: str) -> None:
    async with asking(observed) as client:
        answer = await client.get("/api/health", headers={"Origin": origin})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


async def test_a_list_is_matched_exactly(observed: Observed) -> None:
    async with asking(observed, "https://app.example.com") as client:
        listed = await client.get("/api/health", headers={"Origin": "https://app.example.com"})
        other = await client.get("/api/health", headers={"Origin": "http://localhost"})
    assert listed.headers["access-control-allow-origin"] == "https://app.example.com"
    assert "access-control-allow-origin" not in other.headers


async def test_a_star_allows_everyone_with_a_star(observed: Observed) -> None:
    async with asking(observed, "*") as client:
        answer = await client.get("/api/health", headers={"Origin": "https://anywhere.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/api/entity/x", "/api/nowhere", "/api/health"])
async def test_a_preflight_is_204_before_authentication(observed: Observed, path: str) -> None:
    async with asking(observed) as client:
        answer = await client.options(path, headers={**PREFLIGHT, "Origin": "http://localhost:1"})
        foreign = await client.options(path, headers={**PREFLIGHT, "Origin": "http://example.com"})
    assert answer.status_code == foreign.status_code == 204
    assert answer.headers["access-control-allow-methods"] == "GET, POST, PUT, PATCH, DELETE, OPTIONS"
    allowed = set(answer.headers["access-control-allow-headers"].split(", "))
    assert {"Authorization", "Content-Type", "traceparent", "tracestate", "If-Match", "X-Requested-With"} <= allowed
    assert answer.headers["access-control-max-age"] == "86400"
    assert answer.headers["access-control-allow-origin"] == "http://localhost:1"
    assert "access-control-allow-origin" not in foreign.headers


async def test_options_without_the_preflight_headers_is_an_ordinary_request(observed: Observed) -> None:
    async with asking(observed) as client:
        assert (await client.options("/api/entity/x", headers={"Origin": "http://localhost"})).status_code == 401


async def test_vary_is_on_every_answer(observed: Observed) -> None:
    async with asking(observed) as client:
        for path in ("/api/health", "/api/entity/x"):
            assert (await client.get(path)).headers["vary"] == "Origin"


async def test_switched_off_there_are_no_headers_and_preflights_reach_the_router(observed: Observed) -> None:
    async with asking(observed, enabled=False) as client:
        answer = await client.options("/api/entity/x", headers={**PREFLIGHT, "Origin": "http://localhost"})
    assert answer.status_code == 401
    assert "vary" not in answer.headers
