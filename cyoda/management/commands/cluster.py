"""`manage.py cluster status`: the nodes, their members by tag, and what is amiss; exit code 1 when something is."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from cyoda.cluster.cluster import directory_of
from cyoda.cluster.credentials import peer_credentials
from cyoda.cluster.membership import MembershipUnavailable
from cyoda.cluster.status import cluster_status, lines
from cyoda.conf import load


class Command(BaseCommand):
    help = "Show the nodes of the cluster, the members connected to each, and what is amiss."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_subparsers(dest="action", required=True).add_parser("status", help="read once, and ask every node")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        conf = load(os.environ)
        if not conf.cluster.enabled or conf.cluster.hmac_key is None:
            raise CommandError("This is a single node: CYODA_CLUSTER_ENABLED is not set.")
        if conf.storage.database_url is None and conf.cluster.zookeeper_hosts is None:
            raise CommandError("Set CYODA_ZOOKEEPER_HOSTS or CYODA_DATABASE_URL as the nodes have it.")
        directory = directory_of(conf, conf.storage.database_url or "")
        try:
            status = asyncio.run(cluster_status(directory, peer_credentials(conf.cluster.hmac_key, "status")))
        except MembershipUnavailable as error:
            raise CommandError(f"The membership cannot be read: {error}") from None
        for line in lines(status):
            self.stdout.write(line)
        if status.complaints:
            raise SystemExit(1)
