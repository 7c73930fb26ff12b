"""The one internal state as each API generation names it (contract: control plane 2.2, 4.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from tenants.models import Environment, Provisioning

State, RunState, Failure = Environment.State, Provisioning.State, Provisioning.Failure

_OF_ENVIRONMENT: Final[Mapping[str, str]] = {
    State.READY: "Ready",
    State.DELETING: "PROCESSING",
    State.DELETED: "Env_Torn_Down",
    State.CANCELLED: "Job_Cancelled",
    State.FAILED: "Job_Failed",
}
_OF_ORDER: Final[Mapping[str, str]] = {
    RunState.QUEUED: "Queued",
    RunState.RUNNING: "Job_Scheduled",
    RunState.UNDOING: "PROCESSING",
}
_OF_FAILURE: Final[Mapping[str, str]] = {Failure.MINT: "Mint_Failed", Failure.BOOTSTRAP: "Bootstrap_Failed"}
_OF_BUILD: Final[Mapping[str, str]] = {
    RunState.QUEUED: "Queued",
    RunState.RUNNING: "PROCESSING",
    RunState.UNDOING: "PROCESSING",
    RunState.SUCCEEDED: "SUCCESS",
    RunState.FAILED: "FAILED",
    RunState.CANCELLED: "CANCELLED",
}
STUDIO_FAILED: Final = "FAILED"
_OF_STUDIO: Final[Mapping[str, str]] = {
    RunState.QUEUED: "PENDING",
    RunState.RUNNING: "RUNNING",
    RunState.UNDOING: "RUNNING",
    RunState.SUCCEEDED: "SUCCESS",
    RunState.FAILED: STUDIO_FAILED,
    RunState.CANCELLED: STUDIO_FAILED,
}
_OF_NAMESPACE: Final[Mapping[str, str]] = {
    State.PROVISIONING: "Pending",
    State.READY: "Active",
    State.DELETING: "Terminating",
}
_TEXTS: Final[Mapping[str, str]] = {Failure.TIMEOUT: "timed-out", Failure.CANCELLED: "cancelled"}


def environment_state(environment: Environment) -> str:
    """Of the cloud API v2. The environment comes with its build."""
    build = environment.build
    if environment.state == State.PROVISIONING:
        return "PROCESSING" if build is None else _OF_ORDER.get(build.state, "PROCESSING")
    if environment.state == State.FAILED and build is not None:
        return _OF_FAILURE.get(build.failure, "Job_Failed")
    return _OF_ENVIRONMENT[environment.state]


def build_state(run: Provisioning) -> str:
    """Of the cloud API v2."""
    return build_state_of(run.state)


def build_state_of(run_state: str) -> str:
    """The same of a state that a run has or had."""
    return _OF_BUILD[run_state]


def run_states_of(build_state: str) -> list[str]:
    """The internal states that are called so; none for a name that no state has."""
    return [state for state, name in _OF_BUILD.items() if name == build_state]


def build_text(run: Provisioning) -> str:
    """What a caller may know of a failure: its kind, and the incident by which an operator finds the rest."""
    if not run.failure:
        return ""
    return f"{_TEXTS.get(run.failure, 'pipeline-failed')} (incident {str(run.pk)[:8]})"


def studio_state(run: Provisioning) -> str:
    """Of a build as AI Studio reads it: what is cancelled has failed, and what is turned back is still under way."""
    return _OF_STUDIO[run.state]


def studio_status(run: Provisioning) -> str:
    """AI Studio gives a build up at a failing or unknown one, so it says nothing of the kind before the end."""
    return _OF_STUDIO[run.state] if run.finished_at is not None else "PENDING"


def namespace_status(environment: Environment) -> str:
    """Of an environment that stands, as AI Studio lists it."""
    return _OF_NAMESPACE[environment.state]
