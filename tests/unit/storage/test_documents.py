"""What a head keeps of documents that `jsonb` cannot hold."""

from __future__ import annotations

import pytest

from workflows.core.entity import Document
from workflows.storage.postgres.documents import UNKEPT, is_suspect, substitute


@pytest.mark.parametrize(
    "text",
    [
        b"{}",
        b'{"a":[1,2.50,"x",null,true]}',
        '{"é":"日本語 \U0001f3ac"}'.encode(),
        b'{"a":"\\u00e9 \\ud83c\\udfac"}',
        b"1e100",
    ],
)
def test_an_ordinary_document_needs_no_substitute(text: bytes) -> None:
    assert substitute(Document(text)) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (b'{"a":"x\\u0000y","b":1.50}', '{"a":"x\ufffdy","b":1.50}'),
        (b'{"\\u0000":1,"b":[{"c":"\\u0000"}]}', '{"\ufffd":1,"b":[{"c":"\ufffd"}]}'),
        (b'{"a":1e99999,"b":-1.5E-99999,"c":1e15}', '{"a":null,"b":null,"c":1E+15}'),
        (b"[0." + b"9" * 20_000 + b",1]", "[null,1]"),
        (b'"\\u0000"', '"\ufffd"'),
    ],
)
def test_what_jsonb_refuses_is_replaced_and_nothing_else(text: bytes, kept: str) -> None:
    assert substitute(Document(text)) == kept


@pytest.mark.parametrize("text", [b'{"a":"\\ud800"}', b"[" * 100_000 + b"]" * 100_000, b"9" * 60_000])
def test_a_text_that_cannot_be_read_is_not_kept(text: bytes) -> None:
    assert substitute(Document(text)) == UNKEPT


@pytest.mark.parametrize(
    ("text", "suspect"),
    [(b'{"a":"\\u0000"}', True), (b'{"a":"\\ud83c\\udfac"}', True), (b'{"a":"\\u00e9"}', False), (b'{"a":"x"}', False)],
)
def test_the_cheap_look_finds_nul_and_surrogates(text: bytes, suspect: bool) -> None:
    assert is_suspect(text) is suspect
