"""Which workflow schema versions an import may declare (contract: engine 1.6, 12 decision 1)."""

from __future__ import annotations

from cyoda.errors import WorkflowSchemaVersionUnsupported

from .document import quoted

MAJOR, MIN_MINOR, MAX_MINOR = 1, 1, 3
RETIRED = frozenset({"1", "1.0"})
"""Declared by most shipped client templates; taken as 1.1 unless the check is strict."""

SUPPORTED_VERSIONS = {
    "current": f"{MAJOR}.{MAX_MINOR}",
    "supported": [{"major": MAJOR, "minMinor": MIN_MINOR, "maxMinor": MAX_MINOR}],
}
"""The answer of the discovery endpoint."""


def check_version(workflow: str, version: str, *, strict: bool = False) -> None:
    """Raises WorkflowSchemaVersionUnsupported, naming the workflow, for a version this server does not read."""
    if version in RETIRED and not strict:
        return
    fault = _fault(version)
    if fault:
        raise WorkflowSchemaVersionUnsupported(f"workflow {quoted(workflow)}: {fault}")


def _fault(version: str) -> str | None:
    if not version:
        return "workflow schema version is empty; required MAJOR.MINOR form"
    segments = version.split(".")
    if len(segments) != 2:
        return _malformed(version)
    for segment in segments:
        reason = _segment_fault(segment)
        if reason:
            return f"{_malformed(version)}: {reason}"
    return _range_fault(version, int(segments[0][:9]), int(segments[1][:9]))


def _malformed(version: str) -> str:
    return f"workflow schema version {quoted(version)} is not in MAJOR.MINOR form"


def _segment_fault(segment: str) -> str | None:
    if not segment:
        return "empty segment"
    if not (segment.isascii() and segment.isdigit()):
        return f"non-digit in segment {quoted(segment)}"
    if len(segment) > 1 and segment[0] == "0":
        return "leading zero"
    return None


def _range_fault(version: str, major: int, minor: int) -> str | None:
    if major != MAJOR:
        return (
            f"workflow schema major version unsupported: workflow schema major version {major} "
            f"unsupported on this server; supported majors: [{MAJOR}]"
        )
    if minor < MIN_MINOR:
        return (
            f"workflow schema minor version no longer accepted: workflow schema {version} is no longer accepted "
            f"on this server; minimum supported in major {MAJOR}: {MAJOR}.{MIN_MINOR}"
        )
    if minor > MAX_MINOR:
        return (
            f"workflow schema minor version too new: this server supports workflow schema up to {MAJOR}.{MAX_MINOR}; "
            f"payload declares {version}. Upgrade the server or declare a supported version."
        )
    return None
