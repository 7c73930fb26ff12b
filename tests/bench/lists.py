"""How long pages of a list among 100,000 entities take a browser: `python -m tests.bench.lists`, on an idle machine.

Each line walks through a list by its own links; `cpu` is what the node and its database spent on a page.
"""

from __future__ import annotations

import json
import random
import re
import signal
import tempfile
import time
from html import unescape
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import quote

import httpx
import psutil

from tests.up import Up

ENTITIES, BATCH, PAGES = 100_000, 1000, 40
_NEXT = re.compile(r'rel="next"\s+href="([^"]+)"')


def fill(up: Up) -> None:
    chance = random.Random(1)
    headers = {"Authorization": f"Bearer {up.token()}"}
    with httpx.Client(base_url=up.api, headers=headers, timeout=60) as api:
        sample = {"name": "n", "price": 1.5, "kind": "a", "note": "x"}
        api.post("/model/import/JSON/SAMPLE_DATA/item/1", json=sample).raise_for_status()
        api.put("/model/item/1/lock").raise_for_status()
        indexes = {"indexes": [{"id": "by-kind", "fields": ["$.kind"]}]}
        api.put("/model/item/1/indexes", json=indexes).raise_for_status()
        for start in range(0, ENTITIES, BATCH):
            many = [
                {"name": f"n{start + n}", "price": chance.randrange(10**6) / 100, "kind": chance.choice("abcdefghij"),
                 "note": "lorem ipsum " * 8}
                for n in range(BATCH)
            ]  # fmt: skip
            api.post("/entity/JSON/item/1?transactionWindow=1000", json=many).raise_for_status()


def signed_in(base: str, printed: str) -> tuple[httpx.Client, str]:
    """A person's session, and the address of the environment."""
    password = re.findall(r"password (\S+)\)", printed)[0]
    browser = httpx.Client(base_url=base, follow_redirects=True, timeout=60)
    token = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', browser.get("/login").text)[0]
    fields = {"login": "admin", "password": password, "csrfmiddlewaretoken": token}
    browser.post("/login", data=fields, headers={"Referer": base}).raise_for_status()
    return browser, re.findall(r'href="(/t/[^"]+/e/[^"]+/)"', browser.get("/").text)[0]


def spent_s(up: Up) -> float:
    assert up.process
    everything = psutil.Process(up.process.pid).children(recursive=True)
    return sum(sum(process.cpu_times()[:4]) for process in everything)


def walk(up: Up, browser: httpx.Client, name: str, address: str, query: str = "view=") -> None:
    times: list[float] = []
    before, url = spent_s(up), f"{address}?{query}"
    for _ in range(PAGES):
        began = time.perf_counter()
        page = browser.get(url).raise_for_status().text
        times.append((time.perf_counter() - began) * 1000)
        following = _NEXT.search(page)
        if following is None:
            break
        url = address + unescape(following[1])
    cpu = (spent_s(up) - before) * 1000 / len(times)
    worst = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
    print(f"{name}: {len(times)} pages, p50 {median(times):.0f} ms, p95 {worst:.0f} ms, cpu {cpu:.0f} ms")


def where(path: str, operator: str, value: object) -> str:
    test = {"type": "simple", "jsonPath": path, "operatorType": operator, "value": value}
    return "q=" + quote(json.dumps({"type": "group", "operator": "AND", "conditions": [test]}))


def main() -> None:
    up = Up(Path(tempfile.mkdtemp(prefix="bench-")) / "home")
    try:
        browser, environment = signed_in(up.api.removesuffix("/api"), up.start())
        fill(up)
        address = f"{environment}entities/item/1/"
        walk(up, browser, "warming", address)
        walk(up, browser, "everything", address)
        walk(up, browser, "backwards", address, "sort=@id:desc")
        walk(up, browser, "by an index, one in ten", address, where("$.kind", "EQUALS", "a"))
        walk(up, browser, "without an index, one in two", address, where("$.price", "LESS_THAN", 5000))
        walk(up, browser, "without an index, one in 2,000", address, where("$.price", "LESS_THAN", 5))
        walk(up, browser, "judged one by one", address, where("$.name", "LIKE", "n%77"))
        walk(up, browser, "as of now", address, "at=2100-01-01T00:00:00Z")
        up.end(signal.SIGTERM)
    finally:
        up.kill()


if __name__ == "__main__":
    main()
