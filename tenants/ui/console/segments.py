"""Names as one segment of an address, whatever is in them: `~` escapes what would not come back as it was."""

from __future__ import annotations

_ESCAPES = (("~", "~0"), ("/", "~1"))
_DOTS = {".": "~2", "..": "~2~2"}
"""Browsers leave these segments out."""


class NameConverter:
    """`<name:…>` in a route: like `<str:…>`, and for slashes too."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        value = value.replace("~2", ".")
        for plain, escaped in reversed(_ESCAPES):
            value = value.replace(escaped, plain)
        return value

    def to_url(self, value: str) -> str:
        for plain, escaped in _ESCAPES:
            value = value.replace(plain, escaped)
        return _DOTS.get(value, value)
