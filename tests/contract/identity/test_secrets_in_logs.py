"""A real node that logs everything is asked for every kind of secret; none is in its log, and none in a row as it is.

The link that makes the first administrator is printed on purpose, so the administrator is configured.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from aiosmtpd.controller import Controller
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection

from tenants.models import Environment, Organisation, RefreshToken, Role
from tenants.services import invitations, people
from tenants.services.audit import PLATFORM
from tenants.services.provisioning import provision_environment
from tests.contract.tenants.people.test_mail import LOGIN, Mailbox
from tests.contract.tenants.test_workers import Workers, finished, wait_until, workers
from tests.nodes import CLIENT_ID, CLIENT_SECRET, NodeProcess, free_port

__all__ = ["workers"]  # fixture

GRANT = {"grant_type": "client_credentials"}
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"
WRONG = "a wrong secret of nobody 5f3e"
SETTINGS = {
    "CYODA_SECRET_KEY": f"the key of sessions {secrets.token_hex(16)}",
    "CYODA_ENCRYPTION_KEY": f"the key at rest {secrets.token_hex(16)}",
    "CYODA_HMAC_SECRET": secrets.token_hex(32),
    "CYODA_METRICS_BEARER": f"the-bearer-of-metrics-{secrets.token_hex(8)}",
    "CYODA_ADMIN_PASSWORD": "the administrator's own words 9",
}
PASSWORDS = ["the first words of ann 3", "the second words of ann 4", "the third words of ann 5"]

INVITED = "the words of an invited one 6"
LINKS = ("/invitations/", "/setup/", "/password-reset/")


class Walk:
    """One node, and what must not be found: `told` nowhere at all, `cookies` in no log."""

    def __init__(self, node: NodeProcess, mailbox: Mailbox) -> None:
        self.node = node
        self.mailbox = mailbox
        self.root = node.api.removesuffix("/api")
        self.told: dict[str, str] = {}
        self.cookies: dict[str, str] = {}

    def secret(self, name: str, value: str) -> str:
        self.told[name] = value
        return value

    def api(
        self, method: str, path: str, status: int = 200, *, token: str | None = None, **more: Any
    ) -> httpx.Response:
        headers = {"X-Request-Id": "walk-1"} | ({} if token is None else {"Authorization": f"Bearer {token}"})
        answer = httpx.request(method, self.node.api + path, headers=headers, timeout=30, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def browser(self) -> httpx.Client:
        return httpx.Client(base_url=self.root, timeout=30)

    def post(self, browser: httpx.Client, path: str, status: int = 302, **form: str) -> httpx.Response:
        """A form of a page, with its token; one that the browser looks at already shows no new secret."""
        if browser.headers.get("Referer") != self.root + path:
            browser.get(path, follow_redirects=True)
        browser.headers["Referer"] = self.root + path
        answer = browser.post(path, data={"csrfmiddlewaretoken": browser.cookies.get("csrftoken", ""), **form})
        assert answer.status_code == status, f"{path}: {answer.status_code} {answer.text[:2000]}"
        for name in ("sessionid", "csrftoken"):
            if browser.cookies.get(name):
                self.cookies[f"cookie {name} after {path}"] = browser.cookies[name]
        return answer


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    box, port = Mailbox(), free_port()

    def authenticate(*given: Any) -> Any:
        from aiosmtpd.smtp import AuthResult

        return AuthResult(success=given[-1] == LOGIN)

    controller = Controller(box, "127.0.0.1", port, authenticator=authenticate, auth_require_tls=False)
    controller.start()
    yield box, port
    controller.stop()


@pytest.fixture
def walk(database: str, tmp_path: Path, mailbox: tuple[Mailbox, int]) -> Iterator[Walk]:
    box, port = mailbox
    environ = SETTINGS | {
        "CYODA_DATABASE_URL": database,
        "CYODA_LOG_LEVEL": "debug",
        "CYODA_LOG_FORMAT": "json",
        "CYODA_MAIL_URL": f"smtp://post:p%40ss@127.0.0.1:{port}",
        "CYODA_IAM_TRUSTED_KEY_REGISTRATION_ENABLED": "true",
        "CYODA_IAM_M2M_ADMIN_ROLE_ENABLED": "true",
    }
    with NodeProcess(tmp_path, environ) as node:
        yield Walk(node, box)


def machines(walk: Walk) -> str:
    """Tokens, clients, key pairs, trusted keys, exchange, providers; returns an administrator's token."""
    node = walk.node
    walk.secret("bootstrap secret", CLIENT_SECRET)
    token = walk.secret("bootstrap token", node.token())
    walk.api("POST", "/oauth/token", 401, auth=(CLIENT_ID, walk.secret("wrong secret", WRONG)), data=GRANT)
    walk.api("POST", f"/oauth/token?client_secret={WRONG}", 401, data=GRANT | {"client_secret": WRONG})
    client = walk.api("POST", "/clients?withAdminRole=true", token=token).json()
    walk.secret("client secret", client["client_secret"])
    rotated = walk.api("PUT", f"/clients/{client['client_id']}/secret", token=token).json()
    credentials = (rotated["client_id"], walk.secret("rotated secret", rotated["client_secret"]))
    other = walk.api("POST", "/oauth/token", auth=credentials, data=GRANT).json()["access_token"]
    walk.secret("client token", other)
    walk.api("POST", "/oauth/keys/keypair", token=token, json={"algorithm": "RS256", "audience": "human"})
    vouching = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    jwk = jwt.algorithms.RSAAlgorithm.to_jwk(vouching.public_key(), as_dict=True)
    registration = {"keyId": "vouch", "jwk": jwk, "audience": "client"}
    walk.api("POST", "/oauth/keys/trusted", token=token, json=registration)
    now = int(time.time())
    claims = {"sub": "ann", "caas_org_id": "acceptance", "iat": now, "exp": now + 600}
    for tenant, status in (("acceptance", 200), ("elsewhere", 403)):
        subject = jwt.encode(claims | {"caas_org_id": tenant}, vouching, "RS256", {"kid": "vouch"})
        form = {"grant_type": EXCHANGE, "subject_token_type": JWT_TYPE, "subject_token": subject}
        walk.secret(f"subject token of {tenant}", subject)
        walk.api("POST", "/oauth/token", status, auth=credentials, data=form)
    walk.api("DELETE", f"/clients/{client['client_id']}", token=token)
    for uri in ("ftp://x", f"https://user:{WRONG}@127.0.0.1/x", "https://169.254.169.254/latest?token=" + WRONG):
        walk.api("POST", "/oauth/oidc/providers", 400, token=token, json={"wellKnownConfigUri": uri})
    return token


def odd_requests(walk: Walk, token: str) -> None:
    """Bad tokens, secrets where none belong, and one failure with a ticket."""
    walk.api("GET", "/account", 401, token=token[:-4] + "AAAA")
    walk.api("GET", f"/account?access_token={token}", token=token)
    walk.api("GET", f"/nothing/{WRONG}", 404, token=token)
    walk.api("POST", "/oauth/keys/trusted", 400, token=token, content=WRONG.encode())
    walk.api("POST", "/auth/verify", 400, json={"token": 1, "password": WRONG})
    assert httpx.get(f"http://127.0.0.1:{walk.node.admin_port}/metrics").status_code == 401
    metered = {"Authorization": f"Bearer {SETTINGS['CYODA_METRICS_BEARER']}"}
    assert httpx.get(f"http://127.0.0.1:{walk.node.admin_port}/metrics", headers=metered).status_code == 200


def dashboard(walk: Walk) -> None:
    """The dashboard's sign-in, refresh, change and reset of a password."""
    walk.api("POST", "/auth/login", 401, json={"username": "ann", "password": WRONG})
    first, second, third = [walk.secret(f"password {n}", text) for n, text in enumerate(PASSWORDS)]
    session = walk.api("POST", "/auth/login", json={"username": "ann", "password": first}).json()
    refresh = walk.secret("refresh token", session["refreshToken"])
    token = walk.secret("person's token", session["token"])
    walk.secret("refreshed token", walk.api("GET", "/auth/token", token=refresh).json()["token"])
    walk.api("GET", "/account", 401, token=refresh)
    walk.api("POST", "/auth/verify", json={"token": token})
    change = {"oldPassword": first, "newPassword": second}
    walk.api("POST", "/auth/change-password", token=token, json=change)
    walk.api("POST", "/auth/reset-password-request", json={"email": "ann@example.org"})
    link = until(lambda: [*re.findall(r"/password-reset/(\S+)", mails(walk))])
    walk.secret("reset token", link)
    walk.api("POST", "/auth/reset-password", 400, json={"token": link[:-3] + "xyz", "newPassword": third})
    walk.api("POST", "/auth/reset-password", json={"token": link, "newPassword": third})


def pages(walk: Walk) -> None:
    """The pages: bad and good sign-ins, a second factor, an invitation, a reset's link, forms without their tokens."""
    with walk.browser() as browser:
        assert browser.post("/login", data={"login": "ann", "password": WRONG}).status_code == 403
        walk.post(browser, "/login", 200, login="ann", password=WRONG)
        walk.post(browser, "/login", login="ann", password=PASSWORDS[2])
        walk.post(browser, "/login/confirm", password=PASSWORDS[2])
        activate = "/me/second-factor/app/activate/"
        (totp,) = re.findall(r'class="secret">(\w+)<', browser.get(activate).text)
        browser.headers["Referer"] = walk.root + activate
        code = format_hotp_value(hotp_value(walk.secret("TOTP secret", totp), int(time.time()) // 30))
        walk.post(browser, activate, code=code)
        shown = browser.get("/me/second-factor/recovery-codes/").text
        for number, recovery in enumerate(re.findall(r"\b[0-9a-f]{8}\b", shown)):
            walk.secret(f"recovery code {number}", recovery)
        for path in (
            f"/setup/{walk.secret('setup token', secrets.token_urlsafe(32))}",
            f"/invitations/{walk.told['invitation']}x",
        ):
            assert browser.get(path).status_code == 410
        assert browser.post(f"/password-reset/{walk.told['reset token']}", data={"x": "y"}).status_code == 403
    with walk.browser() as browser:
        walk.post(
            browser, f"/invitations/{walk.told['invitation']}",
            password=walk.secret("invited password", INVITED), first_name="B", last_name="B",
        )  # fmt: skip
    with walk.browser() as browser:
        walk.post(browser, "/login", login="admin", password=SETTINGS["CYODA_ADMIN_PASSWORD"])
        assert browser.get("/admin/").status_code == 200


def broken(walk: Walk) -> None:
    """A failure with a ticket, whose cause is logged: a table is away for a moment."""
    table = RefreshToken._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
        try:
            walk.api("GET", "/auth/token", 500, token=walk.told["refresh token"])
            walk.api("POST", "/auth/login", 500, json={"username": "bea@example.org", "password": INVITED})
        finally:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")


def mails(walk: Walk) -> str:
    return "\n".join(mail.get_content() for mail in walk.mailbox.taken)


def until(found: Callable[[], list[str]]) -> str:
    deadline = time.monotonic() + 20
    while not (values := found()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return values[-1]


def people_of(walk: Walk) -> None:
    """Ann, who owns Acme, and an invitation."""
    acme = Organisation.objects.create(name="Acme")
    Environment.of_tenant("acme", organisation=acme, state="ready", name="acme").save()
    ann = User._default_manager.create_user("ann", "ann@example.org", PASSWORDS[0])
    EmailAddress.objects.create(user=ann, email="ann@example.org", verified=True, primary=True)
    people.add_member(PLATFORM, acme, ann, Role.OWNER)
    invitations.invite(PLATFORM, acme, "bea@example.org", Role.VIEWER)
    (token,) = re.findall(r"/invitations/(\S+)", str(mail.outbox[-1].body))
    walk.secret("invitation", token)


def every_row() -> str:
    """All that the control plane's tables hold, as text; bytes as hexadecimal."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        texts = []
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT r::text FROM public."{table}" r')
            texts += [row for (row,) in cursor.fetchall()]
    return "\n".join(texts)


def test_no_secret_is_in_the_log_or_in_a_row_as_it_is(walk: Walk) -> None:
    people_of(walk)
    token = machines(walk)
    odd_requests(walk, token)
    dashboard(walk)
    pages(walk)
    broken(walk)
    assert len([name for name in walk.told if name.startswith("recovery")]) >= 8
    key_lines = [line for line in walk.node.key.splitlines() if len(line) > 60]
    kept = SETTINGS | {f"line {n} of the signing key": line for n, line in enumerate(key_lines)}
    kept |= {"database of the settings": walk.node.environ["CYODA_MAIL_URL"]}
    assert walk.node.stop() == 0
    log, rows = walk.node.log.read_text(), every_row()
    assert "internal error [ticket: " in log
    assert "Forbidden (CSRF" in log
    assert [link for link in LINKS if f"{link}[hidden]" not in log] == []
    assert "walk-1" in log
    assert "walk-1" in rows
    never = walk.told | kept
    assert [name for name, value in (never | walk.cookies).items() if value in log] == []
    assert [name for name, value in never.items() if value in rows or value.encode().hex() in rows] == []


def test_nor_is_one_told_by_a_worker_whose_work_fails(workers: Workers) -> None:
    workers.environ |= SETTINGS | {"CYODA_LOG_LEVEL": "debug", "CYODA_LOG_FORMAT": "json"}
    workers.halts.refuse("Acme", "mark ready")
    order = provision_environment(PLATFORM, "Acme")
    workers.start()
    wait_until(finished(order.run), workers.log)
    workers.kill()
    assert order.run.state == "failed"
    log, rows = workers.log(), every_row()
    assert '"level": "debug"' in log
    assert order.client_id in rows
    never = {**SETTINGS, "client secret": order.client_secret}
    assert [name for name, value in never.items() if value in log or value in rows] == []
