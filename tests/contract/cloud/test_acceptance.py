"""Acceptance of the cloud API, row by row (contract: control plane 12, rows 1 to 17).

Rows 18 to 20 are in `test_acceptance_studio.py`, 21 to 25 in `test_acceptance_environment.py`.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db.models import F

from cyoda.clock import system_clock
from tenants.cloud.builds import Cursor, _read, _text
from tenants.models import Environment, Provisioning
from tenants.provisioning.base import StepRefused
from tests.contract.cloud.conftest import Organise, environment, slug, work
from tests.contract.tenants.conftest import EVERYTHING, NOTHING, traces_of
from tests.contract.tenants.drivers import STEPS, FailingDriver

KEY = "7f3c9a2b41d84e55"


def test_every_row_of_the_section_is_there() -> None:
    files = Path(__file__).parent.glob("test_acceptance*.py")
    names = [name for file in files for name in re.findall(r"def (test_rows?_\w+)", file.read_text(encoding="utf-8"))]
    rows = {int(number) for name in names for number in re.findall(r"(?<=_)\d+(?=_)", name)}
    assert rows == set(range(1, 26))


@pytest.mark.django_db
@pytest.mark.parametrize("key", [None, "", "fifteen-letters", "x" * 201, "sixteen letters\x00"])
def test_row_1_an_order_needs_an_idempotency_key(organise: Organise, key: str | None) -> None:
    answer = organise()("POST", "/envs", {"env_name": "dev", "backend": "local"}, key=key)
    assert slug(answer) == (400, "validation-error")
    assert not Environment.objects.exists()


@pytest.mark.django_db
def test_row_2_the_first_order_is_queued_with_its_ids(organise: Organise) -> None:
    ann = organise()
    answer = ann.up(key=KEY, chat_id="chat-7")
    assert answer.status_code == 202
    detail = answer.json()
    row = environment()
    assert detail.pop("creation_date").endswith("Z")
    assert detail == {
        "env_id": str(row.pk),
        "env_name": "dev",
        "state": "Queued",
        "namespace": row.namespace,
        "app_namespace": row.app_namespace,
        "cyoda_env_url": django_settings.PUBLIC_URL,
        "m2m_client_id": "",
        "build_id": str(row.build.pk),
    }
    assert row.namespace.startswith("cl-")
    assert row.app_namespace.startswith("cl-app-")
    build = ann("GET", f"/builds/{row.build.pk}").json()
    assert (build["state"], build["action"], build["chat_id"]) == ("Queued", "env", "chat-7")


@pytest.mark.usefixtures("database")
def test_rows_3_6_11_and_12_the_life_of_an_environment(organise: Organise) -> None:
    ann = organise()
    first = ann.up(key=KEY).json()
    assert [ann.up(key=KEY).json() for _ in range(2)] == [first, first]
    work()
    again = ann.up(key=KEY)
    assert again.status_code == 200
    assert (again.json()["env_id"], again.json()["state"]) == (first["env_id"], "Ready")
    assert again.json()["m2m_client_id"] == environment().m2m_client_id != ""
    assert traces_of(environment()) == EVERYTHING
    assert ann("GET", f"/builds/{first['build_id']}").json()["state"] == "SUCCESS"

    assert slug(ann("POST", "/envs/dev:cancel")) == (409, "not-cancellable")
    assert ann("DELETE", "/envs/dev").status_code == 202
    assert ann("GET", "/envs/dev").json()["state"] == "PROCESSING"
    assert slug(ann.up()) == (409, "env-already-exists")
    assert ann("DELETE", "/envs/dev").status_code == 202
    work()
    assert ann("GET", "/envs/dev").json()["state"] == "Env_Torn_Down"
    assert slug(ann("DELETE", "/envs/dev")) == (404, "not-found")
    assert ann("GET", "/envs").json() == []
    [ended] = ann("GET", "/envs?include_terminal=true").json()
    assert (ended["env_id"], ended["state"]) == (first["env_id"], "Env_Torn_Down")
    assert traces_of(environment()) == NOTHING

    second = ann.up(key="another-key-of-mine")
    assert second.status_code == 202
    assert second.json()["env_id"] != first["env_id"]
    assert ann.up(key=KEY).json()["state"] == "Env_Torn_Down", "the first key still means the first environment"


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"backend": "other"}, {"chat_id": "c"}, {"m2m_with_admin_role": True}])
def test_row_4_a_key_means_one_request(organise: Organise, change: dict[str, Any]) -> None:
    ann = organise()
    ann.up(key=KEY)
    assert slug(ann("POST", "/envs", {"env_name": "dev", "backend": "local"} | change, key=KEY)) == (
        409,
        "idempotency-conflict",
    )
    assert Environment.objects.count() == 1


@pytest.mark.django_db
def test_row_4_the_order_of_members_and_white_space_mean_nothing(organise: Organise) -> None:
    ann = organise()
    first = ann("POST", "/envs", b'{"env_name":"dev","backend":"local"}', key=KEY)
    second = ann("POST", "/envs", b'{ "backend": "local", "env_name": "dev" }', key=KEY)
    assert (first.status_code, second.status_code) == (202, 200)


@pytest.mark.django_db
def test_row_5_a_live_name_is_taken(organise: Organise) -> None:
    ann = organise()
    first = ann.up().json()
    answer = ann.up()
    assert slug(answer) == (409, "env-already-exists")
    assert answer.json()["env_id"] == first["env_id"]
    assert answer.json()["detail"] == "dev is in state Queued"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name",
    ["Dev", "a--b", "a-", "app", "cl", "cl-x", "app-x", "a" * 23, "kube-system", "default", "1a", "-a", "", "a_b", 7],
)
def test_row_7_names_are_judged(organise: Organise, name: object) -> None:
    answer = organise()("POST", "/envs", {"env_name": name, "backend": "local"}, key=KEY)
    assert slug(answer) == (400, "validation-error")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/envs/dev"), ("DELETE", "/envs/dev"), ("POST", "/envs/dev:cancel"), ("GET", "/builds/{build}")],
)
def test_row_8_what_others_own_does_not_exist(organise: Organise, method: str, path: str) -> None:
    owned = organise().up().json()
    stranger = organise("Globex")
    answer = stranger(method, path.format(build=owned["build_id"]))
    assert slug(answer) == (404, "not-found")
    assert owned["env_id"] not in answer.content.decode()
    assert environment().state == "provisioning"
    assert stranger("GET", "/envs?include_terminal=true").json() == []
    assert stranger("GET", "/builds").json() == {"items": [], "next_cursor": None}
    assert stranger.up().status_code == 202, "each organisation has its own names"


@pytest.mark.django_db
def test_row_8_a_key_is_its_users_own(organise: Organise) -> None:
    ann = organise()
    ann.up(key=KEY)
    ann.user = "u-2"
    assert slug(ann.up(key=KEY)) == (409, "env-already-exists")
    assert organise("Globex").up(key=KEY).status_code == 202


@pytest.mark.django_db
@pytest.mark.parametrize("tier", ["free", "pro"])
def test_row_9_a_back_end_must_be_in_the_tier(organise: Organise, tier: str) -> None:
    answer = organise(tier=tier).up(backend="cassandra-replicated")
    assert slug(answer) == (403, "tier-not-entitled")
    assert answer.json()["tier"] == tier


@pytest.mark.django_db
def test_row_10_deploys_of_a_day_are_counted(organise: Organise) -> None:
    ann = organise(tier="pro")
    for name in ("one", "two", "three"):
        assert ann.up(name).status_code == 202
    Provisioning.objects.filter(environment__name="one").update(created_at=F("created_at") - timedelta(hours=23))
    refused = ann.up("four")
    assert slug(refused) == (429, "quota-exceeded")
    assert 3500 < int(refused["Retry-After"]) <= 3600
    me = ann("GET", "/me").json()
    assert me["quota"]["env_deploys"] == {"window": "24h", "used": 3, "limit": 3}
    Provisioning.objects.filter(environment__name="one").update(created_at=F("created_at") - timedelta(hours=2))
    assert ann.up("four").status_code == 202


@pytest.mark.usefixtures("database")
def test_row_11_an_order_can_be_cancelled_until_it_is_done(organise: Organise) -> None:
    ann = organise()
    ann.up()
    assert slug(ann("POST", "/envs/nothing:cancel")) == (404, "not-found")
    assert ann("POST", "/envs/dev:cancel").status_code == 202
    assert ann("GET", "/envs/dev").json()["state"] == "PROCESSING"
    work()
    assert ann("GET", "/envs/dev").json()["state"] == "Job_Cancelled"
    assert slug(ann("POST", "/envs/dev:cancel")) == (409, "not-cancellable")
    build = ann("GET", f"/builds/{environment().build.pk}").json()
    assert (build["state"], build["job_status_text"][:9]) == ("CANCELLED", "cancelled")

    assert ann.up().status_code == 202, "the name is free"
    work(steps=3)
    assert ann("GET", "/envs/dev").json()["state"] == "Job_Scheduled"
    assert traces_of(environment()) == EVERYTHING
    assert ann("POST", "/envs/dev:cancel").status_code == 202
    work()
    assert ann("GET", "/envs/dev").json()["state"] == "Job_Cancelled"
    assert traces_of(environment()) == NOTHING


@pytest.mark.usefixtures("database")
def test_row_12_what_is_being_made_is_turned_back_when_it_is_deleted(organise: Organise) -> None:
    ann = organise()
    ann.up()
    assert [ann("DELETE", "/envs/dev").status_code for _ in range(2)] == [202, 202]
    work()
    assert ann("GET", "/envs/dev").json()["state"] == "Job_Cancelled"
    assert ann("DELETE", "/envs/dev").status_code == 202
    assert ann("GET", "/envs/dev").json()["state"] == "Env_Torn_Down"
    assert slug(ann("DELETE", "/envs/dev")) == (404, "not-found")


@pytest.mark.django_db
@pytest.mark.parametrize("body", [None, b"no json", {"action": "build", "repository_url": "r", "branch_name": "main"}])
@pytest.mark.parametrize("roles", [("ROLE_OWNER",), ("ROLE_VIEWER",)])
def test_row_13_applications_are_in_no_tier(organise: Organise, body: object, roles: tuple[str, ...]) -> None:
    answer = organise(roles=roles)("POST", "/builds", body)
    assert slug(answer) == (403, "tier-not-entitled")
    assert answer.json()["tier"] == "enterprise"


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "path"), [("DELETE", "/builds/x"), ("POST", "/builds/x:cancel")])
def test_row_13_nor_are_their_ends(organise: Organise, method: str, path: str) -> None:
    assert slug(organise()(method, path)) == (403, "tier-not-entitled")


@pytest.mark.django_db
def test_row_14_pages_of_builds_repeat_nothing(organise: Organise) -> None:
    ann = organise()
    made = [ann.up(name).json()["build_id"] for name in ("one", "two", "three")]
    first = ann("GET", "/builds?limit=1&action=env&state=Queued").json()
    ann.up("four")
    seen, cursor = [first["items"][0]["build_id"]], first["next_cursor"]
    while cursor:
        page = ann("GET", f"/builds?cursor={cursor}").json()
        assert len(page["items"]) == 1
        seen, cursor = [*seen, page["items"][0]["build_id"]], page["next_cursor"]
    assert seen == made[::-1]


@pytest.mark.django_db
def test_row_14_a_cursor_expires_and_serves_nobody_else(organise: Organise) -> None:
    ann = organise()
    for name in ("one", "two"):
        ann.up(name)
    text = ann("GET", "/builds?limit=1").json()["next_cursor"]
    assert organise("Globex")("GET", f"/builds?cursor={text}").json()["items"] == []
    cursor = _read(text)
    late = Cursor(
        system_clock() - timedelta(seconds=1),
        cursor.created_at,
        cursor.build,
        cursor.limit,
        cursor.action,
        cursor.state,
    )
    assert slug(ann("GET", f"/builds?cursor={_text(late)}")) == (409, "cursor-expired")
    assert slug(ann("GET", "/builds?cursor=nonsense")) == (400, "validation-error")


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["0.3.9", "0.4.0-rc.1", "v0.0.1", "nonsense"])
@pytest.mark.parametrize("path", ["/me", "/envs", "/builds/x", "/nowhere"])
def test_row_15_an_old_command_line_is_told_the_version_it_needs(organise: Organise, version: str, path: str) -> None:
    caller = organise(headers={"Cyoda-Cloud-CLI-Version": version, "Authorization": "none"})
    answer = caller("GET", path)
    assert slug(answer) == (426, "server-min-version-required")
    assert "0.4.0" in answer.json()["detail"]


@pytest.mark.django_db
@pytest.mark.parametrize("version", ["0.4.0", "v0.4.1", "1.0.0-rc.1", "0.10.0"])
def test_row_15_a_newer_one_is_answered(organise: Organise, version: str) -> None:
    assert organise()("GET", "/me", **{"Cyoda-Cloud-CLI-Version": version}).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize("authorization", ["", "Bearer nonsense", "Basic YTpi"])
@pytest.mark.parametrize("path", ["/me", "/envs", "/envs/dev", "/builds", "/nowhere"])
def test_row_16_without_a_token_nothing_is_told(organise: Organise, authorization: str, path: str) -> None:
    answer = organise()("GET", path, Authorization=authorization)
    assert slug(answer) == (401, "unauthenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.django_db
def test_row_16_the_well_known_documents_are_public(organise: Organise) -> None:
    caller = organise(headers={"Authorization": "none", "Cyoda-Cloud-CLI-Version": "0.0.1"})
    assert caller("GET", "/.well-known/cli-min-version").json() == {"min": "0.4.0"}
    document = caller("GET", "/.well-known/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) >= {"/me", "/envs", "/envs/{name}", "/envs/{name}:cancel", "/builds"}


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("step", "state"),
    list(zip(STEPS, ("Job_Failed", "Bootstrap_Failed", "Mint_Failed", "Job_Failed"), strict=True)),
)
def test_row_17_what_failed_leaves_nothing(organise: Organise, step: str, state: str) -> None:
    ann = organise()
    ann.up()
    work(FailingDriver(step, lambda: StepRefused("a secret of the inside")))
    answer = ann("GET", "/envs/dev")
    assert answer.json()["state"] == state
    assert answer.json()["m2m_client_id"] == ""
    assert traces_of(environment()) == NOTHING
    build = ann("GET", f"/builds/{environment().build.pk}").json()
    assert build["state"] == "FAILED"
    assert build["job_status_text"] == f"pipeline-failed (incident {build['build_id'][:8]})"
    assert ann.up().status_code == 202, "the name is free"


@pytest.mark.usefixtures("database")
def test_row_17_an_admin_client_that_is_not_enabled_cannot_be_minted(organise: Organise) -> None:
    ann = organise()
    ann.up(m2m_with_admin_role=True)
    work()
    assert ann("GET", "/envs/dev").json()["state"] == "Mint_Failed"
    assert traces_of(environment()) == NOTHING
