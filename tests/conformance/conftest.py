from tests.conformance.stores import home, new_store, other_node, store, stranger

__all__ = ["home", "new_store", "other_node", "store", "stranger"]
