"""What a driver is: declared parameters, and steps that can run twice and be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from tenants.models import Environment, Provisioning

Failure = Provisioning.Failure
Json = Any


class StepRefused(Exception):
    """A step that no repetition can help; what was done before it is undone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a step is given. `log` adds a line to the step's row at once; nothing secret may pass through it."""

    environment: Environment
    input: Mapping[str, Json]
    log: Callable[[str], None]


Action = Callable[[Work], Mapping[str, Json] | None]
"""Returns what the step's row shows as its output. Raises StepRefused, or anything else to be repeated later."""


@dataclass(frozen=True, slots=True)
class Step:
    """A named part of the work. Both actions may run again after they were cut off at any point.

    `lease` is the longest time one action takes: after it another worker may take over, and the slow one's result is
    ignored. `attempts` bounds the repetitions of `do`, those included that did not end in time; `undo` is repeated
    until it succeeds. `failure` is what the run says of itself when this step fails for good.
    """

    name: str
    do: Action
    undo: Action | None = None
    lease: timedelta = timedelta(seconds=20)
    attempts: int = 5
    failure: Failure = Failure.JOB


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that an environment may choose for its driver."""

    name: str
    kind: type[int] | type[str] | type[bool]
    default: Json
    minimum: int | None = None
    maximum: int | None = None
    choices: tuple[str, ...] = ()

    def checked(self, value: Any) -> Any:
        """Raises StepRefused for a value of another kind, outside the limits, or none of the choices."""
        if self.choices and value not in self.choices:
            raise StepRefused(f"{self.name} must be one of {', '.join(self.choices)}")
        if type(value) is not self.kind or self._is_outside(value):
            least = "" if self.minimum is None else f" of at least {self.minimum}"
            most = "" if self.maximum is None else f" of at most {self.maximum}"
            raise StepRefused(f"{self.name} must be a value of type {self.kind.__name__}{least}{most}")
        return value

    def _is_outside(self, value: Any) -> bool:
        too_low = self.minimum is not None and value < self.minimum
        return too_low or (self.maximum is not None and value > self.maximum)


class Driver(Protocol):
    """One kind of place that environments can be made in."""

    name: str
    label: str
    parameters: tuple[Parameter, ...] = ()

    def steps(self, environment: Environment) -> tuple[Step, ...]:
        """The same steps in the same order for the whole life of a run."""
        ...

    def check(self, parameters: Mapping[str, Json]) -> Sequence[str]:
        """What is missing before environments can be made there, a sentence each; none when nothing is."""
        ...

    def plan(self, environment: Environment) -> Sequence[str]:
        """What the steps would do, a line each; nothing is done. The environment need not be stored."""
        ...

    def address(self, environment: Environment) -> str | None:
        """The URL of an environment that has a node of its own; None for one that the platform's nodes serve."""
        return None


def checked_parameters(driver: Driver, given: Mapping[str, Json]) -> dict[str, Json]:
    """All of a driver's parameters, defaults filled in. Raises StepRefused for unknown or unsuitable ones."""
    unknown = sorted(set(given) - {parameter.name for parameter in driver.parameters})
    if unknown:
        raise StepRefused(f"{driver.name} has no parameter {unknown[0]}")
    return {p.name: p.checked(given.get(p.name, p.default)) for p in driver.parameters}
