"""Names in addresses come back as they were."""

from __future__ import annotations

from urllib.parse import quote, unquote, urljoin

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.ui.console.segments import NameConverter

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


def through_an_address(name: str) -> str:
    """As a link, resolved by a browser, decoded by the server."""
    path = f"/models/{quote(NameConverter().to_url(name), safe='~')}/1/"
    assert urljoin("http://a/", path) == f"http://a{path}"
    return NameConverter().to_python(unquote(path).removeprefix("/models/").removesuffix("/1/"))


@pytest.mark.parametrize("name", [".", "..", "...", "a/b", "/", "~", "~1", "~0", "~2", "~~1/", "a b", "%2F", "ä?#"])
def test_a_name_comes_back(name: str) -> None:
    assert through_an_address(name) == name
    assert "/" not in NameConverter().to_url(name)


@given(NAMES)
def test_any_name_comes_back(name: str) -> None:
    assert through_an_address(name) == name
