"""The ceiling of HTTP: a bare ASGI application on the servers that a node uses.

    python -m tests.bench.echo PORT

It reads the body and answers as many bytes as the path says: `POST /900` answers 900.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

import uvicorn


@cache
def _answer(path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    body = b"x" * int(path[1:])
    headers = [(b"content-length", b"%d" % len(body)), (b"content-type", b"application/json")]
    return (
        {"type": "http.response.start", "status": 200, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


async def app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive()).get("more_body", False):
        pass
    start, body = _answer(scope["path"])
    await send(start)
    await send(body)


if __name__ == "__main__":
    uvicorn.run(
        app, host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", http="httptools", ws="none", lifespan="off",
        access_log=False, log_level="error", proxy_headers=False, server_header=False, date_header=False,
    )  # fmt: skip
