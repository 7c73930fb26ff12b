"""Which files of a folder are code, so that a change of one restarts the member."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from watchfiles import DefaultFilter, watch

_IGNORED_FOLDERS = (
    *DefaultFilter.ignore_dirs, ".cyoda", ".gradle", ".ruff_cache", ".settings", ".vscode", "build", "dist", "env",
    "logs", "out", "target", "venv",
)  # fmt: skip
_IGNORED_FILES = (
    *DefaultFilter.ignore_entity_patterns, r"\.log(\.\d+)?$", r"\.tmp$", r"\.class$", r"\.db$", r"\.sqlite3?(-\w+)?$",
)  # fmt: skip
_QUIET_MS, _LONGEST_MS, _LOOK_EVERY_MS = 100, 600, 100
_SHOWN = 5


def changes_of(folder: Path, home: Path) -> Iterator[list[str]]:
    """Names of the files that have changed, those of one save together; empty ones in between, ten a second.

    `home` is the platform's own folder, which may lie in the watched one. Raises KeyboardInterrupt on a signal.
    """
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    root = folder.resolve()
    code = DefaultFilter(
        ignore_dirs=_IGNORED_FOLDERS, ignore_entity_patterns=_IGNORED_FILES, ignore_paths=[home.resolve()]
    )
    for changes in watch(
        root,
        watch_filter=code,
        debounce=_LONGEST_MS,
        step=_QUIET_MS,
        rust_timeout=_LOOK_EVERY_MS,
        yield_on_timeout=True,
    ):
        yield _names(sorted({Path(path) for _, path in changes}), root)


def _names(paths: list[Path], root: Path) -> list[str]:
    """A few of the changed files; those that an editor has made and removed again only if there are no others."""
    shown = [path for path in paths if path.exists()] or paths
    more = ["…"] if len(shown) > _SHOWN else []
    return [*(str(path.relative_to(root)) for path in shown[:_SHOWN]), *more]
