"""Settings: every refusal is a sentence that names its variable (contract: identity 2, 17, 18)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cyoda.conf import ConfError, load, table, unknown_names
from cyoda.conf.reference import markdown, rows

ROOT = Path(__file__).parents[2]


def refusal(**environ: str) -> str:
    with pytest.raises(ConfError) as caught:
        load(environ)
    return str(caught.value)


def test_an_empty_environment_gives_the_contracts_defaults() -> None:
    conf = load({})
    assert (conf.http.port, conf.grpc.port, conf.admin.port) == (8080, 9090, 9091)
    assert conf.http.context_path == "/api"
    assert (conf.iam.mode, conf.iam.mock_roles, conf.iam.mock_kind) == ("mock", ("ROLE_ADMIN", "ROLE_M2M"), "user")
    assert (conf.engine.max_state_visits, conf.engine.tx_token_ttl) == (10, timedelta(seconds=90))
    assert (conf.search.max_sort_keys, conf.search.stats_group_max) == (16, 10_000)
    assert conf.search.snapshot_ttl == timedelta(hours=1)


def test_what_the_table_declares_as_default_is_what_an_empty_environment_gives() -> None:
    for _, variable, value in table(load({})):
        expected = variable.default_for("development")
        assert value == (expected if variable.name != "CYODA_HOME" else Path(".cyoda").absolute()), variable.name


def test_every_variable_is_declared_once() -> None:
    names = [variable.name for _, variable, _ in table(load({}))]
    assert len(names) == len(set(names)) > 60


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30s", timedelta(seconds=30)),
        ("5m", timedelta(minutes=5)),
        ("500ms", timedelta(milliseconds=500)),
        ("1h30m", timedelta(minutes=90)),
        ("45", timedelta(seconds=45)),
        ("1.5s", timedelta(seconds=1.5)),
    ],
)
def test_durations_take_units_or_bare_seconds(text: str, expected: timedelta) -> None:
    assert load({"CYODA_TX_TTL": text}).engine.tx_ttl == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CYODA_HTTP_PORT", "65536"),
        ("CYODA_HTTP_PORT", "80a"),
        ("CYODA_HTTP_PORT", "-1"),
        ("CYODA_HTTP_PORT", "8_080"),
        ("CYODA_IAM_MODE", "none"),
        ("CYODA_CORS_ENABLED", "maybe"),
        ("CYODA_TX_TTL", "soon"),
        ("CYODA_TX_TTL", "0"),
        ("CYODA_TX_TTL", "-5s"),
        ("CYODA_TX_TTL", "5 s"),
        ("CYODA_TX_TTL", "9" * 400),
        ("CYODA_MAX_STATE_VISITS", "0"),
        ("CYODA_CONTEXT_PATH", "api"),
        ("CYODA_DATABASE_URL", "mysql://x/y"),
        ("CYODA_SECRET_KEY", "short"),
        ("CYODA_NODE_ADDR", "localhost:8080"),
        ("CYODA_HMAC_SECRET", "ab" * 31),
        ("CYODA_JWT_BOOTSTRAP_AUDIENCE", "robot"),
        ("CYODA_PUBLIC_URL", "https://cyoda.example.org/path"),
        ("CYODA_PUBLIC_URL", "cyoda.example.org"),
        ("CYODA_MAIL_URL", "mail.example.org"),
        ("CYODA_SIGNIN_OIDC_URL", "idp.example.org"),
    ],
)
def test_a_value_that_is_not_allowed_stops_the_start_and_is_named(name: str, text: str) -> None:
    sentence = refusal(**{name: text})
    assert name in sentence
    assert sentence.endswith(".")


def test_a_refused_secret_is_not_repeated() -> None:
    assert "mysql" not in refusal(CYODA_DATABASE_URL="mysql://user:hunter2@x/y")


@pytest.mark.parametrize("text", ["true", "1", "T", "YES", "on"])
def test_booleans_have_several_spellings(text: str) -> None:
    assert load({"CYODA_SUPPRESS_BANNER": text}).platform.suppress_banner is True


def test_the_context_path_loses_its_trailing_slash_and_may_be_empty() -> None:
    assert load({"CYODA_CONTEXT_PATH": "/v1/"}).http.context_path == "/v1"
    assert load({"CYODA_CONTEXT_PATH": "/"}).http.context_path == ""
    assert load({"CYODA_CONTEXT_PATH": ""}).http.context_path == ""


def test_an_empty_value_counts_as_unset() -> None:
    conf = load({"CYODA_HTTP_PORT": "", "CYODA_IAM_MOCK_ROLES": " ", "CYODA_DATABASE_URL": ""})
    assert (conf.http.port, conf.iam.mock_roles, conf.storage.database_url) == (8080, ("ROLE_ADMIN", "ROLE_M2M"), None)


def test_lists_are_trimmed() -> None:
    assert load({"CYODA_IAM_MOCK_ROLES": " A , B,"}).iam.mock_roles == ("A", "B")


def test_limits_of_zero_or_less_mean_the_default() -> None:
    conf = load({"CYODA_SEARCH_MAX_SORT_KEYS": "0", "CYODA_STATS_GROUP_MAX": "-3"})
    assert (conf.search.max_sort_keys, conf.search.stats_group_max) == (16, 10_000)


def test_a_secrets_file_wins_over_its_variable_and_loses_white_space_at_its_end(tmp_path: Path) -> None:
    file = tmp_path / "bearer"
    file.write_text("from file \n\n")
    conf = load({"CYODA_METRICS_BEARER": "from variable", "CYODA_METRICS_BEARER_FILE": str(file)})
    assert conf.admin.metrics_bearer == "from file"


def test_an_unreadable_secrets_file_stops_the_start(tmp_path: Path) -> None:
    assert "CYODA_METRICS_BEARER_FILE" in refusal(CYODA_METRICS_BEARER_FILE=str(tmp_path / "absent"))


def test_only_secrets_have_a_file_form() -> None:
    assert load({"CYODA_HTTP_PORT_FILE": "/absent"}).http.port == 8080
    assert unknown_names({"CYODA_HTTP_PORT_FILE": "", "CYODA_HMAC_SECRET_FILE": "", "PATH": ""}) == [
        "CYODA_HTTP_PORT_FILE"
    ]


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"CYODA_BOOTSTRAP_CLIENT_ID": "a"}, "CYODA_BOOTSTRAP_CLIENT_SECRET"),
        ({"CYODA_BOOTSTRAP_CLIENT_SECRET": "a"}, "CYODA_BOOTSTRAP_CLIENT_ID"),
        ({"CYODA_IAM_MODE": "jwt"}, "CYODA_JWT_SIGNING_KEY"),
        ({"CYODA_SIGNIN_OIDC_URL": "https://idp.example.org"}, "CYODA_SIGNIN_OIDC_CLIENT_ID"),
        ({"CYODA_REQUIRE_JWT": "true"}, "CYODA_IAM_MODE"),
        ({"CYODA_METRICS_REQUIRE_AUTH": "true"}, "CYODA_METRICS_BEARER"),
        ({"CYODA_ENV": "production"}, "CYODA_SECRET_KEY"),
        ({"CYODA_HTTP_PORT": "9090"}, "CYODA_GRPC_PORT"),
        ({"CYODA_CLUSTER_ENABLED": "true", "CYODA_NODE_ID": "a"}, "CYODA_HMAC_SECRET"),
        ({"CYODA_CLUSTER_ENABLED": "true", "CYODA_HMAC_SECRET": "x" * 32}, "CYODA_NODE_ID"),
    ],
)
def test_settings_that_contradict_each_other_stop_the_start(environ: dict[str, str], named: str) -> None:
    assert named in refusal(**environ)


def test_a_cluster_secret_in_hex_is_decoded_and_any_other_taken_as_it_is() -> None:
    assert load({"CYODA_HMAC_SECRET": "ab" * 32}).cluster.hmac_key == b"\xab" * 32
    assert load({"CYODA_HMAC_SECRET": "z" * 32}).cluster.hmac_key == b"z" * 32


def test_free_ports_may_be_asked_for_all_listeners() -> None:
    assert load({"CYODA_HTTP_PORT": "0", "CYODA_GRPC_PORT": "0", "CYODA_ADMIN_PORT": "0"}).http.port == 0


def test_production_is_stricter() -> None:
    conf = load({"CYODA_ENV": "production", "CYODA_SECRET_KEY": "k" * 40})
    assert (conf.platform.tenant_auto_create, conf.platform.log_format, conf.http.allowed_hosts) == (False, "json", ())


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://app.example.com, http://localhost:3000",
        "http://[::1]:8080",
        "https://xn--bcher-kva.example",
        "http://10.0.0.1:81",
    ],
)
def test_origins_as_a_browser_sends_them_are_accepted(origins: str) -> None:
    assert load({"CYODA_CORS_ALLOWED_ORIGINS": origins}).http.cors_allowed_origins


@pytest.mark.parametrize(
    "origins",
    [
        "HTTPS://app.example.com",
        "https://App.example.com",
        "https://app.example.com/",
        "https://app.example.com/path",
        "https://user@app.example.com",
        "http://app.example.com:80",
        "https://app.example.com:443",
        "https://bücher.example",
        "https://app.example.com?x",
        "https://app.example.com#x",
        "https://app.example.com:0",
        "https://app.example.com:65536",
        "https://app.example.com:",
        "ftp://app.example.com",
        "http://0x7f000001",
        "http://0x7f.0.0.1",
        "null",
        "https://*.example.com",
        "https://a.example,,https://b.example",
        "*,https://a.example",
        "https://",
    ],
)
def test_anything_else_in_the_list_of_origins_stops_the_start(origins: str) -> None:
    assert "CYODA_CORS_ALLOWED_ORIGINS" in refusal(CYODA_CORS_ALLOWED_ORIGINS=origins)


def test_secrets_show_in_no_representation() -> None:
    conf = load({"CYODA_METRICS_BEARER": "hunter2", "CYODA_DATABASE_URL": "postgresql://u:hunter2@h/d"})
    assert "hunter2" not in repr(conf)
    shown = {name: value for name, value, _ in rows(conf)}
    assert (shown["CYODA_METRICS_BEARER"], shown["CYODA_HMAC_SECRET"]) == ("set", "unset")
    assert "hunter2" not in str(shown)


def test_the_reference_page_is_current() -> None:
    assert (ROOT / "docs" / "settings.md").read_text(encoding="utf-8") == markdown(), "run `make settings-docs`"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, ()),
        ({"CYODA_SECRET_KEY": "s" * 32}, ("s" * 32,)),
        ({"CYODA_SECRET_KEY": "s" * 32, "CYODA_JWT_SIGNING_KEY": "key"}, ("key",)),
        ({"CYODA_ENCRYPTION_KEY": "new,old", "CYODA_JWT_SIGNING_KEY": "key"}, ("new", "old")),
    ],
)
def test_secrets_in_the_database_are_encrypted_under_what_lasts(
    environ: dict[str, str], expected: tuple[str, ...]
) -> None:
    assert load(environ).secrets_at_rest == expected
