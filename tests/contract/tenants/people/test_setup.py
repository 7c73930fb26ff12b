"""The first administrator through a link on the console: once, and never beside another administrator."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser

from cyoda.conf import load
from cyoda.operators import ensure_operator, setup_path
from tenants.models import AuditEvent, SetupLink
from tenants.services.administrators import SetupClosed, make_first_administrator
from tests.contract.tenants.people.conftest import PASSWORD, SEVERAL_TRANSACTIONS, at_once, is_signed_in

FORM = {"username": "root", "email": "Root@example.org", "password": PASSWORD}


@pytest.fixture
def path(database: None) -> str:
    path = setup_path()
    assert path is not None
    return path


def test_the_link_makes_an_administrator_and_signs_them_in(browser: Browser, path: str) -> None:
    assert browser.get(path).status_code == 200
    assert browser.post(path, FORM)["Location"] == "/setup/"
    root = User._default_manager.get()
    assert (root.username, root.email, root.is_staff, root.is_superuser) == ("root", "root@example.org", True, True)
    assert is_signed_in(browser)
    assert browser.get("/admin/tenants/organisation/").status_code == 200
    assert AuditEvent.objects.get(action="administrator made").actor_name == "root"


def test_every_link_ends_with_its_use(path: str) -> None:
    other = setup_path() or ""
    Browser().post(path, FORM)
    for link in (path, other):
        assert Browser().get(link).status_code == 410
        assert Browser().post(link, FORM | {"username": "thief"}).status_code == 410
    assert (User._default_manager.count(), SetupLink.objects.count(), setup_path()) == (1, 0, None)


@SEVERAL_TRANSACTIONS
def test_of_two_who_use_links_at_once_one_becomes_administrator(path: str) -> None:
    tokens = [path.rpartition("/")[2], (setup_path() or "").rpartition("/")[2]]

    def make(token: str) -> str:
        try:
            make_first_administrator(token, username=token[:20], email="a@example.org", password=PASSWORD)
        except SetupClosed:
            return "closed"
        return "made"

    assert at_once(make, *tokens) == ["closed", "made"]


def test_a_link_ends_when_an_administrator_comes_another_way(path: str) -> None:
    assert ensure_operator(load({"CYODA_ADMIN_PASSWORD": PASSWORD}).platform)
    assert Browser().post(path, FORM).status_code == 410
    assert setup_path() is None


@pytest.mark.parametrize("wrong", [{"password": "short"}, {"username": "a b"}, {"email": "no"}, {"username": ""}])
def test_what_is_wrong_is_shown_and_the_link_stays_good(path: str, wrong: dict[str, str]) -> None:
    answer = Browser().post(path, FORM | wrong)
    assert (answer.status_code, 'aria-invalid="true"' in answer.content.decode()) == (200, True)
    assert not User._default_manager.exists()
    assert Browser().post(path, FORM).status_code == 302


@pytest.mark.parametrize("token", ["x", "é" * 40, "a" * 5000])
def test_other_links_lead_nowhere(path: str, token: str) -> None:
    assert Browser().get(f"/setup/{token}").status_code == 410


def test_only_a_digest_of_the_link_is_kept(path: str) -> None:
    link = SetupLink.objects.get()
    assert (len(bytes(link.digest)), path.rpartition("/")[2] in str(vars(link))) == (32, False)
