"""Who computes for a tenant: its members, those that were lost lately, and what its workflows ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from msgspec import UNSET

from cyoda.principal import Principal
from workflows.compute.members import Member, MemberElsewhere
from workflows.core.callout import CalloutKind
from workflows.core.entity import ModelKey
from workflows.core.fsm.compiled import CompiledTransition, CompiledWorkflows
from workflows.core.fsm.criteria import Criterion, Function, Junction
from workflows.services.platform import Platform

REMEMBERED = timedelta(hours=1)


class Use(NamedTuple):
    """Where a workflow asks client compute; `transition` is empty for a workflow's own criterion."""

    model: ModelKey
    workflow: str
    transition: str
    kind: CalloutKind
    name: str


class Requirement(NamedTuple):
    """Tags that workflows ask for, how many members match them now, and who asks."""

    tags: str
    members: int
    uses: Sequence[Use]


class Members(NamedTuple):
    """`lost` are gone for no longer than REMEMBERED; this node remembers only those of its own."""

    here: Sequence[Member]
    lost: Sequence[Member]
    elsewhere: Sequence[MemberElsewhere]
    requirements: Sequence[Requirement]


async def list_members(principal: Principal, *, platform: Platform) -> Members:
    tenant = principal.tenant
    return Members(
        sorted(platform.registry.members_of(tenant), key=lambda member: member.connected_at),
        platform.registry.lost(tenant, platform.clock() - REMEMBERED),
        platform.elsewhere(tenant),
        await _requirements(principal, platform),
    )


async def _requirements(principal: Principal, platform: Platform) -> list[Requirement]:
    tenant, configurations = principal.tenant, platform.configurations
    uses: dict[str, list[Use]] = {}
    for model in await platform.storage.models(tenant):
        configured = await configurations.load(tenant, model.key)
        for tags, use in _uses(model.key, configured.workflows):
            uses.setdefault(tags, []).append(use)
    return [
        Requirement(tags, platform.compute.count(tenant, tags), tuple(dict.fromkeys(uses[tags])))
        for tags in sorted(uses)
    ]


def _uses(model: ModelKey, workflows: CompiledWorkflows) -> Iterator[tuple[str, Use]]:
    for workflow in workflows.active:
        for tags, kind, name in _asked(workflow.criterion):
            yield tags, Use(model, workflow.name, "", kind, name)
        for state in workflow.states.values():
            for transition in state.transitions.values():
                if not transition.is_disabled:
                    for tags, kind, name in _asked_by(transition):
                        yield tags, Use(model, workflow.name, transition.name, kind, name)


def _asked_by(transition: CompiledTransition) -> Iterator[tuple[str, CalloutKind, str]]:
    yield from _asked(transition.criterion)
    for processor in transition.processors:
        yield processor.config.calculation_nodes_tags, "processor", processor.name
    schedule = transition.schedule
    if schedule is not None and schedule.function is not UNSET:
        yield schedule.function.calculation_nodes_tags, "function", schedule.function.name


def _asked(criterion: Criterion | None) -> Iterator[tuple[str, CalloutKind, str]]:
    match criterion:
        case Function():
            yield criterion.config.calculation_nodes_tags, "criteria", criterion.name
            yield from _asked(criterion.pre_check)
        case Junction():
            for child in criterion.children:
                yield from _asked(child)
        case _:
            return
