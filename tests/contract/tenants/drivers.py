"""Drivers for tests: the local one, with accidents."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from cyoda.schemas import PostgresSchemas
from tenants.models import Environment
from tenants.provisioning.base import Action, Json, Step, StepRefused, Work
from tenants.provisioning.local import LocalDriver

LEASE = timedelta(seconds=4)
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
    """The local driver, which stands still after the work of steps that a test names, each once (see Halts).

    It is used in workers that a test kills there. A step that stands still goes on when the test says so.
    """

    def steps(self, environment: Environment) -> tuple[Step, ...]:
        return tuple(
            replace(
                step,
                do=self._halting(step.name, step.do),
                undo=self._halting(f"undo {step.name}", step.undo) if step.undo else None,
                lease=LEASE,
            )
            for step in super().steps(environment)
        )

    def _halting(self, name: str, action: Action) -> Action:
        def act(work: Work) -> Mapping[str, Json] | None:
            output = action(work)
            halts = Halts(Path(os.environ["CYODA_TEST_HALT_FOLDER"]))
            halts.stand_still(work.environment.tenant_id, name)
            if halts.refused(work.environment.tenant_id, name):
                raise StepRefused("as the test wants it")
            return output

        return act


@dataclass(frozen=True)
class Halts:
    """Where steps stand still, or are refused for good, as files: written by a test, read by its workers."""

    folder: Path

    def at(self, tenant_id: str, name: str) -> None:
        self._file(tenant_id, "reached").unlink(missing_ok=True)
        self._file(tenant_id, "halt").write_text(name)

    def refuse(self, tenant_id: str, name: str) -> None:
        self._file(tenant_id, "refuse").write_text(name)

    def are_reached(self, *tenant_ids: str) -> bool:
        return all(self._file(tenant_id, "reached").exists() for tenant_id in tenant_ids)

    def hold(self) -> None:
        (self.folder / "go").unlink(missing_ok=True)

    def release(self) -> None:
        (self.folder / "go").touch()

    def stand_still(self, tenant_id: str, name: str) -> None:
        reached = self._file(tenant_id, "reached")
        if not reached.exists() and self._text(tenant_id, "halt") == name:
            reached.touch()
            while not (self.folder / "go").exists():
                time.sleep(0.02)

    def refused(self, tenant_id: str, name: str) -> bool:
        return self._text(tenant_id, "refuse") == name

    def _text(self, tenant_id: str, kind: str) -> str:
        path = self._file(tenant_id, kind)
        return path.read_text() if path.exists() else ""

    def _file(self, tenant_id: str, kind: str) -> Path:
        return self.folder / f"{tenant_id}.{kind}"
