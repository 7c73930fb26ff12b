"""The static files of the pages, collected anew when they change: compressed, and named by their content."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from django.contrib.staticfiles.finders import get_finders

from cyoda.embedded.home import EmbeddedError, Home
from cyoda.embedded.processes import launched

_COLLECT = ("collectstatic", "--clear", "--no-input", "--verbosity", "0")
VARIABLE = "CYODA_STATIC_ROOT"


def collected(home: Home, environ: Mapping[str, str], root: Path) -> Path:
    """The folder with the files as they are now, made anew when any of them has changed.

    Raises EmbeddedError when they cannot be collected.
    """
    folder, digest = home.folder("static"), _digest()
    if home.remembered("static").get("digest") != digest:
        command = launched([sys.executable, str(root / "manage.py"), *_COLLECT], signal.SIGTERM, "same")
        ended = subprocess.run(
            command, env=dict(environ) | {VARIABLE: str(folder)}, cwd=root, check=False, capture_output=True, text=True
        )
        if ended.returncode != 0:
            raise EmbeddedError(f"The static files of the pages cannot be collected:\n{ended.stderr}")
        home.remember("static", {"digest": digest})
    return folder


def _digest() -> str:
    """Of the names, sizes and times of all static files."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            digest.update(f"{name} {storage.size(name)} {storage.get_modified_time(name)}\n".encode())
    return digest.hexdigest()
