"""Generate the Python code of the protocol: `python proto/generate.py [folder [package]]`.

Without arguments it writes every committed copy; tests generate into other folders and compare.
"""

# ruff: noqa: INP001 - a script beside its inputs, not a package
from __future__ import annotations

import re
import sys
from importlib import resources
from pathlib import Path

from grpc_tools import protoc

SOURCES = Path(__file__).resolve().parent
PACKAGE = "workflows.grpc.generated"
COMMITTED = {
    PACKAGE: SOURCES.parent / "workflows" / "grpc" / "generated",
    "cyoda_member.generated": SOURCES.parent / "clients" / "python" / "src" / "cyoda_member" / "generated",
}
"""Folders by the package that they are."""


class GenerationFailed(Exception):
    """protoc refused the protocol files; it has printed why."""


def generate(target: Path, package: str = PACKAGE) -> None:
    """Write the messages, their type stubs and the service stubs of every protocol file into `target`, as `package`.

    Raises GenerationFailed.
    """
    target.mkdir(parents=True, exist_ok=True)
    well_known = resources.files("grpc_tools").joinpath("_proto")
    outputs = [f"--{kind}_out={target}" for kind in ("python", "pyi", "grpc_python")]
    names = sorted(path.name for path in SOURCES.glob("*.proto"))
    if protoc.main(["protoc", f"-I{SOURCES}", f"-I{well_known}", *outputs, *names]) != 0:
        raise GenerationFailed(", ".join(names))
    for path in target.glob("*_pb2*.py*"):
        path.write_text(inside_package(path.read_text(), package))
    (target / "cloudevents_pb2_grpc.py").unlink()  # the file declares no service
    (target / "__init__.py").write_text("")


def inside_package(code: str, package: str) -> str:
    """protoc imports its own modules from the top level; they live in a package here."""
    return re.sub(r"^import (\w+_pb2)\b", rf"from {package} import \1", code, flags=re.MULTILINE)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        generate(Path(sys.argv[1]), *sys.argv[2:3])
    else:
        for package, folder in COMMITTED.items():
            generate(folder, package)
