"""Workflows: their documents, and the rules of the engine as generators that ask and never await (contract: engine)."""
