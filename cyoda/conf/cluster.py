"""Several nodes as one (contract: gRPC 17, 18)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cyoda.conf import variables as kind
from cyoda.conf.variables import optional, seconds, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Several nodes as one."""

    enabled: bool = setting("CYODA_CLUSTER_ENABLED", kind.boolean, False, "Join other nodes.")
    node_id: str = setting(
        "CYODA_NODE_ID",
        kind.pattern(r"[\w.-]{1,64}", "1 to 64 letters, digits, dots, dashes or underscores"),
        "local",
        "Unique id of this node; required in a cluster.",
    )
    node_addr: str = setting(
        "CYODA_NODE_ADDR",
        kind.url("http", "https"),
        "http://localhost:8080",
        "HTTP address at which peers reach this node.",
    )
    grpc_node_addr: str | None = setting(
        "CYODA_GRPC_NODE_ADDR",
        optional(kind.pattern(r"\S+:\d{1,5}", "host:port")),
        None,
        "gRPC address at which peers reach this node.",
    )
    peer_port: int = setting(
        "CYODA_PEER_PORT",
        kind.integer(0, 65535),
        9092,
        "Port for the other nodes of the cluster; 0 takes any free one.",
    )
    peer_bind_address: str = setting("CYODA_PEER_BIND_ADDRESS", kind.text, "0.0.0.0", "Address of that listener.")  # noqa: S104 - peers are elsewhere, and prove who they are
    peer_addr: str | None = setting(
        "CYODA_PEER_ADDR",
        optional(kind.pattern(r"\S+:\d{1,5}", "host:port")),
        None,
        "Address at which peers reach that listener; unset is CYODA_NODE_ADDR's host.",
    )
    drain_delay: timedelta = setting(
        "CYODA_DRAIN_DELAY",
        kind.duration(timedelta(0)),
        timedelta(0),
        "A node that is to stop goes on serving this long, not ready, so that load balancers turn away from it first.",
    )
    zookeeper_hosts: str | None = setting(
        "CYODA_ZOOKEEPER_HOSTS",
        optional(kind.pattern(r"[^\s/]+:\d{1,5}(,[^\s/]+:\d{1,5})*", "host:port, comma-separated")),
        None,
        "Zookeeper servers that keep the membership; unset keeps it in the database.",
    )
    zookeeper_root: str = setting(
        "CYODA_ZOOKEEPER_ROOT",
        kind.pattern(r"(/[\w.-]+)+", "a path"),
        "/cyoda",
        "Path in Zookeeper below which everything is; a cluster of its own needs one of its own.",
    )
    zookeeper_auth: str | None = setting(
        "CYODA_ZOOKEEPER_AUTH",
        optional(kind.pattern(r"[^:\s]+:\S+", "user:password")),
        None,
        "Digest that alone may read and write there; unset is made of CYODA_HMAC_SECRET.",
        secret=True,
    )
    zookeeper_session_timeout: timedelta = setting(
        "CYODA_ZOOKEEPER_SESSION_TIMEOUT",
        kind.duration(),
        seconds(6),
        "Silence after which Zookeeper counts a node as gone.",
    )
    zookeeper_tls: bool = setting("CYODA_ZOOKEEPER_TLS", kind.boolean, False, "Speak TLS to Zookeeper.")
    zookeeper_tls_ca: Path | None = setting(
        "CYODA_ZOOKEEPER_TLS_CA", optional(kind.path), None, "PEM file of the issuers of Zookeeper's certificates."
    )
    zookeeper_tls_cert: Path | None = setting(
        "CYODA_ZOOKEEPER_TLS_CERT", optional(kind.path), None, "PEM file of the certificate shown to Zookeeper."
    )
    zookeeper_tls_key: Path | None = setting(
        "CYODA_ZOOKEEPER_TLS_KEY", optional(kind.path), None, "PEM file of its key."
    )
    gossip_addr: str = setting(
        "CYODA_GOSSIP_ADDR",
        kind.pattern(r"\S*:\d{1,5}", "host:port or :port"),
        ":7946",
        "Accepted, and of no effect: the membership is in Zookeeper or in the database.",
    )
    seed_nodes: tuple[str, ...] = setting(
        "CYODA_SEED_NODES", kind.listed(), (), "Accepted, and of no effect: Zookeeper or the database knows the nodes."
    )
    gossip_stability_window: timedelta = setting(
        "CYODA_GOSSIP_STABILITY_WINDOW",
        kind.duration(timedelta(0)),
        seconds(2),
        "Accepted, and of no effect: the membership is whole as soon as it is read.",
    )
    hmac_secret: str | None = setting(
        "CYODA_HMAC_SECRET",
        optional(kind.text),
        None,
        "Secret shared by the nodes, at least 32 bytes, in hex or as it is; required in a cluster.",
        secret=True,
    )
    dispatch_allow_loopback_for_testing: bool = setting(
        "CYODA_DISPATCH_ALLOW_LOOPBACK_FOR_TESTING",
        kind.boolean,
        False,
        "Accepted, and of no effect: peers prove who they are, wherever they are.",
    )

    @property
    def hmac_key(self) -> bytes | None:
        """The secret's bytes: decoded when it is valid hex, else as it is (contract: gRPC 16.1)."""
        if self.hmac_secret is None:
            return None
        try:
            return bytes.fromhex(self.hmac_secret)
        except ValueError:
            return self.hmac_secret.encode()
