"""How runs and environments look at a terminal: bars for a person who watches, plain lines for everything else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from tenants.models import Provisioning, ProvisioningStep
from tenants.services.progress import watch_run

Say = Callable[[str], object]

StepState = ProvisioningStep.State
_COLOURS = {"ready": "green", "done": "green", "failed": "red", "cancelled": "yellow"}


def follow(run: Provisioning, say: Say, console: Console) -> None:
    """Show each step until the run is finished; the run is renewed."""
    if console.is_terminal:
        _follow_with_bar(run, console)
    else:
        _follow_in_lines(run, say)


def follow_log(run: Provisioning, say: Say, *, wait: bool) -> None:
    """The lines that the steps have written, and with `wait` those that they write until the run is finished."""
    shown: dict[int, int] = {}
    for step in watch_run(run) if wait else ProvisioningStep.objects.filter(run=run):
        lines = step.log.splitlines()
        for line in lines[shown.get(step.position, 0) :]:
            say(f"{step.name}: {line}")
        shown[step.position] = len(lines)


def show_table(headings: Sequence[str], rows: Iterable[Sequence[str]], say: Say, console: Console) -> None:
    """A table for people, lines with tabs for programs."""
    if not console.is_terminal:
        for row in rows:
            say("\t".join(row))
        return
    table = Table(*headings, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(f"[{_COLOURS[text]}]{text}[/]" if text in _COLOURS else text for text in row))
    console.print(table)


def _follow_in_lines(run: Provisioning, say: Say) -> None:
    steps = ProvisioningStep.objects.filter(run=run).count()
    for step in watch_run(run):
        trouble = f": {step.error}" if step.error else ""
        say(f"[{step.position + 1}/{steps}] {step.name:26} {step.state}{_duration(step)}{trouble}")


def _follow_with_bar(run: Provisioning, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        ends = StepState.UNDONE if run.kind == Provisioning.Kind.DELETE else StepState.DONE
        bar = progress.add_task(str(run.kind), total=ProvisioningStep.objects.filter(run=run).count())
        for step in watch_run(run):
            trouble = f": {step.error}" if step.error else ""
            done = ProvisioningStep.objects.filter(run=run, state=ends).count()
            progress.update(bar, completed=done, description=f"{step.name} {step.state}{trouble}")


def _duration(step: ProvisioningStep) -> str:
    if step.started_at is None or step.finished_at is None:
        return ""
    return f" in {(step.finished_at - step.started_at).total_seconds():.2f} s"
