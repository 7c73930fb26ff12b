"""Rolling applications out through the cloud API: what is refused, what is shown, and what goes with what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tenants.models import Application, AuditEvent, Client, LogLine
from tests.contract.cloud.conftest import (
    Caller,
    Organise,
    bearers,
    cloud_key,
    database,
    environment,
    organise,
    slug,
    work,
)

__all__ = ["bearers", "cloud_key", "database", "organise"]
pytestmark = pytest.mark.django_db
WORKER = {"name": "worker", "command": ["python3", "worker.py"], "env": {"TOKEN": "a secret of mine"}, "tags": ["fast"]}


@pytest.fixture
def commands(settings: Any) -> None:
    settings.CONF = replace(settings.CONF, applications=replace(settings.CONF.applications, commands=True))
    settings.CONF = replace(settings.CONF, iam=replace(settings.CONF.iam, encryption_keys=("a key of the tests",)))


@pytest.fixture
def owner(organise: Organise, database: str, commands: None) -> Caller:
    owner = organise(tier="pro")
    assert owner.up().status_code == 202
    work()
    return owner


def shown(owner: Caller) -> Any:
    return owner("GET", "/envs/dev/rollouts/worker").json()


def test_an_application_is_rolled_out_scaled_stopped_started_and_removed(owner: Caller) -> None:
    answer = owner("POST", "/envs/dev/rollouts", WORKER)
    assert answer.status_code == 202, answer.content
    made = answer.json()
    assert (made["state"], made["revision"], made["env"], made["tags"]) == ("starting", 1, ["TOKEN"], ["fast"])
    client = Client.objects.get(pk=made["client_id"])
    assert (client.roles, client.environment) == (["ROLE_M2M"], environment())
    assert owner("POST", "/envs/dev/rollouts", WORKER).json()["client_id"] == made["client_id"], "its own, kept"
    assert owner("PATCH", "/envs/dev/apps/worker", {"replicas": 3}).json()["replicas"] == 3
    assert owner("POST", "/envs/dev/apps/worker:stop").json()["state"] == "stopped"
    assert owner("POST", "/envs/dev/apps/worker:start").json()["revision"] == 3
    assert [one["name"] for one in owner("GET", "/envs/dev/rollouts").json()] == ["worker"]
    assert owner("DELETE", "/envs/dev/apps/worker").status_code == 202
    assert slug(owner("DELETE", "/envs/dev/apps/worker")) == (404, "not-found")
    assert not Client.objects.filter(pk=client.pk).exists()
    done = AuditEvent.objects.filter(target_type="application").order_by("at").values_list("action", flat=True)
    assert list(done) == ["rolled out", "rolled out", "scaled", "stopped", "restarted", "deleted"]


def test_secrets_are_shown_nowhere_and_are_encrypted_in_rows(owner: Caller) -> None:
    answer = owner("POST", "/envs/dev/rollouts", WORKER)
    row = Application.objects.get()
    assert b"a secret of mine" not in answer.content + bytes(row.variables)
    assert len(bytes(row.client_secret)) > 64
    assert "a secret of mine" not in str(list(AuditEvent.objects.values_list("after", flat=True)))


@pytest.mark.parametrize(
    "change",
    [
        {"name": "No Name"},
        {"image": "both"},
        {"command": []},
        {"command": ["a\0b"]},
        {"replicas": -1},
        {"replicas": 1000},
        {"env": {"CYODA_CLIENT_ID": "another"}},
        {"env": {"A=B": "x"}},
        {"tags": ["a,b"]},
    ],
)
def test_what_cannot_be_is_refused(owner: Caller, change: dict[str, Any]) -> None:
    assert slug(owner("POST", "/envs/dev/rollouts", WORKER | change)) == (400, "validation-error")
    assert not Application.objects.exists()


def test_all_replicas_together_are_no_more_than_the_tier_allows(owner: Caller) -> None:
    owner("POST", "/envs/dev/rollouts", WORKER | {"replicas": 3})
    too_many = owner("POST", "/envs/dev/rollouts", WORKER | {"name": "two", "replicas": 3})
    assert slug(too_many) == (403, "tier-not-entitled")
    assert slug(owner("PATCH", "/envs/dev/apps/worker", {"replicas": 6})) == (403, "tier-not-entitled")
    assert [row.replicas for row in Application.objects.all()] == [3], "and nothing has happened"
    owner("POST", "/envs/dev/apps/worker:stop")
    assert owner("POST", "/envs/dev/rollouts", WORKER | {"name": "two", "replicas": 3}).status_code == 202
    assert slug(owner("POST", "/envs/dev/apps/worker:start")) == (403, "tier-not-entitled")


def test_commands_run_only_where_the_operator_lets_them(owner: Caller, settings: Any) -> None:
    settings.CONF = replace(settings.CONF, applications=replace(settings.CONF.applications, commands=False))
    refusal = owner("POST", "/envs/dev/rollouts", WORKER)
    assert slug(refusal) == (409, "not-changeable")
    assert "CYODA_APPLICATIONS_COMMANDS" in refusal.json()["detail"]
    assert owner("POST", "/envs/dev/rollouts", {"name": "image", "image": "worker:1"}).status_code == 202


def test_images_run_unless_the_operator_turns_them_off(owner: Caller, settings: Any) -> None:
    settings.CONF = replace(settings.CONF, applications=replace(settings.CONF.applications, images=False))
    refusal = owner("POST", "/envs/dev/rollouts", {"name": "image", "image": "worker:1"})
    assert slug(refusal) == (409, "not-changeable")
    assert "CYODA_APPLICATIONS_IMAGES" in refusal.json()["detail"]


def test_what_is_to_be_built_from_source_is_registered_and_says_that_it_is_not(owner: Caller) -> None:
    order = {"name": "source", "repository_url": "https://example.org/a.git", "branch_name": "main"}
    made = owner("POST", "/envs/dev/rollouts", order).json()
    assert (made["state"], "not built from source" in made["message"]) == ("failed", True)


def test_a_token_without_the_scope_rolls_nothing_out(owner: Caller) -> None:
    reader = replace(owner, claims={"scope": "read:builds"})
    assert slug(reader("POST", "/envs/dev/rollouts", WORKER)) == (403, "forbidden")
    assert slug(reader("POST", "/envs/dev/members/tokens", {})) == (403, "forbidden")


def test_a_member_token_is_a_client_that_ends_and_never_administrates(owner: Caller) -> None:
    token = owner("POST", "/envs/dev/members/tokens", {"label": "laptop", "expires_in_days": 2}).json()
    client = Client.objects.get(pk=token["client_id"])
    assert (client.roles, client.label) == (["ROLE_M2M"], "laptop")
    left = datetime.fromisoformat(token["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=1, hours=23) < left <= timedelta(days=2)
    assert token["client_secret"] not in client.secret_hash
    assert slug(owner("POST", "/envs/dev/members/tokens", {"expires_in_days": 0})) == (400, "validation-error")
    assert slug(owner("POST", "/envs/none/members/tokens", {})) == (404, "not-found")


def test_the_log_has_the_making_and_the_lines_of_applications_page_by_page(owner: Caller) -> None:
    owner("POST", "/envs/dev/rollouts", WORKER)
    row, now = Application.objects.get(), datetime.now(UTC)
    LogLine.objects.bulk_create(LogLine(application=row, replica=0, at=now, text=f"line {n}") for n in range(5))
    seen: list[str] = []
    since = ""
    while (page := owner("GET", f"/envs/dev/logs?limit=6&since={since}").json())["items"]:
        since = page["next_since"]
        seen += [f"{line['source']}: {line['text']}" for line in page["items"]]
    assert seen[0] == "provisioning: create schema: running, attempt 1"
    assert seen[-5:] == [f"worker: line {n}" for n in range(5)]
    LogLine.objects.create(application=row, replica=1, at=now, text="later")
    (later,) = owner("GET", f"/envs/dev/logs?since={since}").json()["items"]
    assert (later["text"], later["replica"]) == ("later", 1)
    assert len(owner("GET", "/envs/dev/logs?app=worker").json()["items"]) == 6
    assert slug(owner("GET", "/envs/dev/logs?since=x")) == (400, "validation-error")
    assert slug(owner("GET", "/envs/dev/logs?app=none")) == (404, "not-found")


def test_another_organisation_sees_and_changes_nothing(owner: Caller, organise: Organise) -> None:
    owner("POST", "/envs/dev/rollouts", WORKER)
    before, stranger = shown(owner), organise("Globex")
    paths = ["POST /envs/dev/apps/worker:stop", "DELETE /envs/dev/apps/worker", "GET /envs/dev/logs"]
    paths += ["GET /envs/dev/rollouts/worker", "GET /envs/dev/members", "POST /envs/dev/apps/worker:restart"]
    for path in paths:
        assert slug(stranger(*path.split())) == (404, "not-found"), path
    assert slug(stranger("PATCH", "/envs/dev/apps/worker", {"replicas": 0})) == (404, "not-found")
    assert slug(stranger("POST", "/envs/dev/members/tokens", {})) == (404, "not-found")
    assert shown(owner) == before


def test_with_the_environment_its_applications_go(owner: Caller) -> None:
    owner("POST", "/envs/dev/rollouts", WORKER)
    LogLine.objects.create(application=Application.objects.get(), replica=0, at=datetime.now(UTC), text="bye")
    owner("DELETE", "/envs/dev")
    assert slug(owner("POST", "/envs/dev/rollouts", WORKER)) == (409, "not-changeable")
    work()
    assert (Application.objects.count(), LogLine.objects.count(), Client.objects.count()) == (0, 0, 0)
