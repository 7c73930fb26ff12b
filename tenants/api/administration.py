"""What is turned on a running node: its log level and its trace sampler (contract: identity 12)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from cyoda.errors import BadRequest, Forbidden
from cyoda.http.operation import operation, operation_of
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from cyoda.http.router import Route
from cyoda.permissions import Action, permitted
from cyoda.telemetry import logs, sampling
from cyoda.telemetry.sampling import Sampling
from tenants.api.callers import require_platform_tenant
from tenants.api.wire import decoded_body

REFUSAL = "admin role required"
Level = Literal["debug", "info", "warn", "error"]


class NewLogLevel(msgspec.Struct):
    """`debug`, `info`, `warn` or `error` in any case; anything else means `info`."""

    level: str | None = None


class LogLevel(msgspec.Struct, omit_defaults=True):
    level: Level
    previous: Level | None = None


class NewSampling(msgspec.Struct, kw_only=True):
    """`ratio` goes with the sampler of that name, and only with it."""

    sampler: str = ""
    ratio: float | None = None
    parent_based: bool = True


class Administration:
    """Endpoints of one process, kept to admins of the platform's tenant where one is set."""

    def __init__(self, platform_tenant: str | None) -> None:
        self._platform_tenant = platform_tenant

    @operation("The node's log level", answer=LogLevel, errors=[Forbidden])
    async def get_log_level(self, request: ApiRequest) -> Response:
        self._check(request)
        return json_response({"level": logs.level()})

    @operation("Change the node's log level", body=NewLogLevel, answer=LogLevel, errors=[Forbidden])
    async def set_log_level(self, request: ApiRequest) -> Response:
        self._check(request)
        level = (await decoded_body(request, NewLogLevel)).level
        if not level:
            raise BadRequest("level is required")
        previous = logs.set_level(level)
        return json_response({"level": logs.level(), "previous": previous})

    @operation("The node's trace sampler", answer=Sampling, errors=[Forbidden])
    async def get_trace_sampler(self, request: ApiRequest) -> Response:
        self._check(request)
        return json_response(sampling.current())

    @operation("Change the node's trace sampler", body=NewSampling, answer=Sampling, errors=[Forbidden])
    async def set_trace_sampler(self, request: ApiRequest) -> Response:
        self._check(request)
        sampling.change(_sampling(await decoded_body(request, NewSampling)))
        return json_response(sampling.current())

    def routes(self) -> Sequence[Route]:
        rows = (
            ("GET", "/admin/log-level", self.get_log_level),
            ("POST", "/admin/log-level", self.set_log_level),
            ("GET", "/admin/trace-sampler", self.get_trace_sampler),
            ("POST", "/admin/trace-sampler", self.set_trace_sampler),
        )
        return [Route(method, path, handler, operation=operation_of(handler)) for method, path, handler in rows]

    def _check(self, request: ApiRequest) -> None:
        """Raises Forbidden, in the words of these endpoints."""
        if Action.OPERATE not in permitted(request.principal.roles):
            raise Forbidden(REFUSAL)
        require_platform_tenant(request.principal, self._platform_tenant, REFUSAL)


def _sampling(body: NewSampling) -> Sampling:
    """Raises BadRequest."""
    match body.sampler:
        case "always" | "never":
            if body.ratio is not None:
                raise BadRequest(f'ratio not allowed for sampler="{body.sampler}"')
            return Sampling(sampler=body.sampler, parent_based=body.parent_based)
        case "ratio":
            ratio = body.ratio or 0
            if not 0 < ratio <= 1:
                raise BadRequest(
                    f"ratio must be in (0, 1] for sampler=ratio (use sampler=never for zero sampling), got {ratio:g}"
                )
            return Sampling(sampler="ratio", ratio=ratio, parent_based=body.parent_based)
        case unknown:
            raise BadRequest(f'unknown sampler type: "{unknown[:100]}"')
