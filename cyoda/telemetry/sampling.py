"""Which traces this process records; changed while it runs (contract: identity 12)."""

from __future__ import annotations

from typing import Literal

import msgspec


class Sampling(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`ratio` is the share of traces in (0, 1], for the sampler of that name; `parent_based` follows the caller."""

    sampler: Literal["always", "never", "ratio"]
    ratio: float | None = None
    parent_based: bool


_current = Sampling(sampler="always", parent_based=True)


def current() -> Sampling:
    return _current


def change(sampling: Sampling) -> None:
    """In force for every trace that begins from now on."""
    global _current
    _current = sampling
