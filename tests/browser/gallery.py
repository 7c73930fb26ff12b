"""Pictures of every page of the demo: `make gallery` writes those of docs/ui; with options, others for a closer look.

`python -m tests.browser.gallery --folder /tmp/look --scale 1 --widths 320 1280 2560`
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx
from playwright.sync_api import Browser, Page, sync_playwright

from tests.pages import OPERATOR, Sample
from tests.up import ROOT, Up

MODEL, WORKFLOW = "film/1", "film-appraisal"
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
HEIGHT_PX = 800


@dataclass(frozen=True, slots=True)
class Options:
    folder: Path
    widths: Sequence[int]
    scale: float
    pages: Sequence[str]
    """Parts of the names of the wanted pages; empty for all."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "ui")
    parser.add_argument("--widths", type=int, nargs="+", default=[1280, 320])
    parser.add_argument("--scale", type=float, default=0.5)
    parser.add_argument("--pages", nargs="*", default=[])
    options = Options(**vars(parser.parse_args()))
    options.folder.mkdir(parents=True, exist_ok=True)
    with demo() as (up, password), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        state, pages = sign_in(browser, up, password)
        wanted = {name: path for name, path in pages.items() if is_wanted(name, options.pages)}
        for width in options.widths:
            for scheme in SCHEMES:
                take(browser, state, wanted, options, width, scheme)
        browser.close()
    (options.folder / "README.md").write_text(index(wanted, options.widths))


@contextmanager
def demo() -> Iterator[tuple[Up, str]]:
    """`make up` with its story in a folder of its own; the login's password."""
    with tempfile.TemporaryDirectory() as folder:
        up = Up(Path(folder) / "home")
        try:
            up.start("up")
            yield up, (up.home / "secrets" / "admin-password").read_text()
            up.end(signal.SIGTERM)
        finally:
            up.kill()


def sign_in(browser: Browser, up: Up, password: str) -> tuple[object, dict[str, str]]:
    """The session of the demo's owner, and the addresses of the pages."""
    base = up.api.removesuffix("/api")
    page = browser.new_page(base_url=base)
    page.goto("/login")
    page.locator("[name=login]").fill("admin")
    page.locator("[name=password]").fill(password)
    page.locator("main form button[type=submit]").first.click()
    page.locator("main a[href*='/e/']").first.click()
    page.wait_for_load_state()
    environment = page.url.removeprefix(base)
    entity, transaction = film(up)
    sample = Sample(environment=environment, model=MODEL, entity=entity, transaction=transaction, workflow=WORKFLOW)
    pages = sample.pages() | OPERATOR
    return page.context.storage_state(), {name: base + path for name, path in pages.items()}


def film(up: Up) -> tuple[str, str]:
    """One that has no rating yet, and the transaction that wrote it last."""
    condition = {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": "UNRATED"}
    answer = httpx.post(
        f"{up.api}/search/direct/{MODEL}",
        json=condition,
        headers={"Authorization": f"Bearer {up.token()}"},
    )
    meta = json.loads(answer.raise_for_status().text.splitlines()[0])["meta"]
    return meta["id"], meta["transactionId"]


def take(
    browser: Browser,
    state: object,
    pages: dict[str, str],
    options: Options,
    width: int,
    scheme: Literal["light", "dark"],
) -> None:
    context = browser.new_context(
        storage_state=state,  # type: ignore[arg-type] - as Playwright gave it
        viewport={"width": width, "height": HEIGHT_PX},
        device_scale_factor=options.scale,
        color_scheme=scheme,
        reduced_motion="reduce",
    )
    page: Page = context.new_page()
    for name, address in pages.items():
        page.goto(address)
        page.wait_for_load_state("load")
        page.screenshot(path=options.folder / picture(name, width, scheme))
    context.close()


def picture(name: str, width: int, scheme: str) -> str:
    return f"{name}-{width}-{scheme}.png"


def is_wanted(name: str, parts: Sequence[str]) -> bool:
    return not parts or any(part in name for part in parts)


def index(pages: dict[str, str], widths: Sequence[int]) -> str:
    lines = ["# The pages", "", "Of the demo that `make up` starts; `make gallery` makes these pictures anew.", ""]
    for name in pages:
        lines += [f"## {name}", ""]
        lines += [
            f"![{name}, {scheme}, {width} px]({picture(name, width, scheme)})" for width in widths for scheme in SCHEMES
        ]
        lines.append("")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
