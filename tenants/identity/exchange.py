"""Token exchange: a client asks for a token on behalf of a subject that a trusted key vouches for (identity 3.4).

No trusted keys can be registered yet, so every well-formed request ends at "unknown trusted key".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_JWT_TYPE = "urn:ietf:params:oauth:token-type:jwt"


def refusal_of(parameters: Mapping[str, str]) -> str:
    """The `error_description` of the first check that fails, in the contract's order."""
    if parameters.get("subject_token_type") != _JWT_TYPE:
        return "unsupported subject_token_type"
    header = _header(parameters.get("subject_token", ""))
    if header is None:
        return "invalid subject token"
    if header.get("alg") != "RS256":
        return "unsupported token algorithm"
    if not isinstance(header.get("kid"), str) or not header["kid"]:
        return "missing kid in subject token"
    return "unknown trusted key"


def _header(token: str) -> Mapping[str, Any] | None:
    """The header of a token whose three parts have the form they must have."""
    try:
        return jwt.decode_complete(token, options={"verify_signature": False})["header"]
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
