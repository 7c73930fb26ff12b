"""The dashboard's login endpoints (contract: identity 19), below the context path and at the root."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache

from cyoda.clock import ManualClock
from tenants.models import AuditEvent, Environment, Membership, Organisation, RefreshToken, Role
from tenants.services import mailing, people
from tenants.services.audit import PLATFORM
from tests.contract.identity.conftest import Running, Start, accepted, problem
from tests.contract.tenants.conftest import off_loop

PASSWORD = "a long passphrase 7"
LOGIN = {"username": "ann", "password": PASSWORD}
BAD = (401, "UNAUTHORIZED: wrong user name or password")
REFUSED = (401, "UNAUTHORIZED: authentication failed")


def mails() -> list[mail.EmailMessage]:
    """All that were sent until now."""
    mailing.wait_until_sent()
    return mail.outbox


@off_loop
def populate() -> str:
    """Ann owns Acme (`acme`, `acme-test`) and looks at Globex (`globex`); returns her person id."""
    cache.clear()
    ann = User._default_manager.create_user("ann", "ann@example.org", PASSWORD, first_name="Ann", last_name="Lee")
    EmailAddress.objects.create(user=ann, email="ann@example.org", verified=True, primary=True)
    for name, role, tenants in (("Acme", Role.OWNER, ("acme", "acme-test")), ("Globex", Role.VIEWER, ("globex",))):
        organisation = Organisation.objects.create(name=name)
        for tenant in tenants:
            Environment.of_tenant(tenant, organisation=organisation, state="ready", name=tenant).save()
        people.add_member(PLATFORM, organisation, ann, role)
    return str(ann.person.id)  # type: ignore[attr-defined]


@pytest.fixture
async def ann(database: str) -> str:
    return await populate()


@pytest.fixture
async def node(ann: str, start: Start) -> Running:
    return await start()


@pytest.fixture
async def browser(node: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A dashboard before the sign-in; `/auth/…` at the root, where its development proxy asks."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(node.node.api), base_url="http://node") as client:
        yield client
    mailing.wait_until_sent()  # no mail of this test arrives in the next


@off_loop
def user() -> User:
    return User._default_manager.get(username="ann")


async def signed_in(browser: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await browser.post("/auth/login", json=LOGIN | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def refresh(browser: httpx.AsyncClient, token: str) -> httpx.Response:
    return await browser.get("/auth/token", headers={"Authorization": f"Bearer {token}"})


async def bearing(browser: httpx.AsyncClient, token: str) -> None:
    browser.headers["Authorization"] = f"Bearer {token}"


@pytest.mark.parametrize("base", ["", "/api"])
async def test_a_password_gives_a_token_that_the_api_takes(
    node: Running, browser: httpx.AsyncClient, ann: str, base: str
) -> None:
    answer = await browser.post(f"{base}/auth/login", json=LOGIN, headers={"X-Requested-With": "XMLHttpRequest"})
    body = answer.json()
    assert sorted(body) == ["legalEntityId", "refreshToken", "token", "userId", "username"]
    assert (body["username"], body["userId"], body["legalEntityId"]) == ("ann", ann, "acme")
    assert answer.headers["cache-control"] == "no-store"
    claims = jwt.decode(body["token"], options={"verify_signature": False})
    assert (claims["caas_user_id"], claims["caas_org_id"], claims["user_roles"]) == (ann, "acme", [Role.OWNER])
    assert "scopes" not in claims
    assert await accepted(node, body["token"])


async def test_the_mail_address_is_a_name_too(browser: httpx.AsyncClient, ann: str) -> None:
    assert (await signed_in(browser, username="ANN@example.org"))["userId"] == ann


@pytest.mark.parametrize(
    ("wanted", "tenant", "role"), [("acme-test", "acme-test", Role.OWNER), ("globex", "globex", Role.VIEWER)]
)
async def test_another_environment_can_be_chosen(
    browser: httpx.AsyncClient, wanted: str, tenant: str, role: str
) -> None:
    body = await signed_in(browser, environment=wanted)
    again = (await refresh(browser, body["refreshToken"])).json()
    for token in (body["token"], again["token"]):
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["caas_org_id"], claims["user_roles"]) == (tenant, [role])


async def test_an_environment_of_others_is_like_one_that_does_not_exist(browser: httpx.AsyncClient) -> None:
    await off_loop(lambda: Organisation.objects.create(name="Initech"))()
    await off_loop(
        lambda: Environment.of_tenant(
            "initech", organisation=Organisation.objects.get(name="Initech"), state="ready"
        ).save()
    )()
    answers = [await browser.post("/auth/login", json=LOGIN | {"environment": name}) for name in ("initech", "no")]
    assert answers[0].content == answers[1].content
    assert problem(answers[0]) == (403, "FORBIDDEN: there is no such environment")


@pytest.mark.parametrize(
    "wrong",
    [{"password": "wrong"}, {"username": "nobody"}, {"username": "a\0b"}, {"password": ""}, {"username": ""}],
)
async def test_wrong_credentials_are_all_refused_alike(browser: httpx.AsyncClient, wrong: dict[str, str]) -> None:
    assert problem(await browser.post("/auth/login", json=LOGIN | wrong)) == BAD


async def test_a_deactivated_person_is_refused_and_their_tokens_end(browser: httpx.AsyncClient) -> None:
    body, ann = await signed_in(browser), await user()
    await off_loop(lambda: people.deactivate_person(PLATFORM, ann))()
    assert problem(await browser.post("/auth/login", json=LOGIN)) == BAD
    assert problem(await refresh(browser, body["refreshToken"])) == REFUSED


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"username": "ann"}', b'{"username": 1, "password": 2}'])
async def test_a_body_of_another_shape_is_refused(browser: httpx.AsyncClient, body: bytes) -> None:
    assert problem(await browser.post("/auth/login", content=body)) == (400, "BAD_REQUEST: invalid request body")


async def test_after_five_failures_the_right_password_is_refused_too_on_every_node_and_page(
    browser: httpx.AsyncClient, start: Start
) -> None:
    names = ("ann", "ANN", "ann@example.org", "ann", "Ann@Example.org")
    for name in names:
        assert problem(await browser.post("/auth/login", json={"username": name, "password": "no"})) == BAD
    other = await start()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(other.node.api), base_url="http://n") as elsewhere:
        for client in (browser, elsewhere):
            answer = await client.post("/auth/login", json=LOGIN, headers={"Host": "another.example.org"})
            assert problem(answer) == (429, "TOO_MANY_REQUESTS: too many attempts: wait, then try again")
            assert int(answer.headers["retry-after"]) == 300


async def test_an_address_that_a_proxy_cannot_have_written_is_refused(
    browser: httpx.AsyncClient, settings: Any
) -> None:
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = 1
    answer = await browser.post("/auth/login", json=LOGIN, headers={"X-Forwarded-For": "nowhere"})
    assert problem(answer) == (403, "FORBIDDEN: the address that the request comes from cannot be told")
    answer = await browser.post("/auth/login", json=LOGIN, headers={"X-Forwarded-For": "nowhere, 10.0.0.1"})
    assert answer.status_code == 200


async def test_one_address_cannot_try_many_names(browser: httpx.AsyncClient) -> None:
    statuses = [
        (await browser.post("/auth/login", json={"username": f"name-{n}", "password": "no"})).status_code
        for n in range(11)
    ]
    assert statuses == [401] * 10 + [429]


# --- second factor ------------------------------------------------------------------------------------------------


@off_loop
def with_second_factor() -> str:
    secret = generate_totp_secret()
    ann = User._default_manager.get(username="ann")
    TOTP.activate(ann, secret)
    RecoveryCodes.activate(ann)
    return secret


def code_of(secret: str) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


@pytest.fixture
def encrypted(settings: Any) -> None:
    """The settings of the test process have no key: the node's own are in its `Conf`."""
    settings.CONF = settings.CONF.__class__(iam=settings.CONF.iam.__class__(encryption_keys=("k" * 32,)))


async def test_a_second_factor_is_asked_for_and_judged(encrypted: None, browser: httpx.AsyncClient) -> None:
    secret = await with_second_factor()
    answer = await browser.post("/auth/login", json=LOGIN)
    assert problem(answer) == (401, "UNAUTHORIZED: a code of the second factor is needed: send it as otp")
    assert answer.json()["properties"]["secondFactor"] is True
    answer = await browser.post("/auth/login", json=LOGIN | {"otp": "000000"})
    assert problem(answer) == (401, "UNAUTHORIZED: wrong code of the second factor")
    assert problem(await browser.post("/auth/login", json=LOGIN | {"otp": "000000", "password": "no"})) == BAD
    code = code_of(secret)
    await signed_in(browser, otp=code)
    assert (await browser.post("/auth/login", json=LOGIN | {"otp": code})).status_code == 401  # each code once


async def test_a_recovery_code_works_once(encrypted: None, browser: httpx.AsyncClient) -> None:
    await with_second_factor()
    codes = await off_loop(lambda: RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes())()
    await signed_in(browser, otp=codes[3])
    assert (await browser.post("/auth/login", json=LOGIN | {"otp": codes[3]})).status_code == 401


async def test_guessing_codes_locks(encrypted: None, browser: httpx.AsyncClient) -> None:
    secret = await with_second_factor()
    for _ in range(5):
        assert (await browser.post("/auth/login", json=LOGIN | {"otp": "000000"})).status_code == 401
    assert (await browser.post("/auth/login", json=LOGIN | {"otp": code_of(secret)})).status_code == 429


async def test_secrets_of_second_factors_are_encrypted_in_their_rows(encrypted: None, ann: str) -> None:
    secret = await with_second_factor()
    rows = await off_loop(lambda: str(list(Authenticator.objects.values())))()
    assert secret not in rows
    assert re.search(r"'seed': '[0-9a-f]{80}'", rows) is None


# --- refresh tokens -----------------------------------------------------------------------------------------------


async def test_a_refresh_token_gives_new_tokens_and_is_no_bearer(
    node: Running, browser: httpx.AsyncClient, ann: str
) -> None:
    body = await signed_in(browser)
    answer = await refresh(browser, body["refreshToken"])
    assert await accepted(node, answer.json()["token"])
    assert (answer.json()["userId"], answer.json().get("refreshToken")) == (ann, None)
    assert not await accepted(node, body["refreshToken"])
    for wrong in (body["token"], "x", "a\0", "é"):
        header = f"Bearer {wrong}".encode()
        assert problem(await browser.get("/auth/token", headers={"Authorization": header})) == REFUSED
    assert problem(await browser.get("/auth/token")) == REFUSED


async def test_only_a_digest_of_a_refresh_token_is_kept(browser: httpx.AsyncClient) -> None:
    token = (await signed_in(browser))["refreshToken"]
    assert token not in await off_loop(lambda: str(list(RefreshToken.objects.values())))()


async def test_a_refresh_token_lives_for_two_weeks(browser: httpx.AsyncClient, clock: ManualClock) -> None:
    token = (await signed_in(browser))["refreshToken"]
    clock.advance(timedelta(days=14) - timedelta(seconds=1))
    assert (await refresh(browser, token)).status_code == 200
    clock.advance(timedelta(seconds=1))
    assert problem(await refresh(browser, token)) == REFUSED


async def test_signing_out_ends_the_refresh_token(browser: httpx.AsyncClient) -> None:
    token = (await signed_in(browser))["refreshToken"]
    assert (await browser.post("/auth/logout")).status_code == 200
    assert (await refresh(browser, token)).status_code == 200
    answer = await browser.post("/auth/logout", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert problem(await refresh(browser, token)) == REFUSED


@pytest.mark.parametrize("what", ["removed", "suspended", "environment deleted"])
async def test_a_refresh_token_ends_with_what_it_stands_for(browser: httpx.AsyncClient, what: str) -> None:
    token = (await signed_in(browser))["refreshToken"]

    @off_loop
    def end() -> None:
        acme = Organisation.objects.get(name="Acme")
        if what == "removed":
            Membership.objects.filter(organisation=acme).delete()
        elif what == "suspended":
            Organisation.objects.update(state="suspended")
        else:
            Environment.objects.filter(tenant_id="acme").update(state="deleted")

    await end()
    assert problem(await refresh(browser, token)) == REFUSED


async def test_a_new_role_is_in_the_next_token(browser: httpx.AsyncClient) -> None:
    token = (await signed_in(browser))["refreshToken"]
    await off_loop(lambda: Membership.objects.update(role=Role.DEVELOPER))()
    fresh = (await refresh(browser, token)).json()["token"]
    assert jwt.decode(fresh, options={"verify_signature": False})["user_roles"] == [Role.DEVELOPER]


# --- passwords ----------------------------------------------------------------------------------------------------


async def test_a_new_password_ends_refresh_tokens_and_is_recorded(browser: httpx.AsyncClient, ann: str) -> None:
    body = await signed_in(browser)
    await bearing(browser, body["token"])
    change = {"oldPassword": PASSWORD, "newPassword": "another passphrase 8"}
    wrong = change | {"oldPassword": "no"}
    answer = await browser.post("/auth/change-password", json=wrong)  # no 401: dashboards would refresh and repeat
    assert problem(answer) == (400, "BAD_REQUEST: the old password is wrong")
    weak = await browser.post("/auth/change-password", json=change | {"newPassword": "short"})
    assert (weak.status_code, "12 characters" in weak.text) == (400, True)
    assert (await browser.post("/auth/change-password", json=change)).status_code == 200
    assert problem(await refresh(browser, body["refreshToken"])) == REFUSED
    assert problem(await browser.post("/auth/login", json=LOGIN)) == BAD
    await signed_in(browser, password="another passphrase 8")
    event = await off_loop(AuditEvent.objects.first)()
    assert event is not None
    assert (event.action, event.target_id, event.actor_id, event.source) == ("password changed", ann, ann, "api")
    assert mails()[-1].to == ["ann@example.org"]


async def test_a_client_has_no_password(node: Running) -> None:
    change = {"oldPassword": PASSWORD, "newPassword": "another passphrase 8"}
    answer = await node.admin.post("/auth/change-password", json=change)
    assert problem(answer) == (403, "FORBIDDEN: only people have passwords")


async def test_a_forgotten_password_is_reset_with_the_key_of_a_mailed_link(browser: httpx.AsyncClient) -> None:
    token = (await signed_in(browser))["refreshToken"]
    for email in ("nobody@example.org", "no address", "ann@example.org"):
        answer = await browser.post("/auth/reset-password-request", json={"email": email})
        assert (answer.status_code, answer.content) == (200, b"")
    (message,) = mails()
    key = re.findall(r"/password-reset/(\S+)", str(message.body))[0]
    reset = {"token": key, "newPassword": "another passphrase 8"}
    assert (await browser.post("/auth/reset-password", json=reset | {"newPassword": "short"})).status_code == 400
    assert (await browser.post("/auth/reset-password", json=reset)).status_code == 200
    await signed_in(browser, password="another passphrase 8")
    assert problem(await refresh(browser, token)) == REFUSED
    for used in (reset, reset | {"token": "x"}, reset | {"token": "zzzzzzzzzzzzzzzzz-x"}):
        answer = await browser.post("/auth/reset-password", json=used)
        assert problem(answer) == (400, "BAD_REQUEST: the link is invalid or has been used")


async def test_links_are_not_mailed_without_end(browser: httpx.AsyncClient) -> None:
    statuses = [
        (await browser.post("/auth/reset-password-request", json={"email": "ann@example.org"})).status_code
        for _ in range(6)
    ]
    assert (statuses, len(mails())) == ([200] * 5 + [429], 5)


# --- what a token tells -------------------------------------------------------------------------------------------


async def test_who_is_signed_in(browser: httpx.AsyncClient, ann: str) -> None:
    assert problem(await browser.get("/auth/me")) == REFUSED
    await bearing(browser, (await signed_in(browser))["token"])
    expected = {"username": "ann", "userId": ann, "legalEntityId": "acme"}
    assert (await browser.get("/auth/me")).json() == expected
    assert (await browser.get("/api/auth/me")).json() == expected


async def test_a_provider_of_another_tenant_learns_no_name(node: Running, ann: str) -> None:
    answer = (await (await node.client("initech", sub=ann)).get("/auth/me")).json()
    assert answer["username"] == ann


async def test_a_client_is_named_by_its_id(node: Running) -> None:
    answer = (await node.admin.get("/auth/me")).json()
    assert (answer["username"], answer["legalEntityId"]) == ("u-1", "acme")


async def test_a_token_is_verified(browser: httpx.AsyncClient, clock: ManualClock) -> None:
    token = (await signed_in(browser))["token"]
    assert (await browser.post("/auth/verify", json={"token": token})).json() == {"valid": True}
    assert (await browser.post("/auth/verify", json={"token": token + "x"})).json() == {"valid": False}
    clock.advance(timedelta(days=1))
    assert (await browser.post("/auth/verify", json={"token": token})).json() == {"valid": False}


@pytest.mark.parametrize(("environment", "may_write"), [("acme", True), ("globex", False)])
async def test_permissions_are_those_of_the_role(browser: httpx.AsyncClient, environment: str, may_write: bool) -> None:
    await bearing(browser, (await signed_in(browser, environment=environment))["token"])
    permissions = (await browser.get("/auth/permissions")).json()
    assert ("read" in permissions, "write" in permissions) == (True, may_write)
    assert (await browser.get("/auth/permissions/write")).json() is may_write
    assert (await browser.get("/auth/permissions/nothing")).json() is False


async def test_people_are_shown_to_their_own_organisation_only(
    node: Running, browser: httpx.AsyncClient, ann: str
) -> None:
    path, ids = "/platform-api/users/get-by-ids", [ann, "no id", "00000000-0000-0000-0000-000000000000"]
    for tenant in ("acme", "globex"):
        (found,) = (await (await node.client(tenant)).post(path, json=ids)).json()
        assert found == {
            "id": ann, "username": "ann", "firstName": "Ann", "lastName": "Lee", "email": "ann@example.org"
        }  # fmt: skip
    assert (await (await node.client("initech")).post(path, json=ids)).json() == []
    assert (await node.admin.post(path, json=[ann] * 1001)).status_code == 400
    assert (await browser.post("/api" + path, json=ids)).status_code == 401


async def test_in_mock_mode_there_is_no_sign_in(ann: str, start: Start) -> None:
    node = await start(CYODA_IAM_MODE="mock")
    answer = await node.admin.post("/auth/login", json=LOGIN)
    assert problem(answer) == (501, "NOT_IMPLEMENTED: sign-in requires JWT IAM mode")
