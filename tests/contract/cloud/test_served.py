"""A node and a worker in processes of their own: from the order to the environment and its removal."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import redis

from tests.contract.tenants.test_serve import Serve, empty_database, serve
from tests.contract.tenants.test_workers import Workers, wait_until

__all__ = ["empty_database", "serve"]
ORDER = {"env_name": "dev", "backend": "local"}


@dataclass
class Platform:
    url: str
    workers: Workers

    def state(self) -> str:
        """Empty while the rate limit lets nobody look."""
        answer = httpx.get(f"{self.url}/v2/envs/dev")
        return "" if answer.status_code == 429 else ok(answer)["state"]

    def waited_for(self, state: str) -> float:
        """Seconds until the environment is seen in the state."""
        began = time.monotonic()
        seen: list[str] = []

        def is_there() -> bool:
            seen.append(self.state())
            return seen[-1] == state

        wait_until(is_there, lambda: f"{seen}\n{self.workers.log()}")
        return time.monotonic() - began


def ok(answer: httpx.Response) -> Any:
    assert answer.is_success, answer.text
    return answer.json() if answer.content else None


@pytest.fixture
def platform(serve: Serve, empty_database: str, valkey_url: str, tmp_path: Path) -> Iterator[Platform]:
    """In mock mode: everyone is an administrator of one organisation."""
    redis.Redis.from_url(valkey_url).flushall()
    node = serve(CYODA_DATABASE_URL=empty_database, CYODA_BROKER_URL=valkey_url, CYODA_SUPPRESS_BANNER="true")
    workers = Workers(node.environ, tmp_path, settings="cyoda.settings")
    ok(httpx.get(f"{node.started().url}/api/model/"))  # the organisation comes with its first caller
    workers.start()
    yield Platform(node.url, workers)
    workers.kill()


def test_an_environment_is_ordered_becomes_ready_and_goes(platform: Platform) -> None:
    me = ok(httpx.get(f"{platform.url}/v2/me"))
    assert (me["tier"], "admin:all" in me["scopes"]) == ("free", True)
    key = {"Idempotency-Key": uuid4().hex}
    answer = httpx.post(f"{platform.url}/v2/envs", json=ORDER, headers=key)
    assert (answer.status_code, answer.json()["state"]) == (202, "Queued")
    print(f"ready after {platform.waited_for('Ready'):.2f} s")
    assert ok(httpx.post(f"{platform.url}/v2/envs", json=ORDER, headers=key))["state"] == "Ready"
    assert httpx.delete(f"{platform.url}/v2/envs/dev").status_code == 202
    print(f"gone after {platform.waited_for('Env_Torn_Down'):.2f} s")
    ai_studio_has_one_too(platform)


def ai_studio_has_one_too(platform: Platform) -> None:
    """Its calls are answered at the root of the same node."""
    order = {"user_name": "ann", "user_defined_namespace": "client-ann-dev", "user_defined_keyspace": "c_ann_dev"}
    build = {"build_id": ok(httpx.post(f"{platform.url}/deploy/cyoda-env", json=order))["build_id"]}

    def is_done() -> bool:
        status = ok(httpx.get(f"{platform.url}/deploy/cyoda-env/status", params=build))
        assert status["status"] in ("PENDING", "SUCCESS")
        return status["state"] == "SUCCESS"

    wait_until(is_done, platform.workers.log)
    assert "mark ready: done" in ok(httpx.get(f"{platform.url}/build/logs", params=build))["logs"]
    assert ok(httpx.delete(f"{platform.url}/k8s/namespaces/client-ann-dev")) == {"status": "Terminating"}
