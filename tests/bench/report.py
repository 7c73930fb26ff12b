"""The table on the terminal, the targets beside it, and the JSON of a run."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.bench import callout_cases, engine_alone, timer_cases
from tests.bench.cases import CASES, Target
from tests.bench.measure import Figure
from tests.bench.node import Memory
from tests.nodes import ROOT

TARGET_CONNECTIONS = 32
IDLE_MB = 150.0
GROWTH_MB = 5.0
AS_OF_SHARE = 0.9
ALONE_RATE = 50_000.0
CALLOUT_US = 300.0
HELD_MB = 600.0
SCAN_MS = 1_000.0
_HEADINGS = (
    "case", "conns", "per second", "p50 ms", "p99 ms", "max ms", "node µs", "pg µs", "of http", "of database", "other",
)  # fmt: skip


@dataclass
class Process:
    """Start-up seconds and resident MiB of the node."""

    first_start_s: float
    second_start_s: float
    idle_mb: float
    warm_mb: float | None = None
    after_mb: float | None = None
    requests: int = 0


@dataclass
class Run:
    """Everything that one invocation measured."""

    figures: list[Figure] = field(default_factory=list[Figure])
    process: Process | None = None
    memory: list[Memory] = field(default_factory=list[Memory])
    load_average_at_start: float = field(default_factory=lambda: os.getloadavg()[0])


def row(figure: Figure) -> tuple[str, ...]:
    """One line of the table; a rate is in entities where a request has many."""
    ratios = figure.ratios
    other = "  ".join(f"{ratio:.2f} {name}" for name, ratio in ratios.items() if name in ("stream", "select one"))
    known = next((ratio for name, ratio in ratios.items() if name not in ("http", "stream", "select one")), None)
    unit = " entities" if figure.entities > 1 else ""
    return (
        figure.case, str(figure.connections), f"{figure.rate * figure.entities:,.0f}{unit}", f"{figure.p50_ms:.2f}",
        f"{figure.p99_ms:.2f}", f"{figure.max_ms:.1f}", f"{figure.node_us:,.0f}", f"{figure.postgres_us:,.0f}",
        f"{ratios['http']:.2f}" if "http" in ratios else "-", f"{known:.2f}" if known is not None else "-", other,
    )  # fmt: skip


def table(rows: Sequence[Sequence[str]], headings: Sequence[str] = _HEADINGS) -> str:
    """Aligned columns: text to the left, figures to the right."""
    widths = [max(len(line[column]) for line in (headings, *rows)) for column in range(len(headings))]

    def line(cells: Sequence[str]) -> str:
        figures = (cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True))
        return "  ".join([cells[0].ljust(widths[0]), *figures]).rstrip()

    return "\n".join([line(headings), "  ".join("-" * width for width in widths), *map(line, rows)])


def ceilings_table(figures: Iterable[Figure]) -> str:
    """The ceilings themselves, as requests a second."""
    rows = [
        (figure.case, str(figure.connections), name, f"{rate:,.0f}", f"{figure.rate:,.0f}", f"{figure.rate / rate:.2f}")
        for figure in figures
        for name, rate in figure.ceilings.items()
        if rate
    ]
    return table(rows, ("case", "conns", "ceiling", "ceiling/s", "node/s", "ratio")) if rows else ""


def verdicts(run: Run) -> list[str]:
    """Each target with what was measured."""
    at = {figure.case: figure for figure in run.figures if figure.connections == TARGET_CONNECTIONS}
    lines: list[str] = []
    for case in CASES:
        if case.target is not None and case.name in at:
            lines += _case_verdicts(case.target, at[case.name])
    if "read as of" in at and "read by id" in at:
        ratio = at["read as of"].rate / at["read by id"].rate
        lines.append(_verdict(ratio >= AS_OF_SHARE, f"reads as of: {ratio:.2f} of the rate of reads (as fast)"))
    lines += _engine_verdicts(run)
    if run.process is not None:
        lines += _process_verdicts(run.process)
    return lines


def _engine_verdicts(run: Run) -> list[str]:
    at = {(figure.case, figure.connections): figure for figure in run.figures}
    lines: list[str] = []
    if alone := at.get((engine_alone.NAME, 1)):
        text = f"engine alone: {alone.rate:,.0f} transitions/s (at least {ALONE_RATE:,.0f})"
        lines.append(_verdict(alone.rate >= ALONE_RATE, text))
    for (case, connections), asking in at.items():
        plain = at.get((callout_cases.PLAIN.name, connections))
        if case == callout_cases.AT_ONCE.name and plain is not None:
            spent = asking.node_us - plain.node_us
            text = f"node time of a callout, {connections:,} in flight: {spent:,.0f} µs (under {CALLOUT_US:.0f})"
            lines.append(_verdict(spent < CALLOUT_US, text))
    for memory in run.memory:
        if memory.name.startswith(callout_cases.HELD):
            text = f"{memory.name}: {memory.most_mb:.0f} MB at most (under {HELD_MB:.0f})"
            lines.append(_verdict(memory.most_mb < HELD_MB, text))
    if timers := at.get((timer_cases.name(timer_cases.COUNT), 1)):
        text = f"{timers.case}: late p99 {timers.p99_ms:.0f} ms (under one scan interval, {SCAN_MS:.0f})"
        lines.append(_verdict(timers.p99_ms < SCAN_MS, text))
    return lines


def _case_verdicts(target: Target, figure: Figure) -> list[str]:
    lines: list[str] = []
    name, rate, ratios = figure.case, figure.rate * figure.entities, figure.ratios
    beside = ", ".join(f"{ratio:.2f} of {ceiling}" for ceiling, ratio in ratios.items())
    if target.rate is not None:
        lines.append(_verdict(rate >= target.rate, f"{name}: {rate:,.0f}/s (at least {target.rate:,.0f}; {beside})"))
    if target.p99_ms is not None:
        text = f"{name}: p99 {figure.p99_ms:.1f} ms (under {target.p99_ms:.0f})"
        lines.append(_verdict(figure.p99_ms < target.p99_ms, text))
    if target.of_stream is not None and "stream" in ratios:
        text = f"{name}: {ratios['stream']:.2f} of the bare stream (at least {target.of_stream:.2f})"
        lines.append(_verdict(ratios["stream"] >= target.of_stream, text))
    return lines


def _process_verdicts(process: Process) -> list[str]:
    lines = [_verdict(process.idle_mb < IDLE_MB, f"idle node: {process.idle_mb:.0f} MB (under {IDLE_MB:.0f})")]
    if process.after_mb is not None and process.warm_mb is not None:
        growth = process.after_mb - process.warm_mb
        text = f"growth over {process.requests:,} requests: {growth:+.1f} MB (a few: under {GROWTH_MB:.0f})"
        lines.append(_verdict(growth < GROWTH_MB, text))
    return lines


def _verdict(met: bool, text: str) -> str:
    return f"{'met   ' if met else 'MISSED'}  {text}"


def write_json(run: Run, path: Path) -> None:
    """Everything measured, with what it was measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figures: list[Mapping[str, Any]] = [asdict(figure) | {"ratios": figure.ratios} for figure in run.figures]
    document = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "load_average_at_start": run.load_average_at_start,
        "figures": figures,
        "process": asdict(run.process) if run.process is not None else None,
        "memory": [asdict(memory) for memory in run.memory],
        "verdicts": verdicts(run),
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
