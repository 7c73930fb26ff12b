"""`manage.py check --deploy`: quiet with the settings that the operator's guide gives, plain about every weak one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.core.checks import CheckMessage, run_checks
from django.test import override_settings

from cyoda.conf import load
from tests.nodes import ROOT, signing_key

PRODUCTION = {
    "CYODA_ENV": "production",
    "CYODA_IAM_MODE": "jwt",
    "CYODA_JWT_SIGNING_KEY": signing_key(),
    "CYODA_SECRET_KEY": "between five and a hundred words that nobody else has, in no order: 7f3a",
    "CYODA_ENCRYPTION_KEY": "other words for what is kept in the database, as long as those",
    "CYODA_ALLOWED_HOSTS": "cyoda.example.org",
    "CYODA_PUBLIC_URL": "https://cyoda.example.org",
    "CYODA_MAIL_URL": "smtps://cyoda:pw@mail.example.org:465",
}
GUIDE = (ROOT / "docs/identity.md").read_text()


def test_the_settings_of_the_guide_are_clean() -> None:
    assert [name for name in PRODUCTION if f"`{name}`" not in GUIDE] == []
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CYODA_")}
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=ROOT, env=kept | PRODUCTION, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    assert "no issues" in done.stdout


@pytest.mark.parametrize(
    ("found", "changed"),
    [
        ("cyoda.E001", {"CYODA_IAM_MODE": "mock"}),
        ("cyoda.E002", {"CYODA_ENV": "development"}),
        ("cyoda.E005", {"CYODA_ERROR_RESPONSE_MODE": "verbose"}),
        ("cyoda.W001", {"CYODA_ENCRYPTION_KEY": ""}),
        ("cyoda.W002", {"CYODA_PUBLIC_URL": ""}),
        ("cyoda.W003", {"CYODA_PUBLIC_URL": "http://cyoda.example.org"}),
        ("cyoda.W004", {"CYODA_MAIL_URL": "console"}),
        ("cyoda.W004", {"CYODA_MAIL_URL": ""}),
        ("cyoda.W005", {"CYODA_BOOTSTRAP_CLIENT_ID": "b", "CYODA_BOOTSTRAP_CLIENT_SECRET": "x" * 15}),
        (None, {"CYODA_BOOTSTRAP_CLIENT_ID": "b", "CYODA_BOOTSTRAP_CLIENT_SECRET": "x" * 16}),
        ("cyoda.W006", {"CYODA_OIDC_REQUIRE_HTTPS": "false"}),
        ("cyoda.W006", {"CYODA_OIDC_ALLOW_PRIVATE_NETWORKS": "true"}),
        (None, {}),
    ],
)
def test_a_weak_setting_is_named_with_its_remedy(found: str | None, changed: dict[str, str]) -> None:
    with override_settings(CONF=load(PRODUCTION | changed), ALLOWED_HOSTS=["cyoda.example.org"]):
        told = own_messages()
    assert [message.id for message in told] == ([] if found is None else [found])
    assert all(message.hint for message in told)


@pytest.mark.parametrize(
    ("found", "changed"), [("cyoda.E003", {"DEBUG": True}), ("cyoda.E004", {"ALLOWED_HOSTS": ["*"]})]
)
def test_so_is_a_setting_of_django(found: str, changed: dict[str, object]) -> None:
    with override_settings(**({"CONF": load(PRODUCTION), "ALLOWED_HOSTS": ["a.example"]} | changed)):
        assert [message.id for message in own_messages()] == [found]


def test_without_being_asked_nothing_of_this_is_said() -> None:
    assert [message for message in run_checks() if str(message.id).startswith("cyoda.")] == []


def own_messages() -> list[CheckMessage]:
    return [each for each in run_checks(include_deployment_checks=True) if str(each.id).startswith("cyoda.")]
