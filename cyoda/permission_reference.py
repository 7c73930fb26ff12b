"""The permission table as a page for operators (docs/permissions.md)."""

from __future__ import annotations

from collections.abc import Iterator

from cyoda.permissions import AUTHENTICATED, DESCRIPTIONS, TABLE, Action

_HEAD = """# Roles and what they permit

Written by `make permission-docs` from the table that HTTP, gRPC, the pages and the back office read. Several roles
permit what each of them permits. Everything stays inside the caller's tenant or organisation, but for the last two
columns, which concern the whole installation (`CYODA_IAM_PLATFORM_TENANT` keeps them to one tenant).
"""
_TAIL = """
Who has no role of the table may do what needs only authentication, as the contract of the API says: give callers that
shall change nothing the role `ROLE_VIEWER`. Operators of the back office act there with `ROLE_OPERATOR` and with the
permissions that Django gives their login.
"""


def markdown() -> str:
    return "\n".join((_HEAD, *_rows(), _TAIL))


def _rows() -> Iterator[str]:
    yield f"| role | who | {' | '.join(Action)} |"
    yield "|---|---|" + ":-:|" * len(Action)
    for role, allowed in TABLE.items():
        yield _row(f"`{role}`", DESCRIPTIONS[role], allowed)
    yield _row("none of these", "whoever has a valid token", AUTHENTICATED)


def _row(role: str, who: str, allowed: frozenset[Action]) -> str:
    marks = ("yes" if action in allowed else "" for action in Action)
    return f"| {role} | {who} | {' | '.join(marks)} |"
