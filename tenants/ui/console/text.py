"""JSON as people read it."""

from __future__ import annotations

import msgspec

SHOWN_CHARACTERS = 200_000
"""Of a longer text the beginning is shown; the API has it whole."""


def indented(text: str) -> str:
    """Numbers keep their spelling."""
    shown = msgspec.json.format(text, indent=2)
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[:SHOWN_CHARACTERS] + "\n…"
