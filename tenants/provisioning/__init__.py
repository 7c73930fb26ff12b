"""How environments come into being and go: drivers of idempotent steps, and the saga that runs them (docs/adr/0004)."""
