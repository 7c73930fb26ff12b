"""The built-in workflow of models that have none, or none that matches (contract: engine 1.7)."""

from __future__ import annotations

from .document import SCHEMA_VERSION, State, Transition, Workflow

DEFAULT_WORKFLOW = Workflow(
    version=SCHEMA_VERSION,
    name="default",
    initial_state="NONE",
    active=True,
    states={
        "NONE": State(transitions=(Transition(name="NEW", next="CREATED", manual=False),)),
        "CREATED": State(
            transitions=(
                Transition(name="UPDATE", next="CREATED", manual=True),
                Transition(name="DELETE", next="DELETED", manual=True),
            )
        ),
        "DELETED": State(),
    },
)
"""Never stored, never exported."""
