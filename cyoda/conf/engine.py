"""Workflow runs, callouts, scheduling, search (contract: engine 8, gRPC 18, search 13)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from cyoda.conf import variables as kind
from cyoda.conf.variables import seconds, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """Workflow runs, transactions and callouts."""

    max_state_visits: int = setting(
        "CYODA_MAX_STATE_VISITS", kind.integer(1), 10, "Visits of one state in one cascade before the run is aborted."
    )
    workflow_version_strict: bool = setting(
        "CYODA_WORKFLOW_VERSION_STRICT",
        kind.boolean,
        False,
        "Refuse the retired workflow schema versions `1` and `1.0`; off treats them as 1.1.",
    )
    tx_token_ttl: timedelta = setting(
        "CYODA_TX_TOKEN_TTL", kind.duration(), seconds(90), "Lifetime of the token that joins a transaction."
    )
    tx_ttl: timedelta = setting(
        "CYODA_TX_TTL", kind.duration(), seconds(60), "Idle time after which an abandoned transaction is discarded."
    )
    tx_reap_interval: timedelta = setting(
        "CYODA_TX_REAP_INTERVAL", kind.duration(), seconds(10), "Period of the search for abandoned transactions."
    )
    tx_outcome_ttl: timedelta = setting(
        "CYODA_TX_OUTCOME_TTL",
        kind.duration(),
        seconds(300),
        "How long the outcome of a finished transaction is known.",
    )
    member_max_in_flight: int = setting(
        "CYODA_MEMBER_MAX_IN_FLIGHT",
        kind.integer(1),
        1000,
        "Callouts that one member has yet to answer; more wait for room, up to their time-out.",
    )
    dispatch_wait_timeout: timedelta = setting(
        "CYODA_DISPATCH_WAIT_TIMEOUT",
        kind.duration(),
        seconds(5),
        "In a cluster, wait for a node with a matching member.",
    )
    dispatch_forward_timeout: timedelta = setting(
        "CYODA_DISPATCH_FORWARD_TIMEOUT",
        kind.duration(),
        seconds(30),
        "Time of one callout forwarded to another node.",
    )
    proxy_timeout: timedelta = setting(
        "CYODA_PROXY_TIMEOUT", kind.duration(), seconds(30), "Time of a request forwarded to its transaction's owner."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheduler:
    """Scheduled transitions."""

    enabled: bool = setting("CYODA_SCHEDULER_ENABLED", kind.boolean, True, "Fire due transitions; off still arms them.")
    scan_interval: timedelta = setting(
        "CYODA_SCHEDULER_SCAN_INTERVAL", kind.duration(), seconds(1), "Period of the search for due tasks."
    )
    batch_size: int = setting("CYODA_SCHEDULER_BATCH_SIZE", kind.integer(1), 100, "Due tasks read at once.")
    distribution: Literal["round-robin", "self"] = setting(
        "CYODA_SCHEDULER_DISTRIBUTION",
        kind.choice("round-robin", "self"),
        "round-robin",
        "Accepted, and of no effect: every node fires its share of what is due.",
    )
    coordinator: Literal["lowest-node-id"] = setting(
        "CYODA_SCHEDULER_COORDINATOR",
        kind.choice("lowest-node-id"),
        "lowest-node-id",
        "Accepted, and of no effect: every node scans.",
    )
    redispatch_backoff: timedelta = setting(
        "CYODA_SCHEDULER_REDISPATCH_BACKOFF",
        kind.duration(),
        seconds(30),
        "A task handed to a node is not handed out again before.",
    )
    expiry_grace: timedelta = setting(
        "CYODA_SCHEDULER_EXPIRY_GRACE",
        kind.duration(timedelta(0)),
        timedelta(milliseconds=100),
        "Lateness within which a task is not expired.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Limits of searches and statistics."""

    max_sort_keys: int = setting(
        "CYODA_SEARCH_MAX_SORT_KEYS", kind.integer_or_default(16), 16, "Sort keys of one search."
    )
    snapshot_ttl: timedelta = setting(
        "CYODA_SEARCH_SNAPSHOT_TTL",
        kind.duration(),
        seconds(3600),
        "Finished asynchronous searches are kept this long.",
    )
    report_ttl: timedelta = setting(
        "CYODA_REPORT_TTL", kind.duration(), seconds(7 * 24 * 3600), "Finished runs of reports are kept this long."
    )
    reap_interval: timedelta = setting(
        "CYODA_SEARCH_REAP_INTERVAL", kind.duration(), seconds(300), "Period of their removal."
    )
    scan_budget: int = setting(
        "CYODA_SEARCH_SCAN_BUDGET", kind.integer(1), 1_000_000, "Candidates that one search may look at."
    )
    stats_group_max: int = setting(
        "CYODA_STATS_GROUP_MAX",
        kind.integer_or_default(10_000),
        10_000,
        "Groups, and the largest limit, of grouped statistics.",
    )
