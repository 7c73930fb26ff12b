"""The cloud API v2: its processing order, its shapes, its problem types (contract: control plane 4; docs/adr/0013)."""
