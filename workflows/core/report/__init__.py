"""Report definitions and their runs (contract: control plane 9.5)."""
