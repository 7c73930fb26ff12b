"""Query binding (contract: entities 1.4)."""

from __future__ import annotations

import httpx
import pytest

ID = "6d798335-e75b-11f1-a067-febab3db59f3"


async def bound(api: httpx.AsyncClient, kind: str, query: str) -> object:
    answer = await api.get(f"/api/bind/{kind}?{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("int32", "7", 7),
        ("int32", "%2B007", 7),
        ("int32", "-2147483648", -2147483648),
        ("int64", "9223372036854775807", 9223372036854775807),
        *(("boolean", text, True) for text in ("1", "t", "T", "TRUE", "true", "True")),
        *(("boolean", text, False) for text in ("0", "f", "F", "FALSE", "false", "False")),
        ("uuid", ID, ID),
        ("uuid", ID.upper(), ID),
        ("uuid", f"%7B{ID}%7D", ID),
        ("uuid", f"urn:uuid:{ID}", ID),
        ("uuid", ID.replace("-", ""), ID),
        ("time", "2026-11-23T16:32:08Z", "2026-11-23T16:32:08Z"),
        ("time", "2026-11-23T16:32:08.1234567899Z", "2026-11-23T16:32:08.123456Z"),
        ("time", "2026-11-23T16:32:08%2B02:30", "2026-11-23T14:02:08Z"),
        ("time", "2026-11-23T16:32:08+02:30", "2026-11-23T14:02:08Z"),  # as older templates paste it
        ("time", "2026-11-23", "2026-11-23T00:00:00Z"),
        ("time", "", None),
        ("required", "", ""),
    ],
)
async def test_a_text_that_binds(api: httpx.AsyncClient, kind: str, text: str, value: object) -> None:
    assert await bound(api, kind, f"value={text}") == value


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("int32", text) for text in ("", "1.0", "1e3", "2147483648", "0x1", "1_0", "%20" + "1", "٣", "9" * 5000)),
        ("int64", "9223372036854775808"),
        *(("boolean", text) for text in ("", "yes", "TrUe", "2")),
        *(("uuid", text) for text in ("", "x", ID[:-1], f"%7B{ID}", ID.replace("-", "", 1), f"{ID}%0A")),
        ("time", "2026-11-23T16:32:08"),
        ("time", "2026-11-23T16:32Z"),
        ("time", "2026-11-23 16:32:08Z"),
        ("time", "2026-11-23t16:32:08Z"),
        ("time", "2026-02-30"),
        ("time", "2026-11-23T24:00:00Z"),
        ("time", "0001-01-01T00:00:00%2B01:00"),
        ("time", "1763915528"),
    ],
)
async def test_a_text_that_does_not_bind_is_named_in_the_refusal(api: httpx.AsyncClient, kind: str, text: str) -> None:
    answer = await api.get(f"/api/bind/{kind}?value={text}")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "BAD_REQUEST: invalid value for parameter 'value'"
    assert answer.json()["properties"] == {"errorCode": "BAD_REQUEST", "parameter": "value"}


@pytest.mark.parametrize("kind", ["int32", "int64", "boolean", "uuid", "time"])
async def test_a_repeated_scalar_does_not_bind(api: httpx.AsyncClient, kind: str) -> None:
    assert (await api.get(f"/api/bind/{kind}?value=1&value=1")).status_code == 400


async def test_an_absent_parameter_has_its_default(api: httpx.AsyncClient) -> None:
    assert await bound(api, "int32", "other=x") == -1
    assert await bound(api, "boolean", "") is False
    assert await bound(api, "uuid", "") is None


async def test_a_missing_required_parameter_is_named(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/bind/required")
    assert answer.json()["detail"] == "BAD_REQUEST: missing required parameter 'value'"


async def test_a_list_is_repeated_and_commas_are_not_split(api: httpx.AsyncClient) -> None:
    assert await bound(api, "list", "value=A&value=B,C&value=") == ["A", "B,C", ""]


async def test_a_header_that_may_occur_once_is_refused_when_repeated(api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/match", headers=[("If-Match", "a")])).json() == "a"
    answer = await api.get("/api/match", headers=[("If-Match", "a"), ("If-Match", "b")])
    assert answer.json()["detail"] == "BAD_REQUEST: invalid request parameter"
    assert answer.json()["properties"] == {"errorCode": "BAD_REQUEST"}
