"""The nodes of this installation, for operators: where they listen, what they hold, and whether all parts answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from cyoda import __version__
from cyoda.addresses import public_url
from tenants.admin.access import may_look
from tenants.models import Environment
from tenants.services.data_plane import ConnectedMember, Peer, Vitals
from tenants.ui.shell.checks import checks, vitals


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One process that serves. `addresses` are names and where they are reached; `own` is what only it knows of itself,
    None of another node."""

    id: str
    state: str
    version: str
    started_at: datetime | str
    addresses: Sequence[tuple[str, str]]
    members: int
    own: Vitals | None = None

    @property
    def in_flight(self) -> int:
        return 0 if self.own is None else sum(member.outstanding for member in self.own.members)


@dataclass(frozen=True, slots=True)
class Tag:
    """What offers a tag: members on all nodes, and of how many tenants they are."""

    name: str
    members: int
    tenants: int


@login_required
@never_cache
@require_safe
def cluster(request: HttpRequest) -> HttpResponse:
    if not may_look(request.user):
        raise PermissionDenied
    found = vitals()
    context: dict[str, Any] = {
        "nodes": [] if found is None else [_here(found), *map(_elsewhere, found.peers)],
        "tags": [] if found is None else _by_tag(found),
        "members": [] if found is None else _placed(found.members),
        "checks": checks(found),
    }
    return render(request, "shell/cluster.html", context)


def _here(vitals: Vitals) -> Node:
    conf = settings.CONF
    return Node(
        id=vitals.node,
        state="serving" if vitals.is_storage_ready else "storage",
        version=__version__,
        started_at=vitals.started_at,
        addresses=[
            ("HTTP", public_url(conf)),
            ("gRPC", f"{conf.grpc.bind_address}:{conf.grpc.port}"),
            ("Admin", f"{conf.admin.bind_address}:{conf.admin.port}"),
        ],
        members=len(vitals.members),
        own=vitals,
    )


def _elsewhere(peer: Peer) -> Node:
    return Node(
        id=peer.id,
        state=peer.state,
        version=peer.version,
        started_at=peer.started_at,
        addresses=[("HTTP", peer.http), ("gRPC", peer.grpc)],
        members=len(peer.offers),
    )


def _by_tag(vitals: Vitals) -> list[Tag]:
    offers = [(member.tenant, member.tags) for member in vitals.members]
    offers += [offer for peer in vitals.peers for offer in peer.offers]
    tenants: dict[str, list[str]] = {}
    for tenant, tags in offers:
        for tag in tags:
            tenants.setdefault(tag, []).append(tenant)
    return [Tag(name, len(found), len(set(found))) for name, found in sorted(tenants.items())]


def _placed(members: Sequence[ConnectedMember]) -> list[tuple[ConnectedMember, Environment | None]]:
    """Each with the environment that it computes for, the first that came first."""
    rows = Environment.objects.filter(tenant_id__in={each.tenant for each in members}).select_related("organisation")
    by_tenant = {row.tenant_id: row for row in rows}
    return [(each, by_tenant.get(each.tenant)) for each in sorted(members, key=lambda member: member.connected_at)]
