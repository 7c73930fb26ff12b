"""In which order a request is judged, and by what (contract: control plane 4.3, 4.4)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError

from cyoda.permissions import ROLE_ADMIN, ROLE_DEVELOPER, ROLE_OPERATOR, ROLE_OWNER, ROLE_VIEWER, Action
from cyoda.principal import ROLE_M2M
from tenants.cloud import problems
from tenants.cloud.endpoint import MAX_BODY_BYTES
from tenants.cloud.problems import Type
from tenants.cloud.scopes import ADMIN_ALL, scopes_of
from tenants.models import Backend, Environment, Organisation, RateBucket
from tenants.services.audit import PLATFORM
from tenants.services.organisations import suspend_organisations
from tests.contract.cloud.conftest import Organise, slug

pytestmark = pytest.mark.django_db
ORDER = {"env_name": "dev", "backend": "local"}
BODY_AT_LIMIT = json.dumps(ORDER).encode().ljust(MAX_BODY_BYTES)


def test_the_table_of_problem_types_is_the_contracts() -> None:
    types = {kind.slug: kind.status for kind in vars(problems).values() if isinstance(kind, Type)}
    contract = {
        "unauthenticated": 401, "revoked": 401, "forbidden": 403, "tier-not-entitled": 403,
        "quota-exceeded": 429, "not-found": 404,
        "idempotency-conflict": 409, "cursor-expired": 409, "env-already-exists": 409, "validation-error": 400,
        "invalid-org-id": 400, "server-min-version-required": 426,
    }  # fmt: skip
    assert types.items() >= contract.items()
    assert 500 <= types["upstream-failure"] < 600


def test_each_check_comes_before_the_next(organise: Organise) -> None:
    """A request that is wrong in every way, corrected step by step."""
    ann = organise(roles=(ROLE_VIEWER,), tier="free")
    real, ann.tenant = ann.tenant, "nobody's"
    wrong: dict[str, str] = {"Cyoda-Cloud-CLI-Version": "0.0.1", "Authorization": "Bearer none"}

    def asked(body: Any = b"{", key: str | None = None, path: str = "/envs") -> tuple[int, str]:
        RateBucket.objects.all().delete()
        answer = ann("POST", path, body, key=key, **wrong)
        return (answer.status_code, "") if answer.status_code < 400 else slug(answer)

    assert asked() == (426, "server-min-version-required")
    del wrong["Cyoda-Cloud-CLI-Version"]
    assert asked() == (401, "unauthenticated")
    del wrong["Authorization"]
    assert asked() == (400, "invalid-org-id")
    ann.tenant = real
    assert asked(path="/builds") == (403, "tier-not-entitled"), "the tier's gate comes before the scope"
    assert asked() == (403, "forbidden")
    ann.roles = (ROLE_OWNER,)
    assert asked() == (400, "validation-error")
    assert asked(ORDER | {"backend": "other"}) == (400, "validation-error"), "the key is part of what is validated"
    key = "a-key-of-some-length"
    assert asked(ORDER | {"backend": "other"}, key) == (403, "tier-not-entitled")
    assert asked(ORDER, key) == (202, "")
    assert asked(ORDER | {"backend": "other"}, key) == (409, "idempotency-conflict"), "the key before the back end"
    assert asked(ORDER | {"backend": "other"}, key + "2") == (403, "tier-not-entitled"), "the back end before the name"
    assert asked(ORDER, key + "2") == (409, "env-already-exists"), "the name before the quota"
    assert asked(ORDER | {"env_name": "two"}, key + "2") == (429, "quota-exceeded")
    assert asked(ORDER, key) == (200, ""), "the key before all of these"


def test_the_rate_limit_comes_before_the_body_and_after_the_scope(organise: Organise) -> None:
    ann = organise()
    answers = [ann("POST", "/envs", b"{") for _ in range(11)]
    assert [slug(answer) for answer in answers] == [(400, "validation-error")] * 10 + [(429, "quota-exceeded")]
    assert answers[-1]["Retry-After"] == "1"
    ann.roles = (ROLE_VIEWER,)
    assert slug(ann("POST", "/envs", b"{")) == (403, "forbidden")


def test_users_and_routes_have_buckets_of_their_own(organise: Organise) -> None:
    ann = organise()
    for _ in range(10):
        assert ann("GET", "/me").status_code == 200
    assert slug(ann("GET", "/me")) == (429, "quota-exceeded")
    assert ann("GET", "/envs").status_code == 200
    assert slug(ann("GET", "/envs/a")) == slug(ann("GET", "/envs/b")) == (404, "not-found")
    assert RateBucket.objects.filter(key__endswith="/envs/{name}").count() == 1, "names share the route's bucket"
    ann.user = "u-2"
    assert ann("GET", "/me").status_code == 200


@pytest.mark.parametrize("claim", ["caas_org_id", "caas_user_id"])
def test_a_token_must_name_organisation_and_user(organise: Organise, claim: str) -> None:
    claims = {"caas_org_id": None} if claim == "caas_org_id" else {"caas_user_id": None, "sub": None}
    assert slug(organise(claims=claims)("GET", "/me")) == (400, "invalid-org-id")


def test_a_token_of_an_environment_means_its_organisation(organise: Organise) -> None:
    ann = organise()
    ann.up()
    ann.tenant = Environment.objects.get().tenant_id
    assert ann("GET", "/envs/dev").status_code == 200


def test_an_organisation_is_meant_by_its_own_id_before_a_tenant_that_is_called_so(organise: Organise) -> None:
    ann = organise()
    Environment.of_tenant(ann.tenant, organisation=Organisation.objects.create(name="Globex"), state="ready").save()
    assert ann("GET", "/me").json()["org_id"] == ann.tenant
    ann.claims = {"user_roles": None, "scopes": [ROLE_M2M]}
    assert ann("GET", "/me").json()["org_id"] != ann.tenant, "a client is its tenant's"


def test_a_suspended_organisation_is_refused(organise: Organise) -> None:
    ann = organise()
    suspend_organisations(PLATFORM, Organisation.objects.all())
    assert slug(ann("GET", "/me")) == (403, "forbidden")


@pytest.mark.parametrize(("body", "status"), [(BODY_AT_LIMIT, 202), (BODY_AT_LIMIT + b" ", 400)])
def test_bodies_have_a_limit(organise: Organise, body: bytes, status: int) -> None:
    assert organise()("POST", "/envs", body, key="a-key-of-some-length").status_code == status


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'{"env_name":"dev"}', b'{"env_name":"dev","backend":1}', b'{"env_name":"dev","backend":""}',
     b'{"env_name":"dev","backend":"local","m2m_with_admin_role":"yes"}', b"[" * 100_000, b'"\xff"'],
)  # fmt: skip
def test_bodies_that_are_no_order_are_refused(organise: Organise, body: bytes) -> None:
    assert slug(organise()("POST", "/envs", body, key="a-key-of-some-length")) == (400, "validation-error")


def test_unknown_members_of_an_order_are_left_alone(organise: Organise) -> None:
    assert organise().up(of_a_later_version=True).status_code == 202


def test_unknown_paths_and_methods_are_problems_too(organise: Organise) -> None:
    ann = organise()
    assert slug(ann("GET", "/nowhere")) == (404, "not-found")
    answer = ann("PUT", "/envs/dev")
    assert slug(answer) == (405, "method-not-allowed")
    assert answer["Allow"] == "DELETE, GET"
    assert slug(ann("GET", "/envs?include_terminal=perhaps")) == (400, "validation-error")
    assert slug(ann("GET", "/builds?limit=0")) == (400, "validation-error")
    assert slug(ann("GET", "/builds?limit=101")) == (400, "validation-error")
    assert slug(ann("GET", "/builds?action=other")) == (400, "validation-error")
    assert ann("GET", "/builds?action=deploy").json()["items"] == []


@pytest.mark.parametrize(
    ("roles", "claim", "expected"),
    [
        ((ROLE_VIEWER,), None, {"read:builds"}),
        ((ROLE_DEVELOPER,), None, {"read:builds"}),
        ((ROLE_M2M,), None, {"read:builds"}),
        ((), None, {"read:builds"}),
        ((ROLE_OPERATOR,), "delete:env", {"delete:env"}),
        ((ROLE_OWNER,), "openid read:builds deploy:env", {"read:builds", "deploy:env"}),
        ((ROLE_OWNER,), ["cancel:env"], {"cancel:env"}),
        ((ROLE_VIEWER,), "read:builds deploy:env admin:all", {"read:builds"}),
        ((ROLE_OWNER,), "", set()),
        ((ROLE_OWNER,), 7, set()),
    ],
)
def test_scopes_come_from_roles_and_a_claim_narrows_them(
    roles: tuple[str, ...], claim: object, expected: set[str]
) -> None:
    assert scopes_of(roles, {} if claim is None else {"scope": claim}) == expected


def test_an_owner_has_all_scopes_but_the_platforms(organise: Organise) -> None:
    scopes = organise()("GET", "/me").json()["scopes"]
    assert ADMIN_ALL not in scopes
    assert {"deploy:env", "cancel:env", "delete:env", "deploy:app"} <= set(scopes)
    assert ADMIN_ALL in scopes_of((ROLE_ADMIN,), {}), Action.OPERATE


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [("GET", "/me", "read:builds"), ("GET", "/envs", "read:builds"), ("POST", "/envs", "deploy:env"),
     ("GET", "/envs/a", "read:builds"), ("DELETE", "/envs/a", "delete:env"), ("POST", "/envs/a:cancel", "cancel:env"),
     ("GET", "/builds", "read:builds"), ("GET", "/builds/a", "read:builds")],
)  # fmt: skip
def test_each_endpoint_needs_its_scope(organise: Organise, method: str, path: str, scope: str) -> None:
    everything = {"read:builds", "deploy:env", "delete:env", "cancel:env", "deploy:app"}
    ann = organise(claims={"scope": " ".join(everything - {scope})})
    answer = ann(method, path)
    assert slug(answer) == (403, "forbidden")
    assert scope in answer.json()["detail"]
    ann.claims = {"scope": scope}
    assert ann(method, path).status_code != 403


def test_who_i_am(organise: Organise) -> None:
    me = organise(tier="free", claims={"caas_cyoda_employee": True})("GET", "/me").json()
    scopes = me.pop("scopes")
    assert "read:builds" in scopes
    assert me == {
        "user_id": "u-1",
        "org_id": str(Organisation.objects.get().pk),
        "tier": "free",
        "roles": [ROLE_OWNER],
        "is_cyoda_employee": True,
        "quota": {
            "env_deploys": {"window": "24h", "used": 0, "limit": 1},
            "app_deploys": {"window": "24h", "used": 0, "limit": 0},
        },
        "features": {"deploy_app": False},
    }


def test_an_installation_without_limits_limits_no_deploys(organise: Organise, settings: Any) -> None:
    settings.CONF = replace(settings.CONF, quotas=replace(settings.CONF.quotas, enabled=False))
    ann = organise(tier="free")
    assert [ann.up(name).status_code for name in ("one", "two")] == [202, 202]
    assert ann("GET", "/me").json()["quota"]["env_deploys"]["limit"] == -1
    assert Environment.objects.filter(expires_at=None).count() == 2
    assert slug(ann.up("three", "other")) == (403, "tier-not-entitled"), "there is no such back end"


def test_a_back_end_that_is_full_or_closed_takes_no_more(organise: Organise) -> None:
    Backend.objects.create(slug="small", title="Small", driver="local", capacity=1, region="here")
    ann = organise()
    assert ann.up("one", "small").status_code == 202
    assert Environment.objects.get(name="one").region == "here"
    refused = ann.up("two", "small")
    assert slug(refused) == (503, "upstream-failure")
    assert refused["Retry-After"] == "60"
    Backend.objects.filter(pk="small").update(is_enabled=False)
    assert slug(ann.up("three", "small")) == (403, "tier-not-entitled")


def test_a_database_that_fails_is_an_upstream_failure(organise: Organise, monkeypatch: pytest.MonkeyPatch) -> None:
    ann = organise()

    def broken(*_: object) -> None:
        raise OperationalError("the server closed the connection: password=hunter2")

    monkeypatch.setattr("tenants.cloud.access.tier_of", broken)
    answer = ann("GET", "/me")
    assert slug(answer) == (503, "upstream-failure")
    assert b"hunter2" not in answer.content


def test_what_nobody_foresaw_has_a_ticket_and_tells_nothing(
    organise: Organise, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = organise()
    monkeypatch.setattr("tenants.cloud.access.tier_of", lambda *_: 1 / 0)
    answer = ann("GET", "/me")
    assert slug(answer) == (500, "internal-error")
    assert "ticket" in answer.json()["detail"]
    assert b"division" not in answer.content


def test_a_look_at_the_state_is_one_statement(organise: Organise, django_assert_num_queries: Any) -> None:
    ann, bob = organise(), organise("Globex")
    build_id = ann.up().json()["build_id"]
    for path, state in (("/envs/dev", "Queued"), (f"/builds/{build_id}", "Queued")):
        with django_assert_num_queries(1):
            assert ann("GET", path).json()["state"] == state
        with django_assert_num_queries(1):
            assert bob("GET", path).status_code == 404
    with django_assert_num_queries(2):
        assert len(ann("GET", "/envs").json()) == 1
