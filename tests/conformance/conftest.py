from tests.conformance.stores import home, new_store, store, stranger

__all__ = ["home", "new_store", "store", "stranger"]
