"""Builds as AI Studio watches them: of environments and of applications alike (contract: control plane 2.2, 6.1)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.core.exceptions import ObjectDoesNotExist

from cyoda.clock import utc_text
from tenants.models import Organisation, Provisioning, StudioBuild
from tenants.naming import is_uuid
from tenants.services.environments import builds_of
from tenants.services.state_views import STUDIO_FAILED, build_text, studio_state, studio_status
from tenants.services.studio import BuildUnknown
from tenants.services.studio_applications import NOT_BUILT

_PUBLIC_LINE = re.compile(r"(\S+) ((?:running|undoing), attempt \d+|done|undone|failed)(?:\Z|: )")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildStatus:
    """Until its end the `state` goes on and the `status` is a benign one; then both are the outcome."""

    state: str
    status: str
    message: str


def build_status(organisation: Organisation, build_id: str) -> BuildStatus:
    """Raises BuildUnknown."""
    if not is_uuid(build_id):
        raise BuildUnknown(build_id)
    run = builds_of(organisation).filter(pk=build_id).first()
    if run is not None:
        return BuildStatus(state=studio_state(run), status=studio_status(run), message=_progress(run))
    if not StudioBuild.objects.filter(pk=build_id, namespace__environment__organisation=organisation).exists():
        raise BuildUnknown(build_id)
    return BuildStatus(state=STUDIO_FAILED, status=STUDIO_FAILED, message=NOT_BUILT)


def build_log(build_id: str, max_lines: int) -> str:
    """The newest lines, for anybody who knows the id: which steps began and ended. Raises BuildUnknown.

    Neither errors nor the lines of drivers are shown, as they may name parts of the installation.
    """
    if not is_uuid(build_id):
        raise BuildUnknown(build_id)
    runs = Provisioning.objects.filter(kind=Provisioning.Kind.CREATE)
    run = runs.prefetch_related("steps").filter(pk=build_id).first()
    return "\n".join((_lines_of(build_id) if run is None else _lines(run))[-max_lines:])


def _progress(run: Provisioning) -> str:
    """As `step 3/7`; at the end of a failed one, what a caller may know of the failure."""
    if run.failure:
        return build_text(run) if run.finished_at is not None else "what was made is removed again"
    states = list(run.steps.values_list("state", flat=True))  # type: ignore[attr-defined] - the reverse of `run`
    return f"step {min(states.count('done') + 1, len(states))}/{len(states)}"


def _lines(run: Provisioning) -> list[str]:
    lines: list[str] = []
    for step in run.steps.all():  # type: ignore[attr-defined] - the reverse of `run`
        found = map(_PUBLIC_LINE.match, step.log.splitlines())
        lines += [f"{match[1]} {step.name}: {match[2]}" for match in found if match is not None]
    lines.sort()
    return [*lines, build_text(run)] if run.failure and run.finished_at is not None else lines


def _lines_of(build_id: str) -> list[str]:
    """Of an application's build. Raises BuildUnknown."""
    try:
        build = StudioBuild.objects.get(pk=build_id)
    except ObjectDoesNotExist:
        raise BuildUnknown(build_id) from None
    return [f"{utc_text(build.created_at)} failed: {NOT_BUILT}"]
