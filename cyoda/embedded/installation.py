"""A whole installation on this machine for as long as a command of the terminal takes."""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import NoReturn

from cyoda.databases import use_database
from cyoda.embedded.supervisor import Supervisor, require_linux, stop_with_parent
from cyoda.operators import own_bootstrap_tenant


@contextmanager
def running(supervisor: Supervisor, say: Callable[[str], object], *, with_parent: bool) -> Generator[None]:
    """Everything that the supervisor starts, stopped in order at the end; Ctrl-C and SIGTERM are a good end.

    Raises EmbeddedError.
    """
    require_linux()
    signal.signal(signal.SIGTERM, _interrupt)
    if with_parent:
        stop_with_parent()
    try:
        supervisor.start()
        use_database(supervisor.conf.storage.database_url or "")
        own_bootstrap_tenant(supervisor.conf)
        yield
    except KeyboardInterrupt:
        say("Stopping.")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        supervisor.stop()


def _interrupt(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt
