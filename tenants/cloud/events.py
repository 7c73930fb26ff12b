"""`/v2/builds/{build_id}/events`: a build's progress as server-sent events. Our own addition to the contract.

Each change of the build or of one of its steps is an event with a growing id; a client that comes back with
`Last-Event-ID` gets those after it. What is answered here is what has happened so far; tenants.cloud.streams goes on.
"""

from __future__ import annotations

import msgspec

from cyoda.clock import utc_text
from tenants.cloud import problems, scopes
from tenants.cloud.builds import build_called, seen
from tenants.cloud.endpoint import EVENT_STREAM, Answer, Call, Endpoint, Following
from tenants.cloud.problems import invalid
from tenants.models import Provisioning
from tenants.models.provisioning import ProvisioningEvent
from tenants.services.progress import events_after
from tenants.services.state_views import build_state_of, build_text

PATH = "/builds/{build_id}/events"
RETRY_MS = 1000
_MOST_DIGITS = 18
_ENDS = (Provisioning.State.SUCCEEDED, Provisioning.State.FAILED, Provisioning.State.CANCELLED)
_TURNED = (Provisioning.State.UNDOING, Provisioning.State.FAILED, Provisioning.State.CANCELLED)


def begin(call: Call) -> Answer:
    """204 tells a client that has seen the end not to come back."""
    run, last = build_called(call), _last_seen(call)
    found = events_after({run.pk: last})
    if run.finished_at is not None and not found:
        return Answer(204)
    content = b"retry: %d\n\n" % RETRY_MS + b"".join(text_of(event) for event in found)
    following = Following(
        run_id=run.pk,
        last=found[-1].pk if found else last,
        organisation_id=call.caller.organisation.pk,
        is_over=run.finished_at is not None or any(is_end(event) for event in found),
    )
    return Answer(200, content, following)


def is_end(event: ProvisioningEvent) -> bool:
    return event.step is None and event.state in _ENDS


def text_of(event: ProvisioningEvent) -> bytes:
    """The event as it is sent. Of a failure callers learn what the build itself tells them."""
    kind = "build" if event.step is None else "step"
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.pk, kind.encode(), msgspec.json.encode(_data(event)))


def _data(event: ProvisioningEvent) -> dict[str, object]:
    of_all = {"build_id": str(event.run.pk), "at": utc_text(event.at)}
    if event.step is None:
        text = build_text(event.run) if event.state in _TURNED else ""
        return {**of_all, "state": build_state_of(event.state), "text": text}
    step = event.step
    return {**of_all, "step": step.name, "number": step.position + 1, "state": event.state, "attempt": event.attempt}


def _last_seen(call: Call) -> int:
    """Raises Problem."""
    given = call.last_event or "0"
    if not (given.isascii() and given.isdigit() and len(given) <= _MOST_DIGITS):
        raise invalid("Last-Event-ID must be the id of an event.")
    return int(given)


OF_BUILD = {
    "GET": Endpoint(
        answer=begin,
        sees=seen,
        summary="Progress of a build, as it happens",
        note="Our own addition: server-sent events (`build`, `step`) until the build has ended, then 204.",
        scope=scopes.READ_BUILDS,
        answers={200: str, 204: None},
        media=EVENT_STREAM,
        refusals=(problems.NOT_FOUND, problems.VALIDATION_ERROR),
    ),
}
