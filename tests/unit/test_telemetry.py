"""Logs hide secrets; the admin port answers as the contract says (contract: entities 1.1, identity 12)."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import PurePosixPath

import httpx
import pytest
import structlog

from cyoda.conf import load
from cyoda.telemetry import Metrics, configure, probes_app
from cyoda.telemetry.logs import level, redact, redact_text, set_level
from cyoda.telemetry.probes import Ready


@pytest.fixture(autouse=True)
def logging_left_as_found() -> Iterator[None]:
    root = logging.getLogger()
    handlers, found, structured = list(root.handlers), root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(found)
    structlog.configure(**structured)


def probes(ready: Ready = lambda: True, bearer: str | None = None) -> httpx.AsyncClient:
    app = probes_app(ready=ready, metrics=Metrics(), bearer=bearer)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://node")


@pytest.mark.parametrize(
    "name",
    ["authorization", "Authorization", "access_token", "client_secret", "password", "X-Tx-Token", "cyodatxtoken"],
)
def test_values_under_secret_names_are_hidden_at_any_depth(name: str) -> None:
    event = redact(None, "info", {"event": "call", "request": {"headers": [{name: "hunter2"}], "path": "/x"}})
    assert "hunter2" not in str(event)
    assert event["request"]["path"] == "/x"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("got Authorization: Bearer abcdefgh.ijkl-mno_p", "got Authorization"),
        ("client_secret=abcdefghij&grant_type=x", "grant_type=x"),
        ("cannot reach postgresql://cyoda:abcdefghij@127.0.0.1/cyoda", "@127.0.0.1/cyoda"),
        ("x-tx-token: abcdefghij", "x-tx-token"),
        ("cannot read eyJhbGciOi.eyJabcdefgh.abcdefgh-_ at all", "at all"),
        ("Not Found: /invitations/abcdefgh-_12", "Not Found: /invitations/"),
        ("<WSGIRequest: GET '/setup/abcdefgh12'>", "'>"),
        ("Gone: /password-reset/1-abcdefgh-12/x", "/password-reset/"),
    ],
)
def test_secrets_inside_texts_are_hidden(text: str, kept: str) -> None:
    shown = redact_text(text)
    assert "abcdefgh" not in shown
    assert kept in shown


def test_ordinary_texts_stay_as_they_are() -> None:
    text = "model order.1 locked at http://localhost:8080/api in 3 ms by token endpoint"
    assert redact_text(text) == text


def test_secrets_in_the_text_of_any_object_are_hidden() -> None:
    event = redact(None, "info", {"event": "x", "request": PurePosixPath("/setup/abcdefgh12"), "n": 1, "none": None})
    assert event == {"event": "x", "request": "/setup/[hidden]", "n": 1, "none": None}


@pytest.mark.parametrize("part", ["Y", "a://", "token", "bearer ", "x=://:", "eyJ-", "eyJabcdefgh.", "/setup/"])
def test_a_text_of_millions_of_letters_is_searched_in_one_pass(part: str) -> None:
    text = part * (2_000_000 // len(part))
    started = time.perf_counter()
    redact_text(text)
    assert time.perf_counter() - started < 10


def test_json_lines_carry_the_event_its_fields_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    configure(load({"CYODA_LOG_FORMAT": "json"}))
    structlog.get_logger("cyoda.test").info("member joined", tags=["a"], token="hunter2")
    logging.getLogger("library").warning("login with password=%s failed", "hunter2")
    ours, theirs = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert (ours["event"], ours["tags"], ours["level"], ours["logger"]) == (
        "member joined",
        ["a"],
        "info",
        "cyoda.test",
    )
    assert ours["timestamp"].endswith("Z")
    assert theirs["event"].startswith("login with password=")
    assert "hunter2" not in str((ours, theirs))


def test_an_exception_keeps_its_traceback_without_its_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    configure(load({"CYODA_LOG_FORMAT": "json"}))
    try:
        raise ValueError("postgresql://u:hunter2@h/d")
    except ValueError:
        structlog.get_logger("cyoda.test").exception("failed")
    line = json.loads(capsys.readouterr().err)
    assert "ValueError" in line["exception"]
    assert "hunter2" not in line["exception"]


def test_lines_below_the_level_are_dropped_and_the_level_can_change(capsys: pytest.CaptureFixture[str]) -> None:
    configure(load({"CYODA_LOG_LEVEL": "error"}))
    structlog.get_logger("cyoda.test").warning("quiet")
    assert (level(), set_level("WARNING"), level()) == ("error", "error", "warn")
    structlog.get_logger("cyoda.test").warning("loud")
    shown = capsys.readouterr().err
    assert "quiet" not in shown
    assert "loud" in shown


async def test_a_node_is_live_and_ready() -> None:
    async with probes() as client:
        live, ready = await client.get("/livez"), await client.get("/readyz")
    assert (live.status_code, live.text) == (200, "ok")
    assert (ready.status_code, ready.text) == (200, "ready")


async def test_a_node_that_is_not_ready_says_so_whether_it_is_asked_sync_or_async() -> None:
    async def later() -> bool:
        return False

    for ready in (later, lambda: False):
        async with probes(ready) as client:
            answer = await client.get("/readyz")
        assert (answer.status_code, answer.text) == (503, "not ready")


async def test_metrics_are_prometheus_text_of_the_process_and_the_requests() -> None:
    metrics = Metrics()
    metrics.observe_http("GET", "/entity/{entityId}", 200, 0.004)
    transport = httpx.ASGITransport(probes_app(ready=lambda: True, metrics=metrics))
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    assert (
        'cyoda_http_request_duration_seconds_count{method="GET",route="/entity/{entityId}",status="200"} 1.0'
        in answer.text
    )
    assert "process_resident_memory_bytes" in answer.text


def test_tags_are_told_apart_up_to_a_thousand_and_long_ones_not_at_all() -> None:
    metrics = Metrics()
    for number in range(1005):
        metrics.observe_dispatch("processor", f"tag-{number}", "answered", 0.1)
    for tags in ("tag-7", "x" * 101):
        metrics.observe_dispatch("processor", tags, "no_member", 0.1)
    lines = [line for line in metrics.text().decode().splitlines() if line.startswith("cyoda_dispatch_total{")]
    assert len(lines) == 1000 + 3
    assert {
        'cyoda_dispatch_total{outcome="answered",tags="(other)"} 5.0',
        'cyoda_dispatch_total{outcome="no_member",tags="tag-7"} 1.0',
        'cyoda_dispatch_total{outcome="no_member",tags="(other)"} 1.0',
    } <= {*lines}


@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic s3cret", "s3cret"])
async def test_protected_metrics_refuse_callers_without_the_bearer(authorization: str | None) -> None:
    async with probes(bearer="s3cret") as client:
        answer = await client.get("/metrics", headers={"Authorization": authorization} if authorization else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="cyoda metrics"'


async def test_protected_metrics_answer_with_the_bearer_and_probes_need_none() -> None:
    async with probes(bearer="s3cret") as client:
        answer = await client.get("/metrics", headers={"Authorization": "Bearer s3cret"})
        assert (answer.status_code, (await client.get("/readyz")).status_code) == (200, 200)
