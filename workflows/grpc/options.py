"""What the runtime decides for the gRPC edge (contract: grpc 1, 18, 19, 22)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

import grpc

MESSAGE_LIMIT_BYTES = 100 * 1024 * 1024
FRAMING_BYTES = 64 * 1024  # a message of just the limit still has its CloudEvent around it


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepAlive:
    """How often members are probed, and after how much silence they are cut off."""

    interval: timedelta = timedelta(seconds=10)
    timeout: timedelta = timedelta(seconds=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """PEM texts; with `client_ca` a client must show a certificate of one of those issuers."""

    certificate: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None = None

    def credentials(self) -> grpc.ServerCredentials:
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)],
            root_certificates=self.client_ca,
            require_client_auth=self.client_ca is not None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcOptions:
    """Port 0 takes any free one; without `tls` the listener speaks plaintext only, with it TLS only."""

    host: str = "[::]"
    port: int = 9090
    keep_alive: KeepAlive = field(default_factory=KeepAlive)
    health: bool = True
    reflection: bool = False
    tls: Tls | None = None

    def channel(self) -> list[tuple[str, int]]:
        """Clients ping every 15 s, also without calls, and exchange messages of up to 100 MB."""
        return [
            ("grpc.max_receive_message_length", MESSAGE_LIMIT_BYTES + FRAMING_BYTES),
            ("grpc.max_send_message_length", -1),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 5_000),
            ("grpc.http2.max_ping_strikes", 0),
            ("grpc.so_reuseport", 0),
        ]
