"""What is legal in a workflow but probably not meant (ours): warnings, and facts that are easily overlooked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from msgspec import UNSET

from .document import Processor, Transition, Workflow, criterion_text, quoted
from .issue import Issue, Place
from .validation import place_of, processor_place, state_place, transition_place

MembersOf = Callable[[str], int]
"""How many connected members match a comma separated tag requirement now."""

MANY_TRANSITIONS = 8
MANY_PROCESSORS = 5


def advice(workflow: Workflow, pointer: str, members_of: MembersOf) -> Iterator[Issue]:
    """About one workflow that may still have errors; criteria have advice of their own."""
    place = place_of(workflow, pointer)
    yield from _names(workflow, place)
    yield from _unreachable(workflow, place)
    for name, state in workflow.states.items():
        inside = state_place(place, name)
        yield from _state(inside, name, state.transitions)
        for index, transition in enumerate(state.transitions):
            here = transition_place(inside, index, transition)
            if transition.disabled and workflow.active:
                yield here.advice("INFO", "DISABLED", ": disabled, so it is never taken", "disabled")
            yield from _processors(here, transition, members_of)
            yield from _schedule(here, transition, members_of)


def selection_advice(workflows: Sequence[Workflow], pointers: Mapping[str, str]) -> Iterator[Issue]:
    """About the order of a model's workflows; `pointers` are those of the incoming ones."""
    taker = ""
    for workflow in workflows:
        if not workflow.active:
            continue
        if taker and workflow.name in pointers:
            message = f": never chosen for new entities: {quoted(taker)} comes before it and takes all of them"
            place = place_of(workflow, pointers[workflow.name])
            yield place.advice("WARNING", "NEVER_CHOSEN", message, "criterion")
        if not taker and criterion_text(workflow.criterion) is None:
            taker = workflow.name


def _names(workflow: Workflow, place: Place) -> Iterator[Issue]:
    for name in workflow.states:
        if name != name.strip():
            message = f": the state name {quoted(name)} has blanks around it"
            yield place.advice("WARNING", "NAME", message, "states", name)


def _unreachable(workflow: Workflow, place: Place) -> Iterator[Issue]:
    if workflow.initial_state not in workflow.states:
        return
    by_any = _reached(workflow, lambda _: True)
    by_enabled = _reached(workflow, lambda transition: not transition.disabled)
    for name in workflow.states:
        if name not in by_any:
            yield state_place(place, name).advice("WARNING", "UNREACHABLE_STATE", ": no transition leads here")
        elif name not in by_enabled:
            message = ": only disabled transitions lead here"
            yield state_place(place, name).advice("WARNING", "UNREACHABLE_STATE", message)


def _reached(workflow: Workflow, counts: Callable[[Transition], bool]) -> set[str]:
    reached, waiting = {workflow.initial_state}, [workflow.initial_state]
    while waiting:
        for transition in workflow.states[waiting.pop()].transitions:
            if transition.next in workflow.states and transition.next not in reached and counts(transition):
                reached.add(transition.next)
                waiting.append(transition.next)
    return reached


def _state(place: Place, name: str, transitions: Sequence[Transition]) -> Iterator[Issue]:
    if not transitions:
        yield place.advice("INFO", "TERMINAL", ": an end state, nothing leads out of it")
        return
    if len(transitions) > MANY_TRANSITIONS:
        message = f": {len(transitions)} transitions lead out; more than {MANY_TRANSITIONS} are hard to follow"
        yield place.advice("WARNING", "FAN_OUT", message)
    if all(transition.manual for transition in transitions):
        yield place.advice("INFO", "ALL_MANUAL", ": entities stay here until somebody asks")
    taker = ""
    for index, transition in enumerate(transitions):
        if transition.manual or transition.disabled or transition.schedule is not UNSET:
            continue
        if taker:
            message = f": never taken by itself: {quoted(taker)} comes before it and has no criterion"
            yield transition_place(place, index, transition).advice("WARNING", "NEVER_TAKEN", message)
        elif criterion_text(transition.criterion) is None:
            taker = transition.name


def _processors(place: Place, transition: Transition, members_of: MembersOf) -> Iterator[Issue]:
    count = len(transition.processors)
    if count > MANY_PROCESSORS:
        message = f": {count} processors run one after another; more than {MANY_PROCESSORS} make it slow"
        yield place.advice("WARNING", "MANY_PROCESSORS", message, "processors")
    names = Counter(processor.name for processor in transition.processors)
    for index, processor in enumerate(transition.processors):
        here = processor_place(place, index, processor)
        if names[processor.name] > 1:
            yield here.advice("WARNING", "DUPLICATE_PROCESSOR", ": listed more than once", "name")
        yield from _processor(here, processor, transition, members_of)


def _processor(place: Place, processor: Processor, transition: Transition, members_of: MembersOf) -> Iterator[Issue]:
    if processor.type == "internalized":
        message = ': the type "internalized" fails at every run; use "externalized"'
        yield place.advice("WARNING", "INTERNALIZED", message, "type")
    if not transition.manual and processor.execution_mode in ("", "SYNC"):
        message = ": SYNC on a transition that is taken by itself: whoever writes the entity waits for it"
        yield place.advice("WARNING", "SYNC_AUTOMATIC", message, "executionMode")
    yield from tag_advice(place, processor.config.calculation_nodes_tags, members_of, "config", "calculationNodesTags")


def _schedule(place: Place, transition: Transition, members_of: MembersOf) -> Iterator[Issue]:
    if transition.schedule is not UNSET and transition.schedule.function is not UNSET:
        tags = transition.schedule.function.calculation_nodes_tags
        if tags:
            yield from tag_advice(place, tags, members_of, "schedule", "function", "calculationNodesTags")


def tag_advice(place: Place, tags: str, members_of: MembersOf, *member: str) -> Iterator[Issue]:
    if not tags.strip():
        yield place.advice("INFO", "NO_TAGS", ": without tags any connected compute node may be asked", *member)
    elif not members_of(tags):
        message = f": no compute node with one of the tags {quoted(tags)} is connected now"
        yield place.advice("WARNING", "TAG_WITHOUT_MEMBER", message, *member)
