"""Drivers for tests: the local one, with accidents."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from cyoda.schemas import PostgresSchemas
from tenants.models import Environment
from tenants.provisioning.base import Action, Json, Step, StepRefused, Work
from tenants.provisioning.local import LocalDriver

STEPS = ("create schema", "create tables", "create bootstrap client", "mark ready")


class FailingDriver(LocalDriver):
    """The local driver, whose step `at` does its work and then raises what `accident` returns, `times` times."""

    def __init__(self, at: str, accident: Callable[[], Exception], times: int = 10**6) -> None:
        super().__init__(PostgresSchemas())
        self._at, self._accident, self.left = at, accident, times

    def steps(self, environment: Environment) -> tuple[Step, ...]:
        return tuple(
            replace(step, do=self._failing(step.do)) if step.name == self._at else step
            for step in super().steps(environment)
        )

    def _failing(self, action: Action) -> Action:
        def act(work: Work) -> Mapping[str, Json] | None:
            output = action(work)
            if self.left:
                self.left -= 1
                raise self._accident()
            return output

        return act


class HaltingDriver(LocalDriver):
    """The local driver, which stands still after the work of the step named in CYODA_TEST_HALT_AT, once.

    It is used in a worker that a test kills there; a file in CYODA_TEST_HALT_FOLDER tells the test, and the next
    worker, that the point was reached. `refused …` names a step that is refused for good, once the halt is over.
    """

    def steps(self, environment: Environment) -> tuple[Step, ...]:
        return tuple(
            replace(
                step,
                do=self._halting(step.name, step.do),
                undo=self._halting(f"undo {step.name}", step.undo) if step.undo else None,
                lease=timedelta(seconds=2),
            )
            for step in super().steps(environment)
        )

    def _halting(self, name: str, action: Action) -> Action:
        def act(work: Work) -> Mapping[str, Json] | None:
            output = action(work)
            mark = Path(os.environ["CYODA_TEST_HALT_FOLDER"]) / "reached"
            if name == os.environ["CYODA_TEST_HALT_AT"] and not mark.exists():
                mark.write_text(name)
                time.sleep(3600)
            if name == os.environ.get("CYODA_TEST_REFUSE_AT"):
                raise StepRefused("as the test wants it")
            return output

        return act
