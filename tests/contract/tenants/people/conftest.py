"""People in a migrated database, their mail, and a browser for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.core import mail
from django.core.cache import cache
from django.db import connections
from django.test import Client as Browser

from tenants.models import Environment, Membership, Organisation, Role
from tenants.services import mailing, people
from tenants.services.audit import PLATFORM

PASSWORD = "a long passphrase 7"

T = TypeVar("T")
Make = Callable[..., User]
SEVERAL_TRANSACTIONS = pytest.mark.django_db(transaction=True)


@pytest.fixture
def database(db: None, settings: Any) -> Iterator[None]:
    """Rolled back after each test, unless it is marked as one of several transactions.

    Counters of the sign-in limits are no model's rows, so they are cleared by hand.
    """
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # what they cost is not tested here
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "whitenoise" not in name]  # looks at every asset
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def acme(database: None) -> Organisation:
    return Organisation.objects.create(name="Acme")


def ready_environment(organisation: Organisation, tenant: str = "acme") -> Environment:
    """An environment called dev."""
    environment = Environment.of_tenant(tenant, organisation=organisation, name="dev", state=Environment.State.READY)
    environment.save()
    return environment


@pytest.fixture
def dev(acme: Organisation) -> Environment:
    return ready_environment(acme)


@pytest.fixture
def somebody(database: None) -> Make:
    """Makes logins: `somebody("ann@example.org", acme, Role.OWNER)`."""

    def make(email: str, organisation: Organisation | None = None, role: Role = Role.VIEWER) -> User:
        user = User._default_manager.create_user(email, email, PASSWORD)
        EmailAddress.objects.create(user=user, email=email, verified=True, primary=True)
        if organisation is not None:
            people.add_member(PLATFORM, organisation, user, role)
        return user

    return make


@pytest.fixture
def browser(database: None) -> Iterator[Browser]:
    yield Browser()
    mailing.wait_until_sent()  # no mail of this test arrives in the next


@pytest.fixture
def owner(browser: Browser, somebody: Make, acme: Organisation) -> Browser:
    """Ann's, signed in."""
    somebody("ann@example.org", acme, Role.OWNER)
    sign_in(browser, "ann@example.org")
    return browser


def sign_in(browser: Browser, name: str, password: str = PASSWORD, **extra: str) -> Any:
    return browser.post("/login", {"login": name, "password": password}, **extra)


def is_signed_in(browser: Browser) -> bool:
    return browser.get("/me").status_code == 200


def mailed_path(host: str = "http://127.0.0.1:8080") -> str:
    """The path of the link in the mail that was sent last."""
    (link,) = re.findall(rf"{re.escape(host)}(\S+)", str(mail.outbox[-1].body))
    return link


def at_once(act: Callable[[T], str], *arguments: T) -> list[str]:
    """What acts in threads of their own say, sorted."""

    def acted(argument: T) -> str:
        try:
            return act(argument)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(arguments)) as threads:
        return sorted(threads.map(acted, arguments))


def role_of(user: User, organisation: Organisation) -> str | None:
    membership = Membership.objects.filter(user=user, organisation=organisation).first()
    return None if membership is None else membership.role
