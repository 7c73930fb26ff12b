"""The files of examples/first in a folder of one's own (`manage.py dev --new`)."""

from __future__ import annotations

import shutil
from pathlib import Path

from cyoda.demo import ROOT

_FIRST = ROOT / "examples" / "first"
_FILES = ("member.py", "workflow.json", "try.sh")


class NotWritten(Exception):
    """The folder cannot be written to; the text is a sentence for the person at the terminal."""


def write_starter(folder: Path) -> str:
    """Writes what is not there yet; returns a sentence about it. Raises NotWritten."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        missing = [name for name in _FILES if not (folder / name).exists()]
        for name in missing:
            shutil.copyfile(_FIRST / name, folder / name)
    except OSError as error:
        raise NotWritten(f"{error.filename or folder} cannot be written: {error.strerror}.") from None
    if not missing:
        return f"{folder} has a member to begin with already; nothing is written."
    return f"Written to {folder}: {', '.join(missing)}. `sh try.sh`, in another terminal, calls the member."
