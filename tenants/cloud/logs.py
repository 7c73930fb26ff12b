"""`/v2/envs/{name}/logs`: the tail of an environment's applications and of its making. Of our own design.

(contract: control plane 5)
"""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import msgspec

from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint, Parameter
from tenants.cloud.environments import called
from tenants.cloud.problems import Problem, invalid
from tenants.services.applications import ApplicationUnknown, application_called
from tenants.services.logs import DEFAULT_LINES, MAX_LINES, InvalidCursor, log_page


class LogLineView(msgspec.Struct, kw_only=True):
    """`source` is the name of an application, with the `replica` that wrote it and the `stream`; or provisioning."""

    at: datetime
    source: str
    replica: int | None
    stream: Literal["stdout", "stderr"] | None
    text: str


class LogPage(msgspec.Struct, kw_only=True):
    """The oldest lines come first; `next_since` asks for those after them, now or later."""

    items: list[LogLineView]
    next_since: str


def list_lines(call: Call) -> Answer:
    environment, limit, name = called(call), call.query.get("limit", str(DEFAULT_LINES)), call.query.get("app", "")
    if not (limit.isascii() and limit.isdigit() and len(limit) < 9 and 1 <= int(limit) <= MAX_LINES):
        raise invalid(f"limit must be a number from 1 to {MAX_LINES}.")
    try:
        application = application_called(environment, name) if name else None
        page = log_page(environment, call.query.get("since", ""), int(limit), application=application)
    except ApplicationUnknown:
        raise Problem(problems.NOT_FOUND, "The environment has no such application.") from None
    except InvalidCursor:
        raise invalid("since must be next_since of an earlier page.") from None
    items = [LogLineView(**{name: getattr(one, name) for name in LogLineView.__struct_fields__}) for one in page.lines]
    return Answer(200, LogPage(items=items, next_since=page.cursor))


ONE = {
    "GET": Endpoint(
        answer=list_lines,
        summary="Lines of an environment's applications and of its making (our own addition to the API)",
        scope=scopes.READ_BUILDS,
        answers={200: LogPage},
        query=(
            Parameter("since", str, "`next_since` of the page before; without, from the oldest line on."),
            Parameter("limit", int, f"1 to {MAX_LINES}, else {DEFAULT_LINES}."),
            Parameter("app", str, "Only lines of this application."),
        ),
        refusals=(problems.NOT_FOUND,),
    ),
}
