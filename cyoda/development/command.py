"""Which command is the member of a folder, and what it is given."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cyoda.conf import Conf
from cyoda.demo import api_url, grpc_target, member_environment

_LIBRARY = Path(__file__).resolve().parents[2] / "clients" / "python" / "src"
_PROGRAMS = ("member.py", "main.py")
_VIRTUAL_ENVIRONMENTS = (".venv", "venv")
_PROCFILE_LINE = re.compile(r"^member:\s*(\S.*)$", re.MULTILINE)
_BUILDS = {
    "pom.xml": "mvn -q compile exec:java",
    "build.gradle": "gradle run",
    "build.gradle.kts": "gradle run",
}


class NothingToRun(Exception):
    """The folder has no member that can be run; the text is a sentence for the person at the terminal."""


class ToBeConfirmed(Exception):
    """The folder has a build whose command is only a guess; the text says which."""


@dataclass(frozen=True, slots=True)
class MemberCommand:
    """A program with its arguments, the folder that it runs in, and its whole environment."""

    line: tuple[str, ...]
    folder: Path
    environ: Mapping[str, str]


def member_command(folder: Path, explicit: str | None, conf: Conf, environ: Mapping[str, str]) -> MemberCommand:
    """`explicit`, else member.py, main.py or the `member:` line of a Procfile.

    Raises NothingToRun (also when the program is not installed), ToBeConfirmed.
    """
    given = _environment(folder, conf, environ)
    words = _split(explicit) if explicit is not None else _found(folder)
    program = shutil.which(folder / words[0] if "/" in words[0] else words[0], path=given["PATH"])
    if program is None:
        raise NothingToRun(f"The member cannot be started: there is no program {words[0]}.")
    return MemberCommand((str(Path(program).absolute()), *words[1:]), folder, given)


def variables(conf: Conf) -> dict[str, str]:
    """What a member is told about this installation, by the names that the client library reads."""
    return {"CYODA_API_URL": api_url(conf), "CYODA_GRPC_TARGET": grpc_target(conf), **member_environment(conf)}


def _found(folder: Path) -> list[str]:
    for program in _PROGRAMS:
        if (folder / program).is_file():
            return ["python", program]
    procfile = folder / "Procfile"
    if procfile.is_file() and (line := _PROCFILE_LINE.search(procfile.read_text(encoding="utf-8"))):
        return _split(line[1])
    for build, guess in _BUILDS.items():
        if (folder / build).is_file():
            raise ToBeConfirmed(
                f'There is a {build}: `--command "{guess}"` would run it, or whatever starts your member.'
            )
    raise NothingToRun(
        f"{folder} has no member.py, main.py or Procfile with a `member:` line: name the command by --command, "
        "or let --new write a member.py."
    )


def _split(text: str) -> list[str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise NothingToRun(f"The command {text!r} cannot be read: {error}.") from None
    if not words:
        raise NothingToRun("The command is empty.")
    return words


def _environment(folder: Path, conf: Conf, environ: Mapping[str, str]) -> dict[str, str]:
    """The caller's, without the platform's settings; `python` is the folder's own, else ours with our library."""
    given = {name: value for name, value in environ.items() if not name.startswith("CYODA_")}
    own = next(
        (folder / name / "bin" for name in _VIRTUAL_ENVIRONMENTS if (folder / name / "bin/python").exists()), None
    )
    paths = [str(own or Path(sys.executable).parent), environ.get("PATH", os.defpath)]
    given |= {"PATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
    if own is None:
        given["PYTHONPATH"] = os.pathsep.join(filter(None, (str(_LIBRARY), environ.get("PYTHONPATH"))))
    return given | variables(conf)
