"""How fast environments are made by a real node and worker: `python -m tests.bench.control_plane`, on an idle machine.

`one` is a person at the API, from the POST to the state that a poll shows; `crowd` is 20 organisations that order 200
environments as fast as they can, and how evenly they are served; `pages` is a listing among 10,000.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from statistics import median
from uuid import UUID, uuid4

import httpx

from tests.up import ROOT, Up

ORGANISATIONS, EACH, MANY = 20, 10, 10_000
POLLS = 9
PATIENCE_S = 120


def one(up: Up, times: int = 5) -> None:
    headers = {"Authorization": f"Bearer {up.token()}"}
    with httpx.Client(base_url=up.api.removesuffix("/api"), headers=headers, timeout=30) as api:
        for number in range(times):
            time.sleep(2)  # the bucket of polls fills again
            body = {"env_name": f"one{number}", "backend": "local"}
            began = time.monotonic()
            api.post("/v2/envs", json=body, headers={"Idempotency-Key": uuid4().hex}).raise_for_status()
            ordered = time.monotonic() - began
            while (look := api.get(f"/v2/envs/one{number}")).status_code == 429 or look.json()["state"] != "Ready":
                time.sleep(0.2)
            print(f"one: ordered in {ordered * 1000:.0f} ms, seen ready after {time.monotonic() - began:.2f} s")
        looks: list[float] = []
        for _ in range(POLLS):
            time.sleep(1)
            began = time.monotonic()
            api.get("/v2/envs/one0").raise_for_status()
            looks.append(time.monotonic() - began)
        print(f"one: a look at the state takes {median(looks) * 1000:.1f} ms")


def crowd() -> None:
    from tenants.models import Environment, Organisation, Provisioning
    from tenants.services.audit import PLATFORM
    from tenants.services.environments import Wanted, create_environment
    from tenants.tasks import wake

    owners = [Organisation.objects.create(name=f"owner {number}") for number in range(ORGANISATIONS)]
    began = time.monotonic()
    for number in range(EACH):
        for owner in owners:
            create_environment(PLATFORM, owner, Wanted(name=f"e{number}", backend="local"), tier=None, wake=wake)
    ordered = time.monotonic() - began
    runs = Provisioning.objects.filter(environment__organisation__in=owners)
    while runs.filter(finished_at=None).exists() and time.monotonic() - began < PATIENCE_S:
        time.sleep(0.1)
    ready = Environment.objects.filter(organisation__in=owners, state=Environment.State.READY).count()
    print(f"crowd: {ready} ready after {time.monotonic() - began:.1f} s, all ordered after {ordered:.1f} s")
    rows = list(runs.values_list("environment__organisation", "created_at", "finished_at"))
    first, ends = min(created for _, created, _ in rows), defaultdict[UUID, list[float]](list)
    for owner, _, finished in rows:
        ends[owner].append((finished - first).total_seconds())
    last = sorted(max(times) for times in ends.values())
    middle = sorted(median(times) for times in ends.values())
    print(f"crowd: an owner's last one is ready between {last[0]:.1f} and {last[-1]:.1f} s")
    print(f"crowd: an owner's median one is ready between {middle[0]:.1f} and {middle[-1]:.1f} s")


def pages() -> None:
    from django.utils import timezone

    from tenants.models import Environment, Organisation, Provisioning
    from tenants.services.environments import builds_of
    from tenants.usage import measure, notices

    owner = Organisation.objects.create(name="many")
    ready = Environment.State.READY
    many = [
        Environment.of_tenant(f"many {number}", organisation=owner, name=f"n{number}", state=ready)
        for number in range(MANY)
    ]
    Environment.objects.bulk_create(many)
    now = timezone.now()
    Provisioning.objects.bulk_create(
        Provisioning(environment=one, kind="create", not_before=now, finished_at=now, state="succeeded") for one in many
    )
    for name, act in (
        ("a page of builds", lambda: list(builds_of(owner)[:50])),
        ("measuring a round", measure.measure),
        ("looking for notices", notices.give_notices),
    ):
        act()
        began = time.monotonic()
        act()
        print(f"pages: {name} takes {(time.monotonic() - began) * 1000:.1f} ms among {MANY}")


def main() -> None:
    up = Up(Path(tempfile.mkdtemp(prefix="bench-")) / "home")
    try:
        up.start()
        one(up)
        inside = "from tests.bench.control_plane import crowd, pages; crowd(); pages()"
        command = [sys.executable, "manage.py", "shell", "-v", "0", "-c", inside]
        subprocess.run(command, cwd=ROOT, env=up.environ, check=True)
        up.end(signal.SIGTERM)
    finally:
        up.kill()


if __name__ == "__main__":
    main()
