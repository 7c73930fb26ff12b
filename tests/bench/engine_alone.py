"""The engine's rules alone: the pure generator of a create and its cascade, without any input or output.

Processor time of one core counts, not the clock on the wall: the machine may be busy with other things.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from time import process_time

from cyoda.clock import system_clock
from cyoda.jsonio import dumps
from cyoda.principal import Actor
from tests.bench.dataset import STEPS, cascading, document
from tests.bench.load import percentile_ms
from tests.bench.measure import Figure
from workflows.core.entity import Document, ModelKey, Version
from workflows.core.fsm.compiled import compile_workflows
from workflows.core.fsm.decode import decode_import
from workflows.core.fsm.imports import imported
from workflows.core.fsm.operations import create
from workflows.core.fsm.run import Settled, Terms
from workflows.core.fsm.trail import Trail
from workflows.core.schema.types import DataType, TypeSet

NAME = "engine alone, transitions"
_ACTOR = Actor("bench", "service")


def run(seconds: float) -> Figure:
    """Transitions a second; latencies are of a whole cascade."""
    took = list(_cascades(seconds))
    spent, transitions = sum(took), len(took) * STEPS
    took.sort()
    return Figure(
        NAME, 1, 1, transitions / spent, percentile_ms(took, 0.5), percentile_ms(took, 0.99), percentile_ms(took, 1.0),
        spent / transitions * 1e6, 0.0, 0.0,
    )  # fmt: skip


def _cascades(seconds: float) -> Iterator[float]:
    """Seconds that each of the cascades took which fit into so much processor time."""
    texts = imported(decode_import(dumps({"workflows": [cascading()]})), ())
    workflows = compile_workflows(texts, {"$.number": TypeSet(DataType.INTEGER)})
    terms, now = Terms(tenant="bench", origin=_ACTOR), system_clock()
    subject = Version(
        entity_id=uuid.uuid4(), model=ModelKey("order", 1), number=0, state="",
        document=Document.from_value(document(1)), created_at=now, updated_at=now, transaction_id=uuid.uuid4(),
        transition="", attributed=_ACTOR, executor=_ACTOR,
    )  # fmt: skip
    before = process_time()
    ends = before + seconds
    while before < ends:
        rule = create(subject, workflows, Trail(system_clock), terms)
        try:
            raise RuntimeError(f"the engine asked for {next(rule)}")
        except StopIteration as done:
            settled: Settled = done.value
        if settled.state != "DONE":
            raise RuntimeError(f"the cascade ended in {settled.state}")
        after = process_time()
        yield after - before
        before = after
