"""JSON merge patch, RFC 7386 (contract: entities 5.7)."""

from __future__ import annotations

from typing import cast

from cyoda.jsonio import Json

_Object = dict[str, Json]


def merged(target: Json, patch: Json) -> Json:
    """The document after the patch: members are overwritten or merged, null removes, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = _copied(target)
    pending = [(result, cast("_Object", patch))]
    while pending:  # a loop, because a patch may be nested deeper than Python likes to recurse
        into, changes = pending.pop()
        for name, value in changes.items():
            if value is None:
                into.pop(name, None)
            elif isinstance(value, dict):
                into[name] = member = _copied(into.get(name))
                pending.append((member, cast("_Object", value)))
            else:
                into[name] = value
    return result


def _copied(value: Json) -> _Object:
    return dict(cast("_Object", value)) if isinstance(value, dict) else {}
