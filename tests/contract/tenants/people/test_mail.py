"""Password resets by mail through a real SMTP server, and what CYODA_MAIL_URL means."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult, LoginPassword
from django.contrib.auth.models import User
from django.test import Client as Browser

from cyoda.mail import django_mail
from tenants.models import AuditEvent
from tenants.services import mailing
from tests.contract.tenants.people.conftest import PASSWORD, Make, is_signed_in, sign_in
from tests.nodes import free_port

RESET = {"password1": "another passphrase 8", "password2": "another passphrase 8"}
SLOW_SECONDS = 5
LOGIN = LoginPassword(b"post", b"p@ss")


class Mailbox(Message):
    """Takes mails, unless it is closed for at most SLOW_SECONDS, and keeps them."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[Any] = []
        self.logins: list[LoginPassword] = []
        self.is_open = threading.Event()
        self.is_open.set()

    def mails(self) -> list[Any]:
        """All that were sent until now."""
        mailing.wait_until_sent()
        return self.taken

    def handle_message(self, message: Any) -> None:
        self.is_open.wait(SLOW_SECONDS)
        self.taken.append(message_from_bytes(message.as_bytes(), policy=default))


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """A mail server that knows `post` with the password `p@ss`."""

    def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        mailbox.logins.append(given)
        return AuthResult(success=given == LOGIN)

    mailbox = Mailbox()
    port = free_port()
    controller = Controller(mailbox, "127.0.0.1", port, authenticator=authenticate, auth_require_tls=False)
    controller.start()
    for name, value in django_mail(f"smtp://post:p%40ss@127.0.0.1:{port}").items():
        setattr(settings, name, value)
    yield mailbox
    controller.stop()


def link_of(mailbox: Mailbox) -> str:
    (link,) = re.findall(r"(/password-reset/\S+)", mailbox.mails()[-1].get_content())
    return link


def test_a_forgotten_password_is_reset_by_mail(browser: Browser, somebody: Make, mailbox: Mailbox) -> None:
    somebody("ann@example.org")
    signed_in = Browser()
    sign_in(signed_in, "ann@example.org")
    answer = browser.post("/password-reset", {"email": "ANN@example.org"}, headers={"host": "evil.example.org"})
    assert answer["Location"] == "/password-reset/sent"
    (mail,) = mailbox.mails()
    assert mailbox.logins == [LOGIN]
    assert (mail["From"], mail["Subject"]) == ("Cyoda <noreply@localhost>", "Password Reset Email")
    assert "http://127.0.0.1:8080/password-reset/" in mail.get_content()
    assert "evil" not in mail.as_string()
    page = browser.get(link_of(mailbox), follow=True)
    form_path = page.redirect_chain[-1][0]
    assert "-set-password" in form_path  # the key is not in the address of the form
    assert browser.post(form_path, {"password1": "short", "password2": "short"}).status_code == 200
    assert browser.post(form_path, RESET)["Location"] == "/password-reset/done"
    assert not is_signed_in(signed_in)
    assert sign_in(Browser(), "ann@example.org", RESET["password1"])["Location"] == "/"
    assert AuditEvent.objects.filter(action="password reset").count() == 1


def test_a_link_works_once(browser: Browser, somebody: Make, mailbox: Mailbox) -> None:
    somebody("ann@example.org")
    browser.post("/password-reset", {"email": "ann@example.org"})
    link = link_of(mailbox)
    browser.post(browser.get(link)["Location"], RESET)
    assert "password" not in Browser().get(link, follow=True).context.get("form", {"": ""})
    assert Browser().get(link).status_code == 200  # the page that says that it has ended


@pytest.mark.parametrize("email", ["nobody@example.org", "gone@example.org"])
def test_strangers_and_the_deactivated_get_no_mail_and_the_same_answer(
    browser: Browser, somebody: Make, mailbox: Mailbox, email: str
) -> None:
    gone = somebody("gone@example.org")
    User._default_manager.filter(pk=gone.pk).update(is_active=False)
    assert browser.post("/password-reset", {"email": email})["Location"] == "/password-reset/sent"
    assert mailbox.mails() == []


def test_how_long_the_mail_server_takes_tells_nothing_about_addresses(
    browser: Browser, somebody: Make, mailbox: Mailbox
) -> None:
    somebody("ann@example.org")
    mailbox.is_open.clear()
    assert browser.post("/password-reset", {"email": "ann@example.org"})["Location"] == "/password-reset/sent"
    assert mailbox.taken == []
    mailbox.is_open.set()
    assert len(mailbox.mails()) == 1


def test_a_mail_server_that_is_gone_tells_nothing_about_addresses(
    browser: Browser, somebody: Make, settings: Any
) -> None:
    somebody("ann@example.org")
    for name, value in django_mail("smtp://127.0.0.1:1").items():
        setattr(settings, name, value)
    answers = [browser.post("/password-reset", {"email": f"{name}@example.org"}) for name in ("ann", "bob")]
    assert [answer["Location"] for answer in answers] == ["/password-reset/sent"] * 2
    assert sign_in(browser, "ann@example.org", PASSWORD)["Location"] == "/"


@pytest.mark.parametrize(
    ("url", "port", "starttls", "tls"),
    [
        ("smtp://host", 587, False, False),
        ("smtp://host?tls=1", 587, True, False),
        ("smtp://host:25?tls=0", 25, False, False),
        ("smtps://host", 465, False, True),
    ],
)
def test_a_mail_url_says_how_the_server_is_spoken_to(url: str, port: int, starttls: bool, tls: bool) -> None:
    mail = django_mail(url)
    assert (mail["EMAIL_HOST"], mail["EMAIL_PORT"]) == ("host", port)
    assert (mail["EMAIL_USE_TLS"], mail["EMAIL_USE_SSL"]) == (starttls, tls)


@pytest.mark.parametrize("url", [None, "console"])
def test_without_a_server_mails_are_printed(url: str | None) -> None:
    assert django_mail(url) == {"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}
