"""Hostile bodies: whatever comes in, an answer of the contract goes out, soon (contract: entities 1.3)."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cyoda import jsonio
from cyoda.runtime import Node
from tenants.identity.keys import KeyPair
from tests.contract.http.conftest import client_of
from tests.contract.http.steps import MATCH_ALL, entity, model, ok

LONG_INTEGER = b"7" * 5000
DEEP = 10_000
MAX_SECONDS = 10.0
CODES = {
    "BAD_REQUEST", "INCOMPATIBLE_TYPE", "POLYMORPHIC_SLOT", "INVALID_CONDITION", "INVALID_FIELD_PATH",
    "CONDITION_TYPE_MISMATCH", "MODEL_ALREADY_LOCKED", "MALFORMED_REQUEST", "MISSING_GROUP_BY",
    "INVALID_GROUP_BY_PATH", "INVALID_AGGREGATION_FIELD", "INVALID_AGGREGATION_OP", "INVALID_LIMIT",
    "VALIDATION_FAILED", "WORKFLOW_SCHEMA_VERSION_UNSUPPORTED", "INVALID_UNIQUE_KEY_DEFINITION", "MODEL_NOT_FOUND",
}  # fmt: skip

HOSTILE_VALUES: dict[str, bytes] = {
    "an integer of 5,000 digits": LONG_INTEGER,
    "a negative integer of 5,000 digits": b"-" + LONG_INTEGER,
    "a fraction of 5,000 digits": b"0." + LONG_INTEGER,
    "a huge exponent": b"1e99999",
    "a tiny exponent": b"1e-99999",
    "an exponent beyond 32 bits": b"1e99999999999",
    "an exponent beyond any number": b"1e99999999999999999999999",
    "zero with a huge exponent": b"0e99999",
    "a NUL character": b'"a\\u0000b"',
    "a raw NUL byte": b'"a\x00b"',
    "a lone surrogate": b'"\\ud800"',
    "surrogates in the wrong order": b'"\\udc00\\ud800"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "invalid UTF-8": b'"\xff\xfe"',
    "an unfinished escape": b'"\\u12"',
    "deep arrays": b"[" * DEEP + b"]" * DEEP,
    "deep objects": b'{"a":' * DEEP + b"1" + b"}" * DEEP,
    "unclosed arrays": b"[" * DEEP,
    "arrays 400 deep": b"[" * 400 + b"]" * 400,
    "objects 300 deep": b'{"a":' * 300 + b"1" + b"}" * 300,
    "duplicate names": b'{"a":1,"a":"x","a":2}',
    "an empty name": b'{"":{"":1}}',
    "a name with NUL": b'{"a\\u0000":1}',
    "a name that looks like a path": b'{"$.a[*].b":1,"a.b":2,"..":3,"[*]":4}',
    "many names": b"{" + b",".join(b'"n%d":%d' % (n, n) for n in range(3000)) + b"}",
    "a long text": b'"' + b"x" * 1_000_000 + b'"',
    "no JSON": b"nul",
    "NaN": b"NaN",
    "nothing": b"",
    "a byte order mark": b"\xef\xbb\xbf1",
    "a comment": b"/**/1",
}

TARGETS = (
    b'"type":"simple","jsonPath":"$.name"',
    b'"type":"simple","jsonPath":"$.amount"',
    b'"type":"lifecycle","field":"state"',
    b'"type":"lifecycle","field":"creationDate"',
)
OPERATORS = (b"EQUALS", b"NOT_EQUAL", b"GREATER_THAN", b"LESS_OR_EQUAL", b"CONTAINS", b"LIKE", b"MATCHES_PATTERN")
QUERY_TEXTS = ("%00", "%ff", "%ed%a0%80", "9" * 5000, "%22", "'", "x" * 10_000, "%2B", "", "1e999", "%F0%9F%98%80")
WORKFLOW = b'{"version":"1.3","name":%b,"initialState":"A","active":true,"states":{"A":{"transitions":[%b]}}%b}'
STEP = b'{"name":"go","next":"A","manual":true%b}'
MERGE_PATCH = {"Content-Type": "application/merge-patch+json", "If-Match": "*"}


@contextmanager
def naming(hostile: str) -> Iterator[None]:
    """Failures inside say which value it was."""
    try:
        yield
    except AssertionError as error:
        error.add_note(f"with {hostile}")
        raise


async def answered(
    api: httpx.AsyncClient, method: str, path: str, body: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    """The answer, which is 200 or a refusal with a code, within MAX_SECONDS."""
    started = time.perf_counter()
    answer = await api.request(method, path, content=body, headers=headers)
    assert time.perf_counter() - started < MAX_SECONDS, (method, path, body[:80])
    if answer.status_code != 200:
        assert answer.status_code < 500, (method, path, body[:80], answer.text)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["properties"]["errorCode"] in CODES, answer.text
    return answer


async def seed(api: httpx.AsyncClient) -> dict[str, str]:
    """A model `open` that takes anything new and a strict one, `order`; an entity of each, by name."""
    for name in ("open", "order"):
        await model(api, name)
    ok(await api.post("/model/open/1/changeLevel/STRUCTURAL"))
    return {name: await entity(api, name=name) for name in ("open", "order")}


@pytest.mark.timeout(300)
async def test_hostile_documents(api: httpx.AsyncClient) -> None:
    kept = await seed(api)
    for hostile, value in HOSTILE_VALUES.items():
        with naming(hostile):
            for body in (value, b'{"amount":%b}' % value, b'{"name":%b}' % value, b'{"new":[{"x":%b}]}' % value):
                await write_everywhere(api, kept, body)
            await write_in_collections(api, kept["open"], value)
        for name in kept:
            assert (await api.get(f"/entity/{name}/1")).status_code == 200, hostile
            assert (await api.post(f"/search/direct/{name}/1", json=MATCH_ALL)).status_code == 200, hostile
            for form in ("SIMPLE_VIEW", "JSON_SCHEMA"):
                ok(await api.get(f"/model/export/{form}/{name}/1"))


async def write_everywhere(api: httpx.AsyncClient, kept: dict[str, str], body: bytes) -> None:
    await answered(api, "POST", "/model/import/JSON/SAMPLE_DATA/fresh/1", body)
    await answered(api, "POST", "/model/validate/order/1", body)
    for name, entity_id in kept.items():
        await answered(api, "POST", f"/entity/JSON/{name}/1", body)
        await answered(api, "POST", f"/entity/JSON/{name}/1", b"[%b,%b]" % (body, body))
        await answered(api, "PUT", f"/entity/JSON/{entity_id}", body)
        await answered(api, "PATCH", f"/entity/JSON/{entity_id}", body, MERGE_PATCH)


async def write_in_collections(api: httpx.AsyncClient, entity_id: str, value: bytes) -> None:
    text = jsonio.dumps(value.decode("utf-8", "replace"))
    for payload in (value, text):
        created = b'[{"model":{"name":"open","version":1},"payload":%b}]' % payload
        await answered(api, "POST", "/entity/JSON", created)
        await answered(api, "PUT", "/entity/JSON", b'[{"id":"%b","payload":%b}]' % (entity_id.encode(), payload))
    keys = b'{"uniqueKeys":[{"id":%b,"fields":[%b]}]}' % (value, value)
    await answered(api, "PUT", "/model/fresh/1/unique-keys", keys)
    keys = b'{"uniqueKeys":[{"id":%b,"fields":["$.amount"]}]}' % value
    await answered(api, "PUT", "/model/fresh/1/unique-keys", keys)
    await answered(api, "PUT", "/model/fresh/1/unique-keys", b"{}")


@pytest.mark.timeout(300)
async def test_hostile_conditions(api: httpx.AsyncClient) -> None:
    await seed(api)
    ok(await api.post("/entity/JSON/open/1", content=b'{"amount":%b,"name":"\\u0000"}' % LONG_INTEGER))
    for hostile, value in HOSTILE_VALUES.items():
        with naming(hostile):
            for condition in conditions_with(value):
                for name in ("open", "order"):
                    await answered(api, "POST", f"/search/direct/{name}/1", condition)
                await answered(api, "DELETE", "/entity/order/1", condition)
            await answered(api, "POST", "/search/async/order/1", condition)
            await answered(api, "POST", "/entity/stats/order/1/query", b'{"groupBy":[%b]}' % value)
            await answered(api, "POST", "/entity/stats/open/1/query", b'{"groupBy":["$.amount"],"limit":%b}' % value)


def conditions_with(value: bytes) -> Iterator[bytes]:
    yield value
    for operator in OPERATORS:
        for target in TARGETS:
            yield b'{%b,"operatorType":"%b","value":%b}' % (target, operator, value)
    yield b'{"type":"simple","jsonPath":"$.amount","operatorType":"BETWEEN","value":[%b,%b]}' % (value, value)
    yield b'{"type":"simple","jsonPath":%b,"operatorType":"EQUALS","value":1}' % value
    yield b'{"type":"lifecycle","field":%b,"operatorType":"EQUALS","value":1}' % value
    yield b'{"type":%b}' % value
    yield b'{"type":"array","jsonPath":"$.name","values":[%b]}' % value
    yield b'{"type":"group","operator":"AND","conditions":%b}' % value
    yield b'{"type":"group","operator":%b,"conditions":[]}' % value
    yield b'{"type":"function","function":{"name":"f","config":{"responseTimeoutMs":%b}}}' % value


@pytest.mark.timeout(300)
async def test_hostile_workflows(api: httpx.AsyncClient) -> None:
    await seed(api)
    for hostile, value in HOSTILE_VALUES.items():
        with naming(hostile):
            for body in workflows_with(value):
                imported = b'{"importMode":"REPLACE","workflows":[%b]}' % body
                await answered(api, "POST", "/model/order/1/workflow/import", imported)
                exported = await api.get("/model/order/1/workflow/export")
                if exported.status_code != 404:
                    assert jsonio.parse(exported.content)["entityName"] == "order"
                created = await api.post("/entity/JSON/order/1", json={"amount": 1})
                assert created.status_code < 500, created.text
            ok(await api.get("/model/"))


def workflows_with(value: bytes) -> Iterator[bytes]:
    yield value
    yield WORKFLOW % (value, STEP % b"", b"")
    yield WORKFLOW % (b'"w"', STEP % b"", b',"annotations":{"a":%b}' % value)
    yield WORKFLOW % (b'"w"', STEP % (b',"criterion":%b' % value), b"")
    yield WORKFLOW % (b'"w"', STEP % (b',"criterionAnnotations":{"x":%b}' % value), b',"desc":%b' % value)
    yield WORKFLOW % (b'"w"', STEP % (b',"schedule":{"delayMs":%b}' % value), b"")
    yield WORKFLOW % (b'"w"', value, b"")


@pytest.mark.timeout(300)
async def test_hostile_messages(api: httpx.AsyncClient) -> None:
    for hostile, value in HOSTILE_VALUES.items():
        with naming(hostile):
            for body in (value, b'{"payload":%b}' % value, b'{"payload":1,"metaData":{"a":%b}}' % value):
                answer = await answered(api, "POST", "/message/new/s", body, {"Content-Type": "application/json"})
                if answer.status_code == 200:
                    read = await api.get(f"/message/{answer.json()[0]['entityIds'][0]}")
                    assert read.status_code == 200, read.text
            await answered(api, "DELETE", "/message", b"[%b]" % value)


async def test_hostile_queries(api: httpx.AsyncClient) -> None:
    kept = await seed(api)
    for text in QUERY_TEXTS:
        for path in (
            f"/entity/stats/states?states={text}",
            f"/entity/stats/states/order/1?states={text}",
            f"/entity/{kept['order']}?pointInTime={text}",
            f"/entity/{kept['order']}/transitions?transactionId={text}",
            f"/entity/order/1?pageSize={text}",
            f"/entity/order/{text}",
            f"/entity/{text}/1",
            f"/audit/entity/{kept['order']}?cursor={text}",
            f"/audit/entity/{kept['order']}?eventType={text}&severity={text}&limit={text}",
            f"/search/async/{kept['order']}?pageNumber={text}",
            f"/model/export/{text}/order/1",
        ):
            answer = await api.get(path)
            assert answer.status_code in (200, 400, 404), (path[:80], answer.text)
        for path in (
            f"/search/direct/order/1?sort={text}",
            f"/search/direct/order/1?limit={text}",
            f"/message/new/{text}",
        ):
            answer = await api.post(path, json=MATCH_ALL)
            assert answer.status_code in (200, 400, 404), (path[:80], answer.text)
        answer = await api.put(f"/entity/JSON/{kept['order']}/{text}", json={"amount": 1}, headers={"If-Match": text})
        assert answer.status_code in (200, 400, 404, 412), (text[:80], answer.text)


# --- bytes and documents made by Hypothesis ---------------------------------------------------------------------

numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,40})(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,12})?", fullmatch=True)
json_texts = st.recursive(
    st.sampled_from(["null", "true", '""', '"2024-01-01"', '"\\u0000"', '"\\ud800"']) | numbers,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.lists(st.tuples(st.sampled_from(["a", "b", "", "\\u0000", "amount", "name"]), inner), max_size=4).map(
            lambda members: "{" + ",".join(f'"{name}":{value}' for name, value in members) + "}"
        )
    ),
    max_leaves=12,
)
bodies = st.binary(max_size=60) | json_texts.map(str.encode)
fuzzing = settings(
    max_examples=40, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def seeded(node: Node, signing_key: KeyPair) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    async with client_of(node, signing_key, caas_org_id="acme", user_roles=[]) as client:
        yield client, await seed(client)


@fuzzing
@given(body=bodies)
async def test_any_document(seeded: tuple[httpx.AsyncClient, dict[str, str]], body: bytes) -> None:
    api, kept = seeded
    await write_everywhere(api, kept, body)


@fuzzing
@given(body=bodies)
async def test_any_condition(seeded: tuple[httpx.AsyncClient, dict[str, str]], body: bytes) -> None:
    api, _ = seeded
    await answered(api, "POST", "/search/direct/open/1", body)
    for target in TARGETS:
        await answered(
            api, "POST", "/search/direct/open/1", b'{%b,"operatorType":"EQUALS","value":%b}' % (target, body)
        )
    await answered(api, "POST", "/entity/stats/open/1/query", b'{"groupBy":["state"],"condition":%b}' % body)
