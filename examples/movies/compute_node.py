"""A compute node: connects to the platform by gRPC and runs the `appraise` processor of the film workflow.

    CYODA_CLIENT_ID=… CYODA_CLIENT_SECRET=… python examples/movies/compute_node.py \\
        --api http://localhost:8080/api --grpc localhost:9090

It asks for a token, joins with the tag `movies`, answers keep-alives, and answers each processor request with the
changed document. Copy it and replace `appraise`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import re
import sys
import urllib.request
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from workflows.grpc.generated.cloudevents_pb2 import CloudEvent
from workflows.grpc.generated.cyoda_cloud_api_pb2_grpc import CloudEventsServiceStub

TAGS = ["movies"]
RECONNECT_SECONDS = 1.0
NEWEST_FILM = 2012  # two-digit years of the source were read as 20xx; nothing in it is younger


def appraise(film: dict[str, Any]) -> dict[str, Any]:
    """The business logic: adds `appraisal` with decade, profit and verdict."""
    gross, budget = film.get("Worldwide Gross"), film.get("Production Budget")
    profit = gross - budget if gross is not None and budget is not None else None
    return film | {
        "appraisal": {
            "decade": decade(film.get("Release Date")),
            "profit": profit,
            "verdict": verdict(profit, film["IMDB Rating"]),
        }
    }


def decade(release_date: str | None) -> str | None:
    year = re.search(r"\d{4}$", release_date or "")
    if year is None:
        return None
    number = int(year[0]) if int(year[0]) <= NEWEST_FILM else int(year[0]) - 100
    return f"{number // 10 * 10}s"


def verdict(profit: int | None, rating: float) -> str:
    if profit is None:
        return "unknown"
    loved = rating >= 7
    if profit > 0:
        return "triumph" if loved else "crowd-pleaser"
    return "cult" if loved else "misfire"


PROCESSORS = {"appraise": appraise}


# --- the protocol -----------------------------------------------------------------------------------------------


def event(kind: str, **payload: Any) -> CloudEvent:
    return CloudEvent(
        id=str(uuid.uuid4()), source="movies", spec_version="1.0", type=kind,
        text_data=json.dumps({"id": str(uuid.uuid4())} | payload),
    )  # fmt: skip


def answer(request: dict[str, Any]) -> CloudEvent:
    """The response to one processor request; a failure goes back as such and fails the transition."""
    reply = {"requestId": request["requestId"], "entityId": request["entityId"]}
    try:
        document = PROCESSORS[request["processorName"]](request["payload"]["data"])
    except Exception as error:  # noqa: BLE001 - whatever the logic raises is the platform's to report
        reply |= {"success": False, "error": {"code": "PROCESSOR_ERROR", "message": f"{type(error).__name__}: {error}"}}
    else:
        reply |= {"success": True, "payload": {"type": "JSON", "data": document}}
    return event("EntityProcessorCalculationResponse", **reply)


def fetch_token(api: str) -> str:
    credentials = f"{os.environ['CYODA_CLIENT_ID']}:{os.environ['CYODA_CLIENT_SECRET']}"
    request = urllib.request.Request(  # noqa: S310 - the operator's own platform
        f"{api}/oauth/token", data=b"grant_type=client_credentials",
        headers={"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)["access_token"]


async def serve(api: str, target: str) -> None:
    """One connection: join, then answer whatever comes until the stream ends."""
    token = await asyncio.to_thread(fetch_token, api)
    outgoing: asyncio.Queue[CloudEvent] = asyncio.Queue()
    outgoing.put_nowait(event("CalculationMemberJoinEvent", tags=TAGS))

    async def requests() -> AsyncIterator[CloudEvent]:
        while True:
            yield await outgoing.get()

    async with grpc.aio.insecure_channel(target) as channel:
        stub = CloudEventsServiceStub(channel)
        async for incoming in stub.startStreaming(requests(), metadata=[("authorization", f"Bearer {token}")]):
            payload = json.loads(incoming.text_data)
            if incoming.type == "CalculationMemberGreetEvent":
                print(f"joined as member {payload['memberId']}", flush=True)
            elif incoming.type == "CalculationMemberKeepAliveEvent":
                outgoing.put_nowait(event("EventAckResponse", sourceEventId=payload["id"], success=True))
            elif incoming.type == "EntityProcessorCalculationRequest":
                outgoing.put_nowait(answer(payload))


async def run(api: str, target: str) -> None:
    while True:
        try:
            await serve(api, target)
        except (grpc.aio.AioRpcError, OSError) as error:
            print(f"not connected ({type(error).__name__}), trying again", flush=True)
        await asyncio.sleep(RECONNECT_SECONDS)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", default="http://localhost:8080/api")
    parser.add_argument("--grpc", default="localhost:9090", dest="target")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.api, arguments.target))
