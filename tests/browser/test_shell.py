"""What stands around every page in a real browser: palette, shortcuts, switcher, drawer, looks (ui: 4.3, 4.8)."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Site, Visit, Visits, operator
from tests.browser.looks import check
from tests.browser.test_console import enter

PAGES = (
    "/", "/organisations", "/search?q=parcel", "/search?q=nothing-of-this-name", "/help/", "/help/transitions",
    "/help/?q=zebra", "/me", "/cluster/", "/setup/", "/nowhere",
)  # fmt: skip


@pytest.fixture
def ann(visit: Visits, parcels: list[str]) -> Visit:
    """A developer at the overview of an environment, with scripts."""
    session = enter(visit, "Developer")
    browser = visit(scripts=True, storage_state=session.page.context.storage_state())
    browser.open(session.path)
    return browser


def test_the_palette_and_the_shortcuts_work_by_the_keyboard_alone(ann: Visit, parcels: list[str]) -> None:
    page, keys = ann.page, ann.page.keyboard
    expect(page.get_by_role("button", name="Copy").first).to_be_visible()
    palette = page.get_by_role("dialog", name="Search")
    keys.press("/")
    expect(palette.get_by_role("searchbox")).to_be_focused()
    expect(palette.get_by_role("link", name="Overview")).to_be_visible()
    keys.type("parcel-life")
    expect(palette.get_by_role("link", name="parcel-life")).to_be_visible()
    expect(palette.get_by_role("link")).to_have_count(1)
    keys.press("Escape")
    keys.press("Control+k")
    keys.type(parcels[0])
    hit = palette.get_by_role("link", name=f"Entity {parcels[0]}")
    expect(hit).to_be_visible()
    keys.press("ArrowDown")
    expect(hit).to_be_focused()
    keys.press("Enter")
    page.wait_for_url(f"**/entities/{parcels[0]}/")
    keys.press("?")
    shortcuts = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(shortcuts).to_be_visible()
    keys.press("Escape")
    keys.press("e")
    switcher = page.get_by_role("dialog", name="Switch environment")
    expect(switcher.get_by_role("link", name="development")).to_be_visible()
    keys.press("e")  # in a field it is a letter
    expect(switcher.get_by_role("searchbox")).to_have_value("e")
    keys.press("Escape")
    page.get_by_role("link", name="Switch").click()
    expect(switcher).to_be_visible()
    keys.press("Escape")
    keys.press("h")
    page.wait_for_url(f"{ann.site.base}/")


def test_shortcuts_can_be_turned_off_and_moments_have_a_zone(ann: Visit) -> None:
    page = ann.page
    ann.open("/me")
    page.get_by_role("checkbox", name="Keyboard shortcuts").uncheck()
    page.get_by_label("Time zone").select_option("Asia/Tokyo")
    page.get_by_role("button", name="Save preferences").click()
    expect(page.locator("#preferences time")).to_contain_text("JST")
    page.wait_for_load_state()  # the scripts are there
    page.keyboard.press("h")
    page.keyboard.press("/")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert ann.path.startswith("/me")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("dialog", name="Search")).to_be_visible()


def test_on_a_phone_the_pages_are_in_a_drawer_without_scripts_too(visit: Visits, parcels: list[str]) -> None:
    session = enter(visit, "Developer")
    state = session.page.context.storage_state()
    phone = visit(viewport={"width": 320, "height": 600}, storage_state=state)
    phone.open(session.path)
    models = phone.page.get_by_role("navigation", name="Pages of this environment").get_by_role("link", name="Models")
    expect(models).to_be_hidden()
    phone.page.get_by_role("button", name="Pages").click()
    models.click()
    assert phone.heading == "Models"
    phone.page.get_by_role("link", name="Search").click()
    phone.send(q="parcel")
    assert "parcel-life" in phone.text


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_around_them_fits_and_can_be_read(
    visit: Visits, site: Site, parcels: list[str], width: int, scheme: str
) -> None:
    state = operator(visit).page.context.storage_state()
    browser = visit(scripts=True, viewport={"width": width, "height": 700}, color_scheme=scheme, storage_state=state)
    for page in PAGES:
        check(browser, page)
