"""The library's small parts: exact JSON, pauses, settings; and its generated code."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cyoda_member import Backoff, Settings, SettingsMissing, exact
from tests.nodes import ROOT

GENERATED = ROOT / "clients" / "python" / "src" / "cyoda_member" / "generated"

numbers = st.integers() | st.decimals(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_json_survives_its_way_out_and_back(value: Any) -> None:
    assert exact.loads(exact.dumps(value)) == value


@pytest.mark.parametrize("text", ["1.10", "-0", "-0.0", "1E+400", "0.1", "9007199254740993", "1" * 5000, "[]", "{}"])
def test_numbers_keep_their_spelling(text: str) -> None:
    assert exact.dumps(exact.loads(text)) == text


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", "1e99999999999999999999", "{", '{"a":1}x'])
def test_what_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        exact.loads(text)


@pytest.mark.parametrize(
    ("value", "error"),
    [(float("nan"), ValueError), (Decimal("Infinity"), ValueError), ({1: 2}, TypeError), ({"a": {1}}, TypeError)],
)
def test_what_json_cannot_say_is_not_written(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        exact.dumps(value)


def test_pauses_double_up_to_a_limit_and_start_anew_after_success() -> None:
    backoff = Backoff(first=1, longest=5, draw=lambda: 1.0)
    assert [backoff.next_pause() for _ in range(5)] == [1, 2, 4, 5, 5]
    backoff.reset()
    assert backoff.next_pause() == 1


def test_pauses_are_drawn_from_the_upper_half() -> None:
    draws = iter([0.0, 0.5])
    backoff = Backoff(first=1, longest=60, draw=lambda: next(draws))
    assert [backoff.next_pause(), backoff.next_pause()] == [0.5, 1.5]


def test_settings_come_from_the_environment() -> None:
    environ = {"CYODA_CLIENT_ID": "me", "CYODA_CLIENT_SECRET": "hush", "CYODA_GRPC_TARGET": "grpc-host:443"}
    tls = {"CYODA_GRPC_TLS": "true", "CYODA_TLS_CERTIFICATE_FILE": "me.pem", "CYODA_TLS_KEY_FILE": "me.key"}
    settings = Settings.from_environment({**environ, **tls})
    assert (settings.client_id, settings.api, settings.grpc, settings.tls) == (
        "me", "http://localhost:8080/api", "grpc-host:443", True,
    )  # fmt: skip
    assert (settings.ca_file, settings.certificate_file, settings.key_file) == (None, Path("me.pem"), Path("me.key"))
    assert "hush" not in repr(settings)
    assert settings.tags == ()
    assert Settings.from_environment({**environ, "CYODA_MEMBER_TAGS": "a, b,,"}).tags == ("a", "b")
    with pytest.raises(SettingsMissing, match="CYODA_TLS_KEY_FILE"):
        Settings.from_environment({**environ, **tls, "CYODA_TLS_KEY_FILE": ""})
    with pytest.raises(SettingsMissing, match="CYODA_CLIENT_SECRET"):
        Settings.from_environment({"CYODA_CLIENT_ID": "me"})


def test_the_generated_code_is_what_the_protocol_files_generate(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "proto" / "generate.py"), str(tmp_path), "cyoda_member.generated"]
    subprocess.run(command, check=True)
    fresh = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {path.name: path.read_text() for path in GENERATED.iterdir() if path.is_file()} == fresh
