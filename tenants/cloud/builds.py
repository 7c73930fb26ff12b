"""`/v2/builds`: the pipelines that made environments; applications are not built here (contract: control plane 4.1)."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, NoReturn, get_args
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from cyoda.clock import system_clock
from tenants.cloud import problems, scopes
from tenants.cloud.access import Caller
from tenants.cloud.endpoint import Answer, Call, Endpoint, Parameter
from tenants.cloud.problems import Problem, invalid
from tenants.cloud.shapes import Build, BuildPage, BuildRequest, BuildStarted
from tenants.models import Environment, Organisation, Provisioning
from tenants.naming import is_uuid
from tenants.services.environments import builds, builds_of
from tenants.services.state_views import build_state, build_text, run_states_of

CURSOR_KEPT = timedelta(hours=24)
NIL = UUID(int=0)
"""Of no build."""
DEFAULT_LIMIT, MAX_LIMIT = 20, 100
BuildAction = Literal["build", "deploy", "env"]


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """Where a listing stands: below this build, in the order of their making, so that newer ones do not move it.

    It keeps the filters and the page size of the first page, and is opaque to clients. The organisation is not in it:
    each page is of whoever asks.
    """

    until: datetime
    created_at: datetime
    build: UUID
    limit: int
    action: str
    state: str


def list_builds(call: Call) -> Answer:
    cursor = _cursor(call)
    found = builds_of(call.caller.organisation)
    if cursor.action not in ("", "env"):
        found = found.none()
    if cursor.state:
        found = found.filter(state__in=run_states_of(cursor.state))
    older = Q(created_at__lt=cursor.created_at) | Q(created_at=cursor.created_at, pk__lt=cursor.build)
    rows = list(found.filter(older)[: cursor.limit + 1])
    page, has_more = rows[: cursor.limit], len(rows) > cursor.limit
    following = None
    if has_more:
        last = page[-1]
        following = _text(msgspec.structs.replace(cursor, created_at=last.created_at, build=last.pk))
    return Answer(200, BuildPage(items=[_build(row) for row in page], next_cursor=following))


def look_at(call: Call) -> Answer:
    return Answer(200, _build(build_called(call)))


def build_called(call: Call) -> Provisioning:
    """The one of the path, if it is the caller's. Raises Problem."""
    row, environment = call.seen
    if row is None:
        raise Problem(problems.NOT_FOUND, "There is no such build.")
    row.environment = environment
    return row


def seen(owners: QuerySet[Organisation], path: Mapping[str, str]) -> Sequence[QuerySet[Any]]:
    """The build of the path, and its environment."""
    build_id = path["build_id"]
    known = builds().filter(pk=build_id if is_uuid(build_id) else NIL, environment__organisation__in=owners)
    return known, Environment.objects.filter(pk__in=known.values("environment")[:1])


def no_applications(caller: Caller) -> NoReturn:
    """No tier builds or deploys applications from their source."""
    detail = "Applications are not built or deployed here."
    raise Problem(problems.TIER_NOT_ENTITLED, detail, extensions={"tier": caller.tier.pk})


def never(_: Call) -> NoReturn:
    raise AssertionError("the gate refuses everyone")


COLLECTION = {
    "GET": Endpoint(
        answer=list_builds,
        summary="Builds, the newest first",
        scope=scopes.READ_BUILDS,
        answers={200: BuildPage},
        query=(
            Parameter("cursor", str, "`next_cursor` of the page before; it keeps that page's filters and size."),
            Parameter("limit", int, f"1 to {MAX_LIMIT}, else {DEFAULT_LIMIT}."),
            Parameter("action", BuildAction, "Only these."),
            Parameter("state", str, "Only those in this state."),
        ),
        refusals=(problems.CURSOR_EXPIRED,),
    ),
    "POST": Endpoint(
        answer=never,
        summary="Build or deploy an application",
        scope=scopes.DEPLOY_APP,
        gate=no_applications,
        body=BuildRequest,
        has_key=True,
        answers={202: BuildStarted},
        refusals=(problems.TIER_NOT_ENTITLED,),
    ),
}
ONE = {
    "GET": Endpoint(
        answer=look_at,
        sees=seen,
        summary="One build",
        scope=scopes.READ_BUILDS,
        answers={200: Build},
        refusals=(problems.NOT_FOUND,),
    ),
    "DELETE": Endpoint(
        answer=never,
        summary="Delete an application",
        scope=scopes.DELETE_APP,
        gate=no_applications,
        answers={202: None},
        refusals=(problems.TIER_NOT_ENTITLED, problems.NOT_FOUND),
    ),
}
CANCEL = {
    "POST": Endpoint(
        answer=never,
        summary="Cancel the build of an application",
        scope=scopes.CANCEL_APP,
        gate=no_applications,
        answers={202: None},
        refusals=(problems.TIER_NOT_ENTITLED, problems.NOT_FOUND),
    ),
}


def _cursor(call: Call) -> Cursor:
    """The one that was given, or a new one above everything. Raises Problem."""
    now = system_clock()
    given = call.query.get("cursor")
    if given:
        cursor = _read(given)
        if cursor.until <= now:
            raise Problem(problems.CURSOR_EXPIRED, "The cursor is older than a day: begin again without one.")
        return cursor
    limit, action = call.query.get("limit", str(DEFAULT_LIMIT)), call.query.get("action", "")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= MAX_LIMIT):
        raise invalid(f"limit must be a number from 1 to {MAX_LIMIT}.")
    if action and action not in get_args(BuildAction):
        raise invalid("action must be build, deploy or env.")
    above = now + timedelta(minutes=1)  # the database's clock may be a little ahead
    return Cursor(now + CURSOR_KEPT, above, UUID(int=0), int(limit), action, call.query.get("state", ""))


def _text(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode().rstrip("=")


def _read(text: str) -> Cursor:
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        cursor = msgspec.json.decode(raw, type=Cursor)
    except (ValueError, msgspec.MsgspecError):
        raise invalid("This is no cursor.") from None
    if not 1 <= cursor.limit <= MAX_LIMIT or None in (cursor.until.tzinfo, cursor.created_at.tzinfo):
        raise invalid("This is no cursor.")
    return cursor


def _build(run: Provisioning) -> Build:
    return Build(
        build_id=str(run.pk),
        state=build_state(run),
        action="env",
        job_status=run.state.upper(),
        job_status_text=build_text(run),
        created_at=run.created_at,
        pipeline_name=run.environment.name,
        chat_id=run.chat_id,
        teamcity_build_id="",
    )
