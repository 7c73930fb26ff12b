"""The import check for loops that would never end: cycles of unguarded automated transitions (contract: engine 1.5)."""

from __future__ import annotations

from collections.abc import Iterator

from .document import Workflow, criterion_text, quoted
from .issue import Issue, pointed


def cycle_faults(workflow: Workflow, pointer: str) -> Iterator[Issue]:
    """The first cycle, states taken in lexicographic order."""
    edges = {
        name: [
            t.next
            for t in state.transitions
            if t.next in workflow.states and not (t.manual or t.disabled or criterion_text(t.criterion))
        ]
        for name, state in workflow.states.items()
    }
    cycle = _first_cycle(edges)
    if cycle:
        path = " -> ".join(cycle)
        message = (
            f"workflow {quoted(workflow.name)}: infinite loop detected: {path} via unguarded automated transitions"
        )
        yield Issue(message=message, pointer=pointed(pointer, "states", cycle[0]), code="CYCLE")


def _first_cycle(edges: dict[str, list[str]]) -> list[str] | None:
    """Depth-first search with an explicit stack: a workflow may chain more states than Python may nest calls."""
    finished: set[str] = set()
    for start in sorted(edges):
        path = {start: iter(edges[start])} if start not in finished else {}
        while path:
            state = next(reversed(path))
            following = next(path[state], None)
            if following is None:
                finished.add(state)
                del path[state]
            elif following in path:
                states = list(path)
                return [*states[states.index(following) :], following]
            elif following not in finished:
                path[following] = iter(edges[following])
    return None
