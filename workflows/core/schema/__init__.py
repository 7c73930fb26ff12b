"""Entity models: the type system, schemas inferred from samples, and how they grow (contract: entities 2-4)."""
