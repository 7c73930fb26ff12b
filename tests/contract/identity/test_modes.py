"""Mock mode, what the settings refuse, and what is turned on a running node (contract: identity 1, 2, 12)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cyoda.conf import ConfError, load
from cyoda.telemetry import logs, sampling
from tests.contract.identity.conftest import Running, Start, problem

KEY_ENDPOINTS = [
    ("POST", "/oauth/keys/keypair"), ("GET", "/oauth/keys/keypair/current?audience=client"),
    ("DELETE", "/oauth/keys/keypair/k"), ("POST", "/oauth/keys/keypair/k/invalidate"),
    ("POST", "/oauth/keys/keypair/k/reactivate"),
]  # fmt: skip
TRUSTED_ENDPOINTS = [
    ("POST", "/oauth/keys/trusted"), ("GET", "/oauth/keys/trusted"), ("DELETE", "/oauth/keys/trusted/k"),
    ("POST", "/oauth/keys/trusted/k/invalidate"), ("POST", "/oauth/keys/trusted/k/reactivate"),
]  # fmt: skip
CLIENT_ENDPOINTS = [
    ("POST", "/clients"), ("GET", "/clients"), ("DELETE", "/clients/-"), ("PUT", "/clients/-/secret")
]  # fmt: skip
MOCK = {"CYODA_IAM_MODE": "mock"}
FORBIDDEN = (403, "FORBIDDEN: forbidden")


async def all_refused_as(node: Running, endpoints: list[tuple[str, str]], refusal: tuple[int, str]) -> None:
    for method, path in endpoints:
        answer = await node.admin.request(method, path, content=b"no JSON")
        assert problem(answer) == refusal, f"{method} {path}"


async def test_mock_mode_manages_nothing(start: Start) -> None:
    node = await start(**MOCK)
    await all_refused_as(node, KEY_ENDPOINTS, (501, "NOT_IMPLEMENTED: key management requires JWT IAM mode"))
    await all_refused_as(node, TRUSTED_ENDPOINTS, (404, "FEATURE_DISABLED: trusted-key registration is disabled"))
    await all_refused_as(node, CLIENT_ENDPOINTS, (501, "NOT_IMPLEMENTED: M2M client management requires JWT IAM mode"))
    assert problem(await node.admin.get("/oauth/keys/keypair/current"))[0] == 400
    assert problem(await node.admin.post("/clients?withAdminRole=x"))[0] == 400
    assert (await node.admin.get("/.well-known/jwks.json")).status_code == 404
    assert (await node.admin.post("/oauth/token")).status_code == 500
    assert (await node.admin.get("/account")).json()["userAccountInfo"]["userName"] == "Mock User"
    enabled = await start(**MOCK, CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED="true")
    await all_refused_as(
        enabled, TRUSTED_ENDPOINTS, (501, "NOT_IMPLEMENTED: trusted-key management requires JWT IAM mode")
    )


async def test_in_mock_mode_roles_are_asked_for_first(start: Start) -> None:
    node = await start(**MOCK, CYODA_IAM_MOCK_ROLES="ROLE_M2M")
    await all_refused_as(node, [*KEY_ENDPOINTS, *TRUSTED_ENDPOINTS, *CLIENT_ENDPOINTS], FORBIDDEN)
    for path in ("/admin/log-level", "/admin/trace-sampler"):
        assert problem(await node.admin.get(path)) == (403, "FORBIDDEN: admin role required")


JWT = {"CYODA_IAM_MODE": "jwt", "CYODA_JWT_SIGNING_KEY": "x"}


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"CYODA_REQUIRE_JWT": "true"}, "CYODA_IAM_MODE"),
        ({"CYODA_REQUIRE_JWT": "true", "CYODA_IAM_MODE": "jwt"}, "CYODA_JWT_SIGNING_KEY"),
        ({"CYODA_IAM_MODE": "jwt"}, "CYODA_JWT_SIGNING_KEY"),
        ({"CYODA_IAM_MODE": "open"}, "CYODA_IAM_MODE"),
        ({"CYODA_IAM_MOCK_KIND": "robot"}, "CYODA_IAM_MOCK_KIND"),
        (JWT | {"CYODA_BOOTSTRAP_CLIENT_ID": "b"}, "CYODA_BOOTSTRAP_CLIENT_ID"),
        (JWT | {"CYODA_BOOTSTRAP_CLIENT_SECRET": "s"}, "CYODA_BOOTSTRAP_CLIENT_ID"),
        (JWT | {"CYODA_JWT_BOOTSTRAP_AUDIENCE": "robot"}, "CYODA_JWT_BOOTSTRAP_AUDIENCE"),
        (JWT | {"CYODA_JWT_EXPIRY_SECONDS": "0"}, "CYODA_JWT_EXPIRY_SECONDS"),
        (JWT | {"CYODA_IAM_KEYPAIR_DEFAULT_VALIDITY_DAYS": "0"}, "CYODA_IAM_KEYPAIR_DEFAULT_VALIDITY_DAYS"),
        (JWT | {"CYODA_IAM_TRUSTED_KEY_MAX_PER_TENANT": "-1"}, "CYODA_IAM_TRUSTED_KEY_MAX_PER_TENANT"),
        (JWT | {"CYODA_IAM_TRUSTED_KEY_MAX_VALIDITY_DAYS": "x"}, "CYODA_IAM_TRUSTED_KEY_MAX_VALIDITY_DAYS"),
        (JWT | {"CYODA_IAM_TRUSTED_KEY_MAX_JWK_PROPERTIES": "0"}, "CYODA_IAM_TRUSTED_KEY_MAX_JWK_PROPERTIES"),
        (JWT | {"CYODA_JWT_SIGNING_KEY_FILE": "/nowhere"}, "CYODA_JWT_SIGNING_KEY_FILE"),
    ],
)
def test_settings_that_would_surprise_stop_the_start(environ: dict[str, str], variable: str) -> None:
    with pytest.raises(ConfError, match=rf"^{variable}\b"):
        load(environ)


# --- what is turned on a running node ---------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def untouched_telemetry() -> Iterator[None]:
    level, sampled = logs.level(), sampling.current()
    yield
    logs.set_level(level)
    sampling.change(sampled)


async def test_the_log_level(node: Running) -> None:
    logs.set_level("info")
    path = "/admin/log-level"
    assert (await node.admin.get(path)).json() == {"level": "info"}
    steps = [
        ("debug", "debug", "info"), ("WARNING", "warn", "debug"), ("Error", "error", "warn"), ("warn", "warn", "error"),
        ("loud", "info", "warn"),
    ]  # fmt: skip
    for asked, level, previous in steps:
        answer = await node.admin.post(path, json={"level": asked})
        assert (answer.status_code, answer.json()) == (200, {"level": level, "previous": previous})
        assert (await node.admin.get(path)).json() == {"level": level}
    for body in ({}, {"level": ""}, {"level": None}):
        assert problem(await node.admin.post(path, json=body)) == (400, "BAD_REQUEST: level is required")
    assert problem(await node.admin.post(path, content=b"{")) == (400, "BAD_REQUEST: invalid request body")


RATIO = "BAD_REQUEST: ratio must be in (0, 1] for sampler=ratio (use sampler=never for zero sampling), got "


async def test_the_trace_sampler(node: Running) -> None:
    path = "/admin/trace-sampler"
    assert (await node.admin.get(path)).json() == {"sampler": "always", "parent_based": True}
    for asked, shown in (
        ({"sampler": "ratio", "ratio": 0.25}, {"sampler": "ratio", "ratio": 0.25, "parent_based": True}),
        ({"sampler": "ratio", "ratio": 1}, {"sampler": "ratio", "ratio": 1.0, "parent_based": True}),
        ({"sampler": "never", "parent_based": False}, {"sampler": "never", "parent_based": False}),
        ({"sampler": "always"}, {"sampler": "always", "parent_based": True}),
    ):
        answer = await node.admin.post(path, json=asked)
        assert (answer.status_code, answer.json()) == (200, shown)
        assert (await node.admin.get(path)).json() == shown
    refused: list[tuple[Any, str]] = [
        ({"sampler": "always", "ratio": 0.5}, 'BAD_REQUEST: ratio not allowed for sampler="always"'),
        ({"sampler": "never", "ratio": 0}, 'BAD_REQUEST: ratio not allowed for sampler="never"'),
        ({"sampler": "ratio"}, RATIO + "0"),
        ({"sampler": "ratio", "ratio": 0}, RATIO + "0"),
        ({"sampler": "ratio", "ratio": 1.5}, RATIO + "1.5"),
        ({"sampler": "ratio", "ratio": -2}, RATIO + "-2"),
        ({"sampler": "most"}, 'BAD_REQUEST: unknown sampler type: "most"'),
        ({}, 'BAD_REQUEST: unknown sampler type: ""'),
        ({"sampler": 1}, "BAD_REQUEST: invalid request body"),
        ([], "BAD_REQUEST: invalid request body"),
    ]
    for body, detail in refused:
        assert problem(await node.admin.post(path, json=body)) == (400, detail), body
    assert (await node.admin.get(path)).json() == {"sampler": "always", "parent_based": True}


async def test_only_administrators_turn_them(node: Running) -> None:
    person = await node.client(user_roles=["ROLE_M2M"])
    for path in ("/admin/log-level", "/admin/trace-sampler"):
        for method in ("GET", "POST"):
            assert problem(await person.request(method, path)) == (403, "FORBIDDEN: admin role required")
