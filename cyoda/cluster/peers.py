"""What this node asks of the others: callouts of their members, requests that join their transactions (docs/adr/0017).

Each peer has one connection, on which both sides have proved that they belong to the cluster
(cyoda.cluster.credentials).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import grpc
import grpc.aio
import structlog

from cyoda.cluster import wire
from cyoda.cluster.credentials import PeerCredentials, host_name
from cyoda.cluster.membership import Membership, NodeInfo
from cyoda.cluster.tokens import JoinTokens
from cyoda.errors import DispatchForwardFailed, TransactionNodeUnavailable
from cyoda.http.request import Scope
from cyoda.http.response import Header
from cyoda.principal import TenantId
from workflows.compute import matching
from workflows.compute.cluster import PeerUnreached
from workflows.compute.events import Errand, Response

CONNECT_SECONDS = 2.0
LOOK_SECONDS = 2.0
_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 5_000),
    ("grpc.keepalive_timeout_ms", 3_000),  # a peer that is frozen or cut off fails what it was asked
    ("grpc.http2.ping_timeout_ms", 3_000),  # the library counts from it, too
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.use_local_subchannel_pool", 1),
)
_UNKNOWN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED)
log = structlog.get_logger(__name__)
Metadata = Sequence[tuple[str, str | bytes]]


class Peers:
    """Implements workflows.compute.cluster.Peers, cyoda.http.forwarding.Owners and workflows.grpc.forwarding.Owners."""

    def __init__(
        self,
        membership: Membership,
        credentials: PeerCredentials,
        tokens: JoinTokens,
        *,
        forward_timeout: timedelta,
        proxy_timeout: timedelta,
    ) -> None:
        self._membership = membership
        self._credentials = credentials
        self._tokens = tokens
        self._forward_s = forward_timeout.total_seconds()
        self._proxy_s = proxy_timeout.total_seconds()
        self._channels: dict[str, tuple[NodeInfo, grpc.aio.Channel]] = {}

    # --- callouts -----------------------------------------------------------------------------------------------

    @property
    def changed(self) -> asyncio.Event:
        return self._membership.view.changed

    def offers(self, tenant: TenantId, requirement: str, tried: Collection[UUID] = ()) -> Mapping[str, int]:
        if not self._membership.is_current:
            return {}
        return self._membership.view.offers(tenant, matching.required_tags(requirement), tried)

    async def give(self, node_id: str, errand: Errand, tried: set[UUID] | None = None) -> Response:
        channel = await self._connected(node_id)
        request = wire.Request(errand=errand, tried=tuple(tried or ()))
        try:
            reply = await channel.unary_unary(wire.GIVE)(wire.encode(request), timeout=self._forward_s)
        except grpc.aio.AioRpcError as error:
            raise DispatchForwardFailed("forwarding the callout to a peer node failed") from error
        answered = wire.decode_reply(reply)
        if tried is not None and answered.asked is not None:
            tried.add(answered.asked)
        return answered.outcome()

    # --- changes of configuration -------------------------------------------------------------------------------

    async def look(self) -> None:
        """Have every other node look at the configuration's rows; one that does not answer in time finds out later."""
        view = self._membership.view
        await asyncio.gather(*(self._told_to_look(node_id) for node_id in list(view.nodes) if node_id != view.own_id))

    async def _told_to_look(self, node_id: str) -> None:
        try:
            channel = await self._connected(node_id)
            await channel.unary_unary(wire.LOOK)(b"", timeout=LOOK_SECONDS)
        except (PeerUnreached, grpc.aio.AioRpcError) as error:
            log.warning("a node has not looked at a change", node=node_id, reason=type(error).__name__)

    # --- requests that join a transaction elsewhere -------------------------------------------------------------

    def owner(self, token: str) -> str | None:
        return self._tokens.owner(token)

    async def http(self, owner: str, scope: Scope, headers: Sequence[Header], body: AsyncIterator[bytes]) -> HttpAnswer:
        """The owner's answer to an HTTP request, once its head is there. Raises TransactionNodeUnavailable."""
        channel = await self._owner(owner)
        head = wire.RequestHead(
            method=scope["method"], path=scope["path"], raw_path=scope["raw_path"],
            query_string=scope["query_string"], headers=list(headers),
        )  # fmt: skip

        async def frames() -> AsyncIterator[bytes]:
            yield wire.encode(head)
            async for chunk in body:
                yield chunk

        call = channel.stream_stream(wire.HTTP)(frames())
        answer = aiter(call)
        try:
            async with asyncio.timeout(self._proxy_s):
                first = await anext(answer, None)
        except (grpc.aio.AioRpcError, TimeoutError) as error:
            call.cancel()
            raise TransactionNodeUnavailable from error
        if first is None:
            raise TransactionNodeUnavailable
        return HttpAnswer(wire.decode_answer_head(first), answer, call)

    async def unary(
        self, owner: str, method: str, message: bytes, metadata: Metadata, timeout_s: float | None
    ) -> bytes:
        """The owner's reply to the same rpc. Raises TransactionNodeUnavailable, AioRpcError (the owner's status)."""
        channel = await self._owner(owner)
        try:
            return await channel.unary_unary(method)(message, metadata=metadata, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise _unavailable_or(error) from error

    async def frames(
        self, owner: str, method: str, message: bytes, metadata: Metadata, timeout_s: float | None
    ) -> AsyncIterator[bytes]:
        """The owner's frames of the same rpc. Raises as `unary`."""
        channel = await self._owner(owner)
        try:
            async for frame in channel.unary_stream(method)(message, metadata=metadata, timeout=timeout_s):
                yield frame
        except grpc.aio.AioRpcError as error:
            raise _unavailable_or(error) from error

    # --- connections --------------------------------------------------------------------------------------------

    async def close(self) -> None:
        channels = [channel for _, channel in self._channels.values()]
        self._channels.clear()
        for channel in channels:
            await channel.close()

    async def _owner(self, node_id: str) -> grpc.aio.Channel:
        """Also while the membership is not current: who answers proves to be the one that is meant."""
        try:
            return await self._connected(node_id)
        except PeerUnreached as error:
            raise TransactionNodeUnavailable from error

    async def _connected(self, node_id: str) -> grpc.aio.Channel:
        """A channel that is connected, so that a request that fails on it may have arrived. Raises PeerUnreached."""
        channel = await self._channel(node_id)
        state = channel.get_state(try_to_connect=True)
        if state is grpc.ChannelConnectivity.READY:
            return channel
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                while state is not grpc.ChannelConnectivity.READY:
                    if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
                        raise PeerUnreached(node_id)
                    await channel.wait_for_state_change(state)
                    state = channel.get_state(try_to_connect=True)
        except TimeoutError:
            raise PeerUnreached(node_id) from None
        return channel

    async def _channel(self, node_id: str) -> grpc.aio.Channel:
        node = self._membership.view.nodes.get(node_id)
        known = self._channels.get(node_id)
        if known is not None and (node is None or _is_same_life(known[0], node)):
            return known[1]
        if node is None:
            raise PeerUnreached(node_id)
        channel = channel_to(node, self._credentials)
        self._channels[node_id] = node, channel
        if known is not None:
            await known[1].close()
        return channel


def channel_to(node: NodeInfo, credentials: PeerCredentials) -> grpc.aio.Channel:
    """A channel on which only this node answers."""
    options = (*_OPTIONS, ("grpc.ssl_target_name_override", host_name(node.id)))
    return grpc.aio.secure_channel(node.peer, credentials.channel(), options=options)


class HttpAnswer:
    """An HTTP answer that is on its way from another node."""

    def __init__(self, head: wire.AnswerHead, rest: AsyncIterator[bytes], call: Any) -> None:
        self.status = head.status
        self.headers = head.headers
        self._rest = rest
        self._call = call

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body. Raises TransactionNodeUnavailable when the owner is lost on the way."""
        try:
            async for chunk in self._rest:
                yield chunk
        except grpc.aio.AioRpcError as error:
            raise TransactionNodeUnavailable from error
        finally:
            self._call.cancel()


def _is_same_life(one: NodeInfo, other: NodeInfo) -> bool:
    return (one.peer, one.incarnation) == (other.peer, other.incarnation)


def _unavailable_or(error: grpc.aio.AioRpcError) -> Exception:
    return TransactionNodeUnavailable() if error.code() in _UNKNOWN else error
