"""Refusals about models (contract: entities 3)."""

from __future__ import annotations

from cyoda.errors.base import CyodaError


class ModelNotFound(CyodaError):
    """The tenant has no model of this name and version."""

    code, status = "MODEL_NOT_FOUND", 404


class ModelNotLocked(CyodaError):
    """Entities can be created of locked models only: lock the model first."""

    code, status = "MODEL_NOT_LOCKED", 409


class ModelAlreadyLocked(CyodaError):
    """The model is locked and cannot be imported, changed, deleted or locked again."""

    code, status = "MODEL_ALREADY_LOCKED", 409


class ModelAlreadyUnlocked(CyodaError):
    """The model is not locked."""

    code, status = "MODEL_ALREADY_UNLOCKED", 409


class ModelHasEntities(CyodaError):
    """The model has live entities; delete them first."""

    code, status = "MODEL_HAS_ENTITIES", 409


class IncompatibleType(CyodaError):
    """A value's type does not fit the field; the properties name both."""

    code, status = "INCOMPATIBLE_TYPE", 400


class PolymorphicSlot(CyodaError):
    """A place holds an object, an array or a scalar, and the document has another of these there."""

    code, status = "POLYMORPHIC_SLOT", 400


class InvalidChangeLevel(CyodaError):
    """Not one of the four change levels."""

    code, status = "INVALID_CHANGE_LEVEL", 400


class InvalidUniqueKey(CyodaError):
    """A unique key is partly filled, or a value of it is a structure or a number out of bounds."""

    code, status = "INVALID_UNIQUE_KEY", 422


class InvalidUniqueKeyDefinition(CyodaError):
    """A unique key is declared over what is no scalar field, or a change of the schema would break one."""

    code, status = "INVALID_UNIQUE_KEY_DEFINITION", 422


class InvalidIndexDefinition(CyodaError):
    """A field is to be indexed that is no scalar field of the model."""

    code, status = "INVALID_INDEX_DEFINITION", 422
