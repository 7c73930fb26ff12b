"""What tests of the HTTP contract do over and over, in few words."""

from __future__ import annotations

from typing import Any

import httpx

UNKNOWN = "6d798335-e75b-11f1-a067-febab3db59f3"
MATCH_ALL = {"type": "group", "operator": "AND", "conditions": []}

REVIEW: dict[str, Any] = {
    "version": "1.3",
    "name": "review",
    "initialState": "NONE",
    "states": {
        "NONE": {"transitions": [{"name": "start", "next": "DRAFT"}]},
        "DRAFT": {
            "transitions": [
                {"name": "approve", "next": "APPROVED", "manual": True},
                {"name": "retire", "next": "RETIRED", "manual": True, "disabled": True},
            ]
        },
        "APPROVED": {},
        "RETIRED": {},
    },
}


def ok(answer: httpx.Response) -> Any:
    """The JSON of a 200."""
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(answer: httpx.Response, status: int, code: str, message: str | None = None, **properties: object) -> None:
    """The answer is a problem document of this code, with exactly these extra properties."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem = answer.json()
    assert (answer.status_code, problem["properties"]["errorCode"]) == (status, code), answer.text
    if message is not None:
        assert problem["detail"] == f"{code}: {message}"
    if properties:
        assert problem["properties"] == {"errorCode": code, **properties}


async def model(api: httpx.AsyncClient, name: str = "order", sample: object = None, *, lock: bool = True) -> str:
    """Discover a model from a sample (`{"amount": 1, "name": "a"}` unless given); returns its id."""
    sample = {"amount": 1, "name": "a"} if sample is None else sample
    model_id = ok(await api.post(f"/model/import/JSON/SAMPLE_DATA/{name}/1", json=sample))
    if lock:
        ok(await api.put(f"/model/{name}/1/lock"))
    return model_id


async def workflow(api: httpx.AsyncClient, name: str = "order", definition: dict[str, Any] | None = None) -> None:
    body = {"importMode": "REPLACE", "workflows": [definition or REVIEW]}
    assert ok(await api.post(f"/model/{name}/1/workflow/import", json=body)) == {"success": True}


async def entity(api: httpx.AsyncClient, document: object = None, name: str = "order") -> str:
    """Create one entity; returns its id."""
    document = {"amount": 1, "name": "a"} if document is None else document
    (chunk,) = ok(await api.post(f"/entity/JSON/{name}/1", json=document))
    (entity_id,) = chunk["entityIds"]
    return entity_id


async def read(api: httpx.AsyncClient, entity_id: str, **query: str) -> dict[str, Any]:
    return ok(await api.get(f"/entity/{entity_id}", params=query))
