"""What a member's processor does over HTTP within the transaction that asked it."""

from __future__ import annotations

import asyncio

import msgspec

from tests.bench.workloads import render


class _Errand(msgspec.Struct):
    companion: str


class _Envelope(msgspec.Struct):
    data: msgspec.Raw


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Callbacks:
    """Joined requests over keep-alive connections, as many as are needed at once."""

    def __init__(self, http_port: int, token: str) -> None:
        self._port = http_port
        self._token = token
        self._idle: list[Connection] = []

    async def touch(self, errand: bytes, tx_token: str) -> bool:
        """Read the entity that an errand names and write it again; whether both were answered 2xx."""
        companion = msgspec.json.decode(errand, type=_Errand).companion
        status, body = await self._request("GET", f"/api/entity/{companion}", tx_token)
        if status != 200:
            return False
        document = bytes(msgspec.json.decode(body, type=_Envelope).data)
        status, _ = await self._request("PUT", f"/api/entity/JSON/{companion}", tx_token, document)
        return status == 200

    async def _request(self, method: str, path: str, tx_token: str, body: bytes = b"") -> tuple[int, bytes]:
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(render(method, path, self._token, body, x_tx_token=tx_token))
        head = await reader.readuntil(b"\r\n\r\n")
        at = head.index(b"content-length: ") + 16
        answer = await reader.readexactly(int(head[at : head.index(b"\r", at)]))
        self._idle.append((reader, writer))
        return int(head[9:12]), answer
