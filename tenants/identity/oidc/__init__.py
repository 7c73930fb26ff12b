"""Tokens of identity providers that tenants have registered, without Django (contract: identity 10)."""
