"""The content policies in a real browser: nothing of our own is refused (any complaint fails a test), all else is."""

from __future__ import annotations

from tests.browser.conftest import ADMIN, ADMIN_PASSWORD, Visit, Visits

TOLD = """document.addEventListener("securitypolicyviolation", violation =>
  console.error(`refused: ${violation.effectiveDirective} ${violation.blockedURI}`))"""
ATTACK = """() => new Promise(done => {
  const script = document.createElement("script"); script.textContent = "window.taken = 1";
  const style = document.createElement("style"); style.textContent = "h1 { display: none }";
  const far = document.createElement("script"); far.src = "/elsewhere.js"; far.onerror = done;
  far.src = "https://evil.example/x.js";
  document.body.insertAdjacentHTML("beforeend", '<img src="data:," onerror="window.taken = 1">');
  document.head.append(script, style, far);
})"""


def signed_in(visit: Visits) -> Visit:
    browser = visit(scripts=True)
    browser.page.add_init_script(TOLD)
    browser.open("/admin/")
    browser.send(login=ADMIN, password=ADMIN_PASSWORD)
    browser.page.wait_for_url("**/admin/")
    return browser


def test_a_script_or_style_that_somebody_gets_into_a_page_does_nothing(visit: Visits) -> None:
    browser = visit(scripts=True)
    browser.page.add_init_script(TOLD)
    browser.open("/login")
    browser.page.evaluate(ATTACK)
    assert browser.page.locator("h1").first.is_visible()
    assert browser.page.evaluate("window.taken") is None
    refused = " ".join(browser.complaints)
    browser.complaints.clear()
    for name in ("script-src-elem inline", "script-src-attr inline", "style-src-elem inline", "evil.example"):
        assert name in refused
    assert "asked for" not in refused


def test_nor_does_a_script_in_the_back_office(visit: Visits) -> None:
    browser = signed_in(visit)
    browser.page.evaluate(ATTACK)
    assert browser.page.evaluate("window.taken") is None
    refused = " ".join(browser.complaints)
    browser.complaints.clear()
    for name in ("script-src-elem inline", "script-src-attr inline", "evil.example"):
        assert name in refused
    assert "asked for" not in refused


def test_every_list_its_filters_and_a_row_of_it_work_under_the_policy(visit: Visits) -> None:
    browser = signed_in(visit)
    browser.page.goto(browser.site.base + "/admin/")
    lists = browser.page.locator("a[href^='/admin/tenants/'], a[href^='/admin/auth/']")
    paths = sorted({str(link.get_attribute("href")) for link in lists.all()})
    assert len(paths) >= 10
    filtered = 0
    for path in paths:
        browser.open(path)
        opener = browser.page.locator('a[x-on\\:click="filterOpen = true"]')
        if opener.count():
            opener.first.click()  # Alpine shows them
            browser.page.locator("#changelist-filter").wait_for(state="visible")
            filtered += 1
        browser.open(path)
        row = browser.page.locator("#result_list tbody a").first
        if row.count():
            row.click()
            browser.page.wait_for_load_state()
    assert filtered >= 3
