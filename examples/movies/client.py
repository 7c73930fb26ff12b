"""The calls of the platform's HTTP API that the story makes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx

PATIENCE_SECONDS = 60

Json = Any


class Api:
    """The few calls the story makes, with one bearer token."""

    def __init__(self, http: httpx.Client, client_id: str, client_secret: str) -> None:
        self._http = http
        answer = self._http.post(
            "/oauth/token", data={"grant_type": "client_credentials"}, auth=(client_id, client_secret)
        )
        answer.raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, body: Json = None, *, expect: int = 200, **params: str) -> Json:
        """One JSON call; waits while the platform says that trying again may help. Raises RuntimeError otherwise."""
        content = None if body is None else json.dumps(body).encode()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            response = self._http.request(method, path, content=content, params=params)
            if response.status_code == expect:
                return response.json()
            problem = response.json()
            if not problem.get("properties", {}).get("retryable") or time.monotonic() > deadline:
                raise RuntimeError(f"{method} {path}: {problem.get('detail')}")
            time.sleep(0.2)

    def search(self, model: str, condition: Json, **params: str) -> list[Json]:
        response = self._http.post(f"/search/direct/{model}", json=condition, params={"limit": "10000"} | params)
        if response.status_code != 200:
            raise RuntimeError(f"search: {response.json().get('detail')}")
        return [json.loads(line) for line in response.text.splitlines()]

    def exists(self, path: str) -> bool:
        return self._http.get(path).status_code == 200


def until(ask: Callable[[], Json], done: Callable[[Json], bool]) -> Json:
    """The first answer that is done. Raises RuntimeError when that takes too long."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done(answer := ask()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"this is not done: {answer}")
        time.sleep(0.05)
    return answer
