"""The PostgreSQL backend: one schema a tenant, append-only versions, group commit (docs/adr/0001)."""
