"""An entity model and what may be done with it, as pure operations (contract: entities 4.1, 4.3, 4.6-4.8)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Self
from uuid import UUID

from cyoda.errors import (
    InvalidChangeLevel,
    InvalidIndexDefinition,
    InvalidUniqueKeyDefinition,
    ModelAlreadyLocked,
    ModelAlreadyUnlocked,
    ModelHasEntities,
)
from cyoda.jsonio import Json
from workflows.core.entity import ModelKey
from workflows.core.field_index import FieldIndex, index_fault
from workflows.core.schema.change_level import ChangeLevel, extend
from workflows.core.schema.compiled import Check, compile_absorption, compile_validator
from workflows.core.schema.node import Node, infer, merge
from workflows.core.schema.paths import field_paths
from workflows.core.schema.types import TypeSet
from workflows.core.schema.validation import Problem, refusal, validate
from workflows.core.unique import UniqueKey, definition_fault

UNLOCKED, LOCKED = "UNLOCKED", "LOCKED"


@dataclass(frozen=True, kw_only=True)
class Model:
    """The schema of a tenant's entities of one name and version, and how it may change.

    `updated_at` is the moment of the last import. Compiled checks are kept with the instance: reuse it.
    """

    name: str
    version: int
    node: Node
    locked: bool = False
    change_level: ChangeLevel | None = None
    unique_keys: tuple[UniqueKey, ...] = ()
    indexes: tuple[FieldIndex, ...] = ()
    updated_at: datetime

    @property
    def id(self) -> UUID:
        return self.key.id

    @property
    def key(self) -> ModelKey:
        return ModelKey(self.name, self.version)

    @property
    def state(self) -> str:
        return LOCKED if self.locked else UNLOCKED

    @cached_property
    def field_paths(self) -> dict[str, TypeSet]:
        """Flat field path -> types; see `paths.field_paths`."""
        return dict(field_paths(self.node))

    @cached_property
    def indexed(self) -> frozenset[str]:
        """The fields that are declared indexed, in the spelling of their declaration."""
        return frozenset(field for index in self.indexes for field in index.fields)

    # --- documents ----------------------------------------------------------------------------------------------

    def accept(self, document: Json) -> Self | None:
        """Validate a written document, or let it extend the schema as far as the change level allows.

        Returns the model with the extended schema, or None when the schema stays as it is.
        Raises IncompatibleType, BadRequest, PolymorphicSlot, InvalidUniqueKeyDefinition.
        """
        if self.change_level is None:
            self.check(document)
            return None
        if self._absorbs(document):
            return None
        node = extend(self.node, document, self.change_level)
        if node is self.node:
            return None
        if fault := definition_fault(self.unique_keys, node):
            raise InvalidUniqueKeyDefinition(f"schema change would invalidate a composite unique key: {fault}")
        return replace(self, node=node)

    def check(self, document: Json) -> None:
        """Strict validation, whatever the change level. Raises IncompatibleType, BadRequest."""
        if not self._is_valid(document):
            raise refusal(validate(self.node, document), self.name, self.version)

    def problems(self, document: Json) -> list[Problem]:
        """The findings of strict validation; empty for a valid document."""
        return [] if self._is_valid(document) else validate(self.node, document)

    @cached_property
    def _is_valid(self) -> Check:
        return compile_validator(self.node)

    @cached_property
    def _absorbs(self) -> Check:
        assert self.change_level is not None
        return compile_absorption(self.node, self.change_level)

    # --- life cycle ---------------------------------------------------------------------------------------------

    def check_importable(self) -> None:
        """Raises ModelAlreadyLocked. Checked before a sample is even parsed."""
        if self.locked:
            raise ModelAlreadyLocked(
                f"cannot save entityModel{{name={self.name}, version={self.version}}} "
                "because this model has already been registered",
                self._properties(),
            )

    def with_sample(self, sample: Json, at: datetime) -> Self:
        """The model after another sample: its schema covers the sample too, all else is kept.

        Raises ModelAlreadyLocked, InvalidUniqueKeyDefinition, BadRequest (see `infer`).
        """
        self.check_importable()
        node = merge(self.node, infer(sample))
        if fault := definition_fault(self.unique_keys, node):
            raise self._invalid_keys(f"re-import invalidates existing unique key definitions: {fault}")
        return replace(self, node=node, updated_at=at)

    def extended(self, node: Node) -> Self:
        """The model with `node` merged into its schema; itself when that adds nothing."""
        merged = merge(self.node, node)
        return self if merged is self.node else replace(self, node=merged)

    def lock(self) -> Self:
        """Raises ModelAlreadyLocked."""
        self._check_unlocked("process")
        return replace(self, locked=True)

    def unlock(self, live_count: int) -> Self:
        """Raises ModelAlreadyUnlocked, ModelHasEntities. `live_count` is the number of live entities."""
        if not self.locked:
            raise ModelAlreadyUnlocked(
                self._state_text("process", LOCKED), self._properties(expectedState=LOCKED, actualState=UNLOCKED)
            )
        self._check_unused("unlock", live_count)
        return replace(self, locked=False)

    def check_deletable(self, live_count: int) -> None:
        """Raises ModelAlreadyLocked, ModelHasEntities."""
        self._check_unlocked("delete")
        self._check_unused("delete", live_count)

    def with_change_level(self, name: str) -> Self:
        """Raises InvalidChangeLevel for anything but the exact name of a level."""
        if name not in ChangeLevel.__members__:
            levels = list(ChangeLevel.__members__)
            raise InvalidChangeLevel(
                f'invalid change level "{name}"; valid values: {", ".join(levels)}',
                self._properties(suppliedValue=name, validValues=levels),
            )
        return replace(self, change_level=ChangeLevel[name])

    def with_unique_keys(self, keys: tuple[UniqueKey, ...]) -> Self:
        """The model with all its keys replaced. Raises ModelAlreadyLocked, InvalidUniqueKeyDefinition."""
        self._check_unlocked("process")
        if fault := definition_fault(keys, self.node):
            raise self._invalid_keys(fault)
        return replace(self, unique_keys=keys)

    def with_indexes(self, indexes: tuple[FieldIndex, ...]) -> Self:
        """The model with all its indexes replaced, locked or not. Raises InvalidIndexDefinition."""
        if fault := index_fault(indexes, self.node):
            raise InvalidIndexDefinition(fault, self._properties())
        return replace(self, indexes=indexes)

    def _check_unlocked(self, action: str) -> None:
        if self.locked:
            raise ModelAlreadyLocked(
                self._state_text(action, UNLOCKED), self._properties(expectedState=UNLOCKED, actualState=LOCKED)
            )

    def _check_unused(self, action: str, live_count: int) -> None:
        if live_count:
            raise ModelHasEntities(
                f"cannot {action}: {live_count} entities exist", self._properties(entityCount=live_count)
            )

    def _state_text(self, action: str, expected: str) -> str:
        return (
            f"cannot {action} entityModel{{entityName={self.name}, entityVersion={self.version}}}. "
            f"expectedState={expected}, actualState={self.state}"
        )

    def _invalid_keys(self, reason: str) -> InvalidUniqueKeyDefinition:
        return InvalidUniqueKeyDefinition(reason, self._properties())

    def _properties(self, **more: object) -> dict[str, object]:
        return {"entityName": self.name, "entityVersion": self.version, **more}


def imported(key: ModelKey, existing: Model | None, sample: Json, at: datetime) -> Model:
    """The model after a sample was imported: a new unlocked one, or the existing one with a wider schema.

    Raises as `Model.with_sample`.
    """
    if existing is None:
        return Model(name=key.name, version=key.version, node=infer(sample), updated_at=at)
    return existing.with_sample(sample, at)
