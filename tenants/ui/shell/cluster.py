"""The nodes of this installation, for operators: where they listen, what they hold, and whether all parts answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
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
from tenants.services.data_plane import ConnectedMember, Vitals
from tenants.ui.shell.checks import checks, vitals


@dataclass(frozen=True, slots=True)
class Node:
    """One process that serves. `addresses` are names and where they are reached."""

    vitals: Vitals
    version: str
    addresses: Sequence[tuple[str, str]]

    @property
    def in_flight(self) -> int:
        return sum(member.outstanding for member in self.vitals.members)


@dataclass(frozen=True, slots=True)
class Tag:
    """What offers a tag: members, of how many tenants, and the calls that they have to answer."""

    name: str
    members: int
    tenants: int
    in_flight: int


@login_required
@never_cache
@require_safe
def cluster(request: HttpRequest) -> HttpResponse:
    if not may_look(request.user):
        raise PermissionDenied
    found = vitals()
    nodes = [] if found is None else [Node(found, __version__, _addresses())]
    members = [member for node in nodes for member in node.vitals.members]
    context: dict[str, Any] = {
        "nodes": nodes,
        "tags": _by_tag(members),
        "members": _placed(members),
        "checks": checks(found),
    }
    return render(request, "shell/cluster.html", context)


def _addresses() -> list[tuple[str, str]]:
    conf = settings.CONF
    return [
        ("HTTP", public_url(conf)),
        ("gRPC", f"{conf.grpc.bind_address}:{conf.grpc.port}"),
        ("Admin", f"{conf.admin.bind_address}:{conf.admin.port}"),
    ]


def _by_tag(members: Iterable[ConnectedMember]) -> list[Tag]:
    by_tag: dict[str, list[ConnectedMember]] = {}
    for member in members:
        for tag in member.tags:
            by_tag.setdefault(tag, []).append(member)
    return [
        Tag(name, len(found), len({each.tenant for each in found}), sum(each.outstanding for each in found))
        for name, found in sorted(by_tag.items())
    ]


def _placed(members: Sequence[ConnectedMember]) -> list[tuple[ConnectedMember, Environment | None]]:
    """Each with the environment that it computes for, the first that came first."""
    rows = Environment.objects.filter(tenant_id__in={each.tenant for each in members}).select_related("organisation")
    by_tenant = {row.tenant_id: row for row in rows}
    return [(each, by_tenant.get(each.tenant)) for each in sorted(members, key=lambda member: member.connected_at)]
