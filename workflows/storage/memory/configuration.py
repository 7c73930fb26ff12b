"""Models and workflows of one tenant, and the epoch that guards decisions made under them (contract: entities 3-4)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from workflows.core.entity import ModelKey
from workflows.core.fsm.document import shown_name
from workflows.core.schema.model import Model
from workflows.storage.base import (
    ChangeSet,
    Extension,
    ModelChange,
    StaleConfiguration,
    StoredModel,
    WorkflowVersion,
)


class Configuration:
    def __init__(self) -> None:
        self._epoch = 0
        self._models: dict[ModelKey, Model] = {}
        self._workflows: dict[ModelKey, tuple[bytes, ...]] = {}
        self._versions: dict[ModelKey, list[WorkflowVersion]] = {}

    def load(self, key: ModelKey) -> StoredModel:
        return StoredModel(
            model=self._models.get(key), workflows=self._workflows.get(key, ()), epoch=self._epoch,
            revision=len(self._versions.get(key, ())),
        )  # fmt: skip

    def versions(self, key: ModelKey, before: int | None, limit: int) -> Sequence[WorkflowVersion]:
        kept = [version for version in reversed(self._versions.get(key, ())) if not before or version.number < before]
        return [msgspec.structs.replace(version, workflows=()) for version in kept[:limit]]

    def version(self, key: ModelKey, number: int) -> WorkflowVersion | None:
        return next((version for version in self._versions.get(key, ()) if version.number == number), None)

    def models(self) -> Sequence[Model]:
        return [model for _, model in sorted(self._models.items())]

    def replace(self, key: ModelKey, change: ModelChange) -> StoredModel:
        self._epoch += 1
        if change.made is not None and change.workflows != self._workflows.get(key, ()):
            kept = self._versions.setdefault(key, [])
            names = tuple(shown_name(text) for text in change.workflows)
            kept.append(
                WorkflowVersion(number=len(kept) + 1, made=change.made, names=names, workflows=change.workflows)
            )
        self._workflows[key] = change.workflows
        if change.model is None:
            self._models.pop(key, None)
        else:
            self._models[key] = change.model
        return self.load(key)

    def check(self, change: ChangeSet) -> None:
        """Raises StaleConfiguration when the change set was computed under another configuration."""
        if change.epoch not in (None, self._epoch):
            raise StaleConfiguration
        if any(extension.model not in self._models for extension in change.extensions):
            raise StaleConfiguration

    def extend(self, extensions: Sequence[Extension]) -> None:
        """Widen schemas; the epoch stays, because what was accepted before is accepted after."""
        for extension in extensions:
            self._models[extension.model] = self._models[extension.model].extended(extension.node)
