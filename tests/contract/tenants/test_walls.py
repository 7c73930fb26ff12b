"""The wall between tenants in what no request shows: rows, tasks, and what a node remembers.

What is new fails here until it is listed. Routes are crossed in tests/contract/{http,identity}, event types in
tests/contract/grpc, pages of the back office in test_admin.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import models
from django.forms.models import model_to_dict
from django.test import Client as Browser

from cyoda.celery import app
from tenants.models import Environment, Membership, Organisation, Role
from tenants.services import invitations
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import provision_environment
from tenants.tasks import advance_run
from tenants.ui.console.place import slug_of
from tenants.ui.urls import urlpatterns
from tests.contract.tenants.people.conftest import sign_in

ROOT = Path(__file__).parents[3]

# --- rows -----------------------------------------------------------------------------------------------------------

OWNED = {
    "Application": "environment",
    "ApplicationProcess": "application.environment",
    "ChosenView": "environment",
    "Client": "environment",
    "ConnectedMembers": "environment",
    "Consent": "organisation",
    "Domain": "tenant",
    "DraftRevision": "draft.environment",
    "Environment": "organisation",
    "Export": "environment",
    "IdempotencyKey": "environment",
    "Invitation": "organisation",
    "LogLine": "application.environment",
    "Membership": "organisation",
    "Notice": "environment",
    "NoticeDelivery": "notice.environment",
    "OidcProvider": "environment",
    "Organisation": "",
    "Provisioning": "environment",
    "ProvisioningEvent": "run.environment",
    "ProvisioningStep": "run.environment",
    "SavedView": "environment",
    "StudioBuild": "namespace.environment",
    "StudioNamespace": "environment",
    "Subscription": "organisation",
    "TrustedKey": "environment",
    "UsagePeriod": "environment",
    "Visit": "environment",
    "WorkflowDraft": "environment",
}
"""Models whose rows belong to a tenant, and the path from a row to its environment or organisation."""

GLOBAL = {
    "AuditEvent": "keeps the ids of organisation and tenant as values, because it outlives them",
    "Backend": "a place for environments of everybody",
    "Epoch": "numbers of the installation",
    "MemberSeat": "names its tenant by the schema; rows end with their node",
    "Orphan": "a schema that belongs to no tenant",
    "Outbox": "ids of runs; what is done comes from the run",
    "Person": "a login, which may be a member of several organisations",
    "QuotaWindow": "names its tenant by the schema; counters only",
    "RateBucket": "counters whose key names the user and the route",
    "RefreshToken": "a login's; it gives tokens for that person's memberships only",
    "SetupLink": "makes the first administrator of the installation",
    "SigningKey": "signs the tokens of all tenants",
    "Tier": "what can be subscribed to",
    "Webhook": "an organisation's, or the operators' own: crossed in tests/contract/usage",
}
"""Models whose rows belong to no tenant, each with the reason."""


def test_every_model_belongs_to_a_tenant_or_says_why_not() -> None:
    named = {model.__name__ for model in apps.get_app_config("tenants").get_models()}
    assert OWNED.keys() & GLOBAL.keys() == set()
    assert named == OWNED.keys() | GLOBAL.keys()


@pytest.mark.parametrize("name", sorted(OWNED))
def test_the_path_to_the_owner_exists_and_every_row_has_one(name: str) -> None:
    model: Any = apps.get_model("tenants", name)
    for step in filter(None, OWNED[name].split(".")):
        field = model._meta.get_field(step)
        assert isinstance(field, models.ForeignKey), f"{name}.{step}"
        assert not field.null, f"{name}.{step}"
        model = field.related_model
    assert model in (Environment, Organisation)


# --- tasks ----------------------------------------------------------------------------------------------------------

TASKS = {
    "tenants.tasks.advance_run": "one run, by its id: crossed below",
    "tenants.tasks.drain_outbox": "no argument",
    "tenants.tasks.reconcile": "no argument",
    "tenants.tasks.expire_environments": "no argument",
    "tenants.tasks.measure_usage": "no argument",
    "tenants.tasks.deliver_notices": "no argument",
    "workflows.tasks.do_work": "a tenant and a row of its schema: crossed in tests/unit/searching",
    "workflows.tasks.find_searches": "no argument",
    "workflows.tasks.remove_expired": "no argument",
}


def test_every_task_is_listed_and_takes_no_more_than_it_says() -> None:
    app.loader.import_default_modules()
    own = {name: task for name, task in app.tasks.items() if not name.startswith("celery.")}
    assert own.keys() == TASKS.keys()
    for name, reason in TASKS.items():
        assert (own[name].run.__code__.co_argcount == 0) == (reason == "no argument"), name


def rows_of(environment: Environment) -> list[dict[str, Any]]:
    """Everything of the control plane that belongs to an environment."""
    kept = [environment, *environment.clients.all(), *environment.runs.all()]
    kept += [step for run in environment.runs.all() for step in run.steps.all()]
    return [model_to_dict(row) for row in type(environment)._default_manager.filter(pk=environment.pk)] + [
        model_to_dict(row) for row in kept
    ]


def test_a_run_changes_nothing_of_another_tenant(database: str, settings: Any) -> None:
    first = provision_environment(PLATFORM, "First", tenant_id="first").run
    second = provision_environment(PLATFORM, "Second", tenant_id="second").run
    settings.CELERY_TASK_ALWAYS_EAGER = False
    before = rows_of(first.environment)
    sent: list[str] = []
    original = advance_run.delay
    advance_run.delay = sent.append  # type: ignore[method-assign] - no broker
    try:
        advance_run(str(second.pk))
        while sent:
            advance_run(sent.pop())
        advance_run(str(uuid4()))
    finally:
        advance_run.delay = original  # type: ignore[method-assign]
    second.environment.refresh_from_db()
    first.environment.refresh_from_db()
    assert second.environment.state == "ready"
    assert rows_of(first.environment) == before


# --- pages ----------------------------------------------------------------------------------------------------------

PUBLIC = {
    "login", "logout", "sign-up", "theme", "login/deactivated", "password-reset", "password-reset/sent",
    "password-reset/done", "oidc/cancelled", "oidc/failed", "oidc/sign-up", "setup/x", "invitations/x",
    "password-reset/1-x", "policy-report",
}  # fmt: skip
"""Pages that open to strangers: ways in and out, and links that are secrets themselves."""


def paths(patterns: Any, prefix: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern).removeprefix("^").removesuffix("$")
        if hasattr(pattern, "url_patterns"):
            yield from paths(pattern.url_patterns, route)
        else:
            yield route


VALUES = {
    "<str:token>": "x",
    r"(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)": "1-x",
    "<str:tenant>": "acme-0123456789ab",
    "<str:name>": "dev",
    "<name:model>": "order",
    "<name:workflow>": "life",
    "<int:version>": "1",
    "<slug:slug>": "models",
    "<slug:tab>": "data",
    "<uuid:entity_id>": str(uuid4()),
    "<uuid:draft>": str(uuid4()),
    "<int:number>": "1",
    "<str:client_id>": "c1",
    "<uuid:transaction_id>": str(uuid4()),
    "<uuid:message_id>": str(uuid4()),
    "<name:application>": "x",
    "<uuid:provider_id>": str(uuid4()),
    "<uuid:view_id>": str(uuid4()),
    "<uuid:job_id>": str(uuid4()),
    "<uuid:export_id>": str(uuid4()),
    "<name:key_id>": "crm-1",
    "<str:kid>": "k1",
    "<slug:form>": "csv",
    "<int:member_id>": "1",
    "<uuid:invitation_id>": str(uuid4()),
}


def filled(route: str, values: Mapping[str, str] | None = None) -> str:
    for place, value in {**VALUES, **(values or {})}.items():
        route = route.replace(place, value)
    return route


@pytest.fixture
def pages_only(settings: Any) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]  # looks at every asset


def test_no_page_opens_to_a_stranger_but_the_ways_in(database: str, pages_only: None) -> None:
    asked = [filled(route) for route in paths(urlpatterns)]
    assert len(asked) > 20
    assert set(asked) >= PUBLIC
    for path in asked:
        assert "<" not in path, f"a page with a value: name it here: {path}"
        answer = Browser().get(f"/{path}")
        if path not in PUBLIC:
            assert answer.status_code == 302, path
            assert answer.headers["Location"].startswith(("/login", "/me")), path


# --- what a node remembers ------------------------------------------------------------------------------------------

REMEMBERED = {
    "cyoda/cluster/following.py:_members": "the id of a member, which has one tenant",
    "cyoda/cluster/following.py:_unpublished": "the id of a member, which has one tenant",
    "cyoda/cluster/membership.py:members": "ids of a node and a member, which has one tenant; offers go by tenant",
    "cyoda/cluster/membership.py:nodes": "ids of nodes, which serve all tenants",
    "cyoda/cluster/peers.py:_channels": "ids of nodes, which serve all tenants",
    "tenants/applications/lines.py:_untrimmed": "by the ids of applications; counts of lines",
    "tenants/applications/supervisor.py:_replicas": "by the ids of applications",
    "tenants/applications/supervisor.py:_written": "by the ids of applications",
    "cyoda/http/openapi.py:_seen": "routes",
    "cyoda/http/request.py:_query": "one request's",
    "tenants/identity/oidc/index.py:_providers": "an issuer: each provider has its tenant, an ambiguous one is refused",
    "tenants/identity/oidc/index.py:_sources": "an issuer: documents of providers, which are public",
    "tenants/identity/oidc/index.py:_undiscovered": "a host: documents of providers, which are public",
    "tenants/identity/oidc/tokens.py:_cache": "the whole token, which says whose it is",
    "tenants/identity/oidc/tokens.py:_providers": "the id of a provider, which has one tenant",
    "tenants/identity/oidc/tokens.py:_sources": "a URI: documents of providers, which are public",
    "tenants/identity/secrets.py:_proven": "hash and secret together",
    "tenants/identity/verify.py:_cache": "the whole token, which says whose it is",
    "tenants/services/clients.py:_kept": "a client's id, which has one tenant",
    "tenants/services/clients.py:_noted": "a client's id, which has one tenant",
    "tenants/services/epochs.py:_seen": "names of the installation's epochs",
    "tenants/services/quotas.py:_seats": "the id of a member, which has one tenant",
    "tenants/services/sharing.py:_under_way": "the id of a tenant, in the directory and the quotas",
    "tenants/usage/counter.py:_members": "the id of a member, which has one tenant",
    "workflows/compute/members.py:_pending": "one member's, by the id of its question",
    "workflows/compute/members.py:all": "one tenant's members",
    "workflows/compute/members.py:by_tag": "one tenant's members",
    "workflows/compute/members.py:outcomes": "one member's counters",
    "workflows/services/configurations.py:extended": "one transaction's",
    "workflows/services/configurations.py:used": "one transaction's",
    "workflows/services/transactions.py:_joinable": "a transaction's id; the tenant is compared at the join",
    "workflows/storage/postgres/statements.py:_texts": "one schema's statements",
    "workflows/storage/postgres/statements.py:_variants": "one schema's statements",
    "workflows/storage/postgres/store.py:_schemas": "a schema, which has one tenant",
}
"""Maps that objects of a node keep and whose keys hold no tenant: what their keys are, and why that is no leak."""

OF_ONE = (
    "workflows/core/",
    "workflows/storage/memory/",
    "workflows/services/buffer.py",
    "workflows/services/transaction.py",
)
"""Pure values, one tenant's store, one transaction."""


def kept_maps() -> Iterator[tuple[str, str]]:
    """Place and type of every annotated `self.x: dict[…] = …`."""
    for folder in ("cyoda", "tenants", "workflows"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            place = str(file.relative_to(ROOT))
            if place.startswith(OF_ONE) or "/errors/" in place:
                continue
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Attribute):
                    kind = ast.unparse(node.annotation)
                    if kind.startswith(("dict[", "OrderedDict[", "defaultdict[")):
                        yield f"{place}:{node.target.attr}", kind


def test_what_a_node_remembers_is_told_apart_by_tenant_or_says_why_not() -> None:
    nameless = {place for place, kind in kept_maps() if "TenantId" not in kind.rpartition(",")[0]}
    assert nameless - set(REMEMBERED) == set()
    assert set(REMEMBERED) - nameless == set()


def test_what_the_pages_remember_is_told_apart_by_person_or_address(
    database: str, pages_only: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counters of the sign-in limits are all that the pages keep in the cache."""
    asked: dict[str, set[str]] = {"ann@example.org": set(), "bob@example.org": set()}
    name, original = "", cache.set

    def remembered(key: str, *more: Any, **named: Any) -> None:
        asked[name].add(key)
        original(key, *more, **named)

    monkeypatch.setattr(cache, "set", remembered)
    browser = Browser()
    for name in asked:
        browser.post("/login", {"login": name, "password": "x"})
        browser.post("/password-reset", {"email": name})
    ann, bob = asked.values()
    assert len(ann - bob) == len(bob - ann) >= 2
    assert [key for key in ann | bob if not key.startswith("allauth:")] == []
    assert [key for key in ann & bob if "127.0.0.1" not in key] == []
    cache.clear()


# --- organisations of others ----------------------------------------------------------------------------------------


def test_no_page_shows_a_person_anything_of_another_organisation(database: str, pages_only: None) -> None:
    """Every route there is, with what the other organisation has in its address."""
    other = Organisation.objects.create(name="Globex Secret Works")
    Environment.of_tenant("globex", organisation=other, name="lab", state=Environment.State.READY).save()
    user = User._default_manager.create_user("ann", "ann@example.org", "a long passphrase 7")
    acme = Organisation.objects.create(name="Acme")
    Membership.objects.create(user=user, organisation=acme, role=Role.OWNER)
    invitation = invitations.invite(PLATFORM, other, "eve@example.org", Role.OWNER)
    theirs = {"<str:tenant>": slug_of(other), "<str:name>": "lab", "<uuid:invitation_id>": str(invitation.pk)}
    browser = Browser()
    sign_in(browser, "ann", "a long passphrase 7")
    for path in {f"/{filled(route, theirs)}" for route in paths(urlpatterns)}:
        answer = browser.get(path)
        assert "Globex" not in answer.content.decode(), path
        if path.startswith("/t/"):
            assert (answer.status_code, browser.post(path).status_code) == (404, 404), path
    for path in (f"/?organisation={other.pk}", f"/me?organisation={other.pk}", "/search?q=Globex"):
        assert "Globex Secret" not in browser.get(path).content.decode(), path
    assert browser.get("/admin/").status_code == 302
