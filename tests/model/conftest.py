from tests.conformance.stores import new_store
from tests.model.backend import backend

__all__ = ["backend", "new_store"]
