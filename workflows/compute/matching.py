"""Which members may serve a callout (contract: grpc 15.1)."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache


@lru_cache(maxsize=4096)
def required_tags(requirement: str) -> tuple[str, ...] | None:
    """The tags of a comma separated requirement, trimmed; None when any member will do.

    Only the empty text means any: `" "` and `","` ask for the tag `""`.
    """
    if requirement == "":
        return None
    return tuple(dict.fromkeys(tag.strip() for tag in requirement.split(",")))


def is_match(member_tags: Collection[str], requirement: str) -> bool:
    """Whether one of the required tags is among the member's, compared exactly and case-sensitively."""
    required = required_tags(requirement)
    return required is None or any(tag in member_tags for tag in required)
