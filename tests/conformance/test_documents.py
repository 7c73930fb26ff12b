"""Documents come back as they were written, byte for byte (contract: entities 1.3, 5.1)."""

from __future__ import annotations

import asyncio

import pytest

from tests.conformance.home import FAR_FUTURE, Home, created
from workflows.core.entity import Document

TEXTS = {
    "empty": b"{}",
    "number text": b'{"a":1.50,"b":1e2,"c":-0,"d":0.0,"e":1E+5,"f":100000000000000000000.000}',
    "long integer": b'{"n":1234567890123456789012345678901234567890}',
    "long negative integer": b'{"n":-9999999999999999999999999999999999999999999999999999999999999}',
    "long fraction": b'{"n":0.' + b"123456789" * 20 + b"}",
    "huge exponent": b'{"n":1e99999,"m":-1.5E-99999}',
    "escaped NUL": b'{"a":"x\\u0000y","\\u0000":1}',
    "escapes": b'{"a":"\\u00e9\\/\\b\\f\\n\\r\\t\\"\\\\ \\ud83c\\udfac"}',
    "unicode": '{"é":"日本語 \U0001f3ac \u2028 \ufffe \x7f"}'.encode(),
    "member order": b'{"z":1,"a":2,"m":{"b":1,"a":2}}',
    "repeated members": b'{"a":1,"a":2,"b":{"c":1,"c":[]}}',
    "quotes": b'{"a":"it\'s $1 {0} %s :name \\\\ $$ ; -- "}',
    "literals": b'{"a":null,"b":true,"c":false,"d":[],"e":{},"f":"","":0}',
    "array document": b"[1,2.0,[]]",
    "string document": b'"\\u0000"',
    "null document": b"null",
    "number document": b"1.50",
    "long array": b'{"a":[' + b",".join(str(number).encode() for number in range(10_000)) + b"]}",
    "long text": b'{"a":"' + b"0123456789" * 105_000 + b'"}',
    "deep": b'{"a":' * 200 + b"1" + b"}" * 200,
    "many members": b"{" + b",".join(f'"member{number}":{number}'.encode() for number in range(3000)) + b"}",
    "reserved names": b'{"_meta":{"id":1},"id":"x","state":"y","__proto__":null}',
}


@pytest.mark.parametrize("name", TEXTS)
async def test_a_document_comes_back_verbatim_by_every_read(home: Home, name: str) -> None:
    text = TEXTS[name]
    document = Document.from_text(text)
    assert document.text == text, "the text itself must already be compact"
    write = created(document=document)
    await home.commit(write)
    version = await home.current(write)
    snapshot, begun = await home.store.begin(home.tenant, [write.entity_id])
    found = [
        version,
        begun[write.entity_id],
        await home.find(write.entity_id, snapshot=snapshot),
        await home.store.read_as_of(home.tenant, write.entity_id, version.updated_at),
        await home.store.read_written_by(home.tenant, write.entity_id, version.transaction_id),
        *await home.scan(),
        *await home.scan(snapshot=snapshot),
        *await home.scan(at=FAR_FUTURE),
    ]
    assert [entry.document.text if entry else None for entry in found] == [text] * 8


async def test_odd_documents_fail_none_of_the_changes_beside_them(home: Home) -> None:
    writes = [created(document=Document.from_text(text)) for text in TEXTS.values()]
    await asyncio.gather(*(home.commit(write) for write in writes))
    found = {version.entity_id: version.document.text for version in await home.scan()}
    assert [found[write.entity_id] for write in writes] == list(TEXTS.values())


async def test_an_older_document_stays_as_it_was(home: Home) -> None:
    write = created(document=Document.from_text(TEXTS["number text"]))
    await home.commit(write)
    first = await home.current(write)
    await home.update(first, 2)
    found = await home.store.read_as_of(home.tenant, first.entity_id, first.updated_at)
    assert found is not None
    assert found.document.text == TEXTS["number text"]


@pytest.mark.parametrize("state", ["", "s" * 300, "it's \"%_\\ é\U0001f3ac"])
async def test_states_and_transitions_are_taken_literally(home: Home, state: str) -> None:
    version = await home.update(await home.create(1), 2, state=state or None, transition=state)
    found = await home.current(version)
    assert (found.state, found.transition) == (state or "NEW", state)
    assert await home.counts() == {(version.model, state or "NEW"): 1}
