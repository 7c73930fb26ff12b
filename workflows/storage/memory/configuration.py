"""Models and workflows of one tenant, and the epoch that guards decisions made under them (contract: entities 3-4)."""

from __future__ import annotations

from collections.abc import Sequence

from workflows.core.entity import ModelKey
from workflows.core.schema.model import Model
from workflows.storage.base import ChangeSet, Extension, ModelChange, StaleConfiguration, StoredModel


class Configuration:
    def __init__(self) -> None:
        self._epoch = 0
        self._models: dict[ModelKey, Model] = {}
        self._workflows: dict[ModelKey, tuple[bytes, ...]] = {}

    def load(self, key: ModelKey) -> StoredModel:
        return StoredModel(model=self._models.get(key), workflows=self._workflows.get(key, ()), epoch=self._epoch)

    def models(self) -> Sequence[Model]:
        return [model for _, model in sorted(self._models.items())]

    def replace(self, key: ModelKey, change: ModelChange) -> StoredModel:
        self._epoch += 1
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
