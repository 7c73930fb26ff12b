"""Equal calls at the same moment (contract: control plane 4.7)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.test import Client as Browser
from oauth2_provider.models import DeviceGrant

from tests.contract.cloud.sign_in.conftest import (
    Cli,
    allowed,
    code_from,
    device_tokens,
    events,
)
from tests.contract.tenants.people.conftest import (
    SEVERAL_TRANSACTIONS,
    at_once,
)


@SEVERAL_TRANSACTIONS
def test_of_two_refreshes_at_once_one_is_given_and_the_sign_in_ends(cli: Cli, ann: Any, browser: Browser) -> None:
    token = device_tokens(cli, browser)["refresh_token"]
    answers = at_once(lambda _: str(cli.refresh(token).status_code), 1, 2)
    assert answers == ["200", "400"]
    assert events()[-1] == "sign-in ended: refresh token used twice"


@SEVERAL_TRANSACTIONS
def test_of_two_exchanges_at_once_one_is_given(cli: Cli, ann: Any, browser: Browser) -> None:
    code = code_from(browser, cli.address())["code"]
    assert at_once(lambda _: str(cli.exchange(code).status_code), 1, 2) == ["200", "400"]
    answer = cli.device()
    allowed(browser, answer)
    device_code = answer.json()["device_code"]
    assert at_once(lambda _: str(cli.poll(device_code).status_code), 1, 2) == ["200", "400"]


@SEVERAL_TRANSACTIONS
def test_a_device_is_answered_once(cli: Cli, ann: Any, browser: Browser) -> None:
    path = urlsplit(cli.device().json()["verification_uri_complete"])
    page = f"{path.path}?{path.query}"
    place = browser.get(page).context["form"].fields["place"].choices[0][0]

    def answer(decision: str) -> str:
        own = Browser()
        own.force_login(ann)
        return str(own.post(page, {"decision": decision, "place": place}).status_code)

    first, second = at_once(answer, "allow", "deny")
    assert first == "302"
    assert second in ("404", "409")
    assert DeviceGrant.objects.get().status != DeviceGrant.AUTHORIZATION_PENDING
