"""Structured logs on standard error, JSON or console; no secret passes (contract: identity 12 for the levels)."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import cast

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from cyoda.conf import Conf
from cyoda.telemetry.request_ids import add_request_id

_HIDDEN = "[hidden]"
_SECRET_NAME = re.compile(
    r"authorization|token|secret|password|passwd|api[-_]?key|signing[-_]?key|cookie", re.IGNORECASE
)
_SECRET_TEXT = re.compile(
    r"""(?ix)
    (\b(?:bearer|basic)\s+) [\w.~+/=-]{8,}                                   # an Authorization header's value
    | ((?:secret|password|token)["']?\s*[=:]\s*["']?) [^\s"'&,;}]+   # name=value
    | (\w://[^\s:/@]*:) [^\s@/]+ (?=@)                                       # the password in a URL
    | ((?<![\w-])eyJ) [\w-]{8,} \. [\w-]{8,} (?:\.[\w-]*)*                    # a token by its form
    | (/(?:setup|invitations|password-reset)/) [\w-]{8,}                      # a link that lets its holder in
    """
)
"""No alternative starts with a repetition: a text of millions of letters is searched in one pass."""
_CHATTY_CLIENTS = ("asyncio", "kazoo", "grpc", "asyncpg", "urllib3", "httpx", "httpcore")
_CHATTY_SERVERS = ("uvicorn", "celery.beat", "celery.worker.strategy", "celery.app.trace")
"""A line for every second's look into the outbox, and more than one for every task."""
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}


def configure(conf: Conf) -> None:
    """Send every log line of the process, also those of libraries, through one formatter."""
    shared: list[Processor] = [
        add_request_id,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared[:3],
            shared[4],
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=_last_steps(conf.platform.log_format))
    )
    root = logging.getLogger()
    root.handlers[:] = [
        kept for kept in root.handlers if not isinstance(kept.formatter, structlog.stdlib.ProcessorFormatter)
    ]
    root.addHandler(handler)
    set_level(conf.platform.log_level)
    for chatty in (*_CHATTY_SERVERS, *_CHATTY_CLIENTS):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def configure_django(settings: dict[str, Conf]) -> None:
    """Django's LOGGING_CONFIG: the same logs for every management command."""
    configure(settings["conf"])


def level() -> str:
    """`debug`, `info`, `warn` or `error`."""
    names = {number: name for name, number in _LEVELS.items()}
    return names.get(logging.getLogger().level, "info")


def set_level(name: str) -> str:
    """Change the least level that is logged; returns the previous one. Unknown names mean `info`."""
    previous = level()
    logging.getLogger().setLevel(_LEVELS.get(name.lower(), logging.INFO))
    return previous


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide values under secret names at any depth, and secrets inside texts."""
    return cast(EventDict, _redacted(event))


def redact_text(text: str) -> str:
    """The text without bearer tokens, `name=secret` pairs and passwords of URLs."""
    return _SECRET_TEXT.sub(lambda found: next(group for group in found.groups() if group) + _HIDDEN, text)


def _redacted(value: object) -> object:
    if isinstance(value, str):
        return redact_text(value)
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value).items()
        return {name: _HIDDEN if _SECRET_NAME.search(str(name)) else _redacted(inner) for name, inner in pairs}
    if isinstance(value, list | tuple):
        return [_redacted(inner) for inner in cast("list[object]", value)]
    if value is None or isinstance(value, int | float):
        return value
    return redact_text(str(value))  # a renderer would write it out only after this


def _last_steps(log_format: str) -> list[Processor]:
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if log_format == "json":
        return [
            remove_meta,
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(default=str),
        ]
    colours = sys.stderr.isatty()
    return [remove_meta, structlog.processors.format_exc_info, redact, structlog.dev.ConsoleRenderer(colors=colours)]
