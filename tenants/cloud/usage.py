"""`/v2/envs/{name}/usage`: what an environment uses against the limits of its tier. Of our own design."""

from __future__ import annotations

from datetime import datetime

import msgspec

from cyoda.clock import system_clock
from tenants.cloud import problems, scopes
from tenants.cloud.endpoint import Answer, Call, Endpoint
from tenants.cloud.problems import Problem
from tenants.models import UsagePeriod
from tenants.services import environments as services
from tenants.usage.counter import FLUSH_SECONDS
from tenants.usage.figures import Figure, figures_of, history_of
from tenants.usage.measure import renewed_after_seconds

HOURS, DAYS = 24, 31
UNLIMITED = -1
_MEASURED = frozenset(("ENTITIES", "DISK_USAGE"))


class UsageFigure(msgspec.Struct, kw_only=True):
    """How much of one entitlement is used; `ENTITIES` is counted and never limited.

    `used` null: not measured yet; `limit` -1 is unlimited. `window` is of which time: now, today, or the interval of
    the limit (SECONDS, MINUTES, HOURS, DAYS). `today` is the sum of the day, of members the peak; `refused_today` how
    often the limit was in the way. `measured_at` is the age of the figure, which is renewed every
    `renewed_after_seconds`.
    """

    entitlement_id: str
    used: int | None
    limit: int
    percent: int | None
    window: str
    today: int | None
    refused_today: int
    measured_at: datetime | None
    renewed_after_seconds: int


class UsageOfPeriod(msgspec.Struct, kw_only=True):
    """An hour or a day in UTC; entities and bytes are those of its last measurement, null without one."""

    started_at: datetime
    requests: int
    requests_refused: int
    callouts: int
    callouts_refused: int
    members_peak: int
    entities: int | None
    bytes: int | None


class EnvUsage(msgspec.Struct, kw_only=True):
    """The newest hours and days come first; those in which nothing was counted are left out."""

    env_id: str
    env_name: str
    figures: list[UsageFigure]
    hours: list[UsageOfPeriod]
    days: list[UsageOfPeriod]


def look_at(call: Call) -> Answer:
    try:
        environment = services.environment_called(call.caller.organisation, call.path["name"])
    except services.EnvironmentUnknown:
        raise Problem(problems.NOT_FOUND, f"There is no environment called {call.path['name']}.") from None
    figures, measured_after = figures_of(environment, system_clock()), renewed_after_seconds()
    usage = EnvUsage(
        env_id=str(environment.pk),
        env_name=environment.name,
        figures=[_figure(one, measured_after) for one in figures.values()],
        hours=[_period(one) for one in history_of(environment, UsagePeriod.Span.HOUR, HOURS)],
        days=[_period(one) for one in history_of(environment, UsagePeriod.Span.DAY, DAYS)],
    )
    return Answer(200, usage)


ONE = {
    "GET": Endpoint(
        answer=look_at,
        summary="What an environment uses (our own addition to the API)",
        scope=scopes.READ_BUILDS,
        answers={200: EnvUsage},
        refusals=(problems.NOT_FOUND,),
    ),
}


def _figure(figure: Figure, measured_after: int) -> UsageFigure:
    return UsageFigure(
        entitlement_id=figure.name,
        used=figure.used,
        limit=UNLIMITED if figure.limit is None else figure.limit,
        percent=figure.percent,
        window=figure.window,
        today=figure.today,
        refused_today=figure.refused,
        measured_at=figure.at,
        renewed_after_seconds=measured_after if figure.name in _MEASURED else round(FLUSH_SECONDS),
    )


def _period(row: UsagePeriod) -> UsageOfPeriod:
    return UsageOfPeriod(**{name: getattr(row, name) for name in UsageOfPeriod.__struct_fields__})
