"""JSON merge patch, RFC 7386 (contract: entities 5.7)."""

from __future__ import annotations

from cyoda.jsonio import Json


def merged(target: Json, patch: Json) -> Json:
    """The document after the patch: members are overwritten or merged, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result: dict[str, Json] = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
