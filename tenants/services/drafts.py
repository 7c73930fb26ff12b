"""Drafts of workflows: begun, changed, undone, redone and given up. A change of what one has not seen is refused."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from tenants.models import DraftRevision, Environment, WorkflowDraft
from tenants.services.audit import Doer, record

KEPT_REVISIONS = 200
MAX_CHARACTERS = 1_000_000


class DraftUnknown(Exception):
    """The environment has no such draft, or no longer."""


class DraftModified(Exception):
    """Somebody changed the draft since it was seen."""


class DraftTooLarge(Exception):
    """The document is longer than a draft may be."""


@transaction.atomic
def begin_draft(
    doer: Doer, environment: Environment, model: tuple[str, int], workflow: str, document: str, *, base: int
) -> WorkflowDraft:
    """The draft of a workflow: the one that is there, or a new one of this document. Raises DraftTooLarge."""
    name, version = model
    draft, is_new = WorkflowDraft.objects.get_or_create(
        environment=environment, model_name=name, model_version=version, workflow=workflow, defaults={"base": base}
    )
    if is_new:
        _keep(doer, draft, document, "")
        record(doer, "begun", _target(draft), owner=environment, after={"model": f"{name} {version}", "base": base})
    return draft


def draft_of(environment: Environment, draft_id: UUID) -> WorkflowDraft:
    """Raises DraftUnknown."""
    found = WorkflowDraft.objects.filter(environment=environment, pk=draft_id).first()
    if found is None:
        raise DraftUnknown
    return found


def revision_of(draft: WorkflowDraft, number: int | None = None) -> DraftRevision:
    """The revision that counts now, or another one. Raises DraftUnknown."""
    found = DraftRevision.objects.filter(draft=draft, number=draft.position if number is None else number).first()
    if found is None:
        raise DraftUnknown
    return found


@transaction.atomic
def change_draft(doer: Doer, draft: WorkflowDraft, seen: int, document: str, summary: str) -> WorkflowDraft:
    """A new revision after the current one; those that were undone are gone then.

    Raises DraftUnknown, DraftModified, DraftTooLarge.
    """
    row = _locked(draft, seen)
    if revision_of(row).document == document:
        return row
    DraftRevision.objects.filter(draft=row, number__gt=row.position).delete()
    row.position += 1
    _keep(doer, row, document, summary)
    DraftRevision.objects.filter(draft=row, number__lte=row.position - KEPT_REVISIONS).delete()
    return _moved(row)


@transaction.atomic
def step_draft(draft: WorkflowDraft, seen: int, by: int) -> WorkflowDraft:
    """Undo (-1) or redo (1) as far as there are revisions. Raises DraftUnknown, DraftModified."""
    row = _locked(draft, seen)
    if not DraftRevision.objects.filter(draft=row, number=row.position + by).exists():
        return row
    row.position += by
    return _moved(row)


@transaction.atomic
def rebase_draft(draft: WorkflowDraft, seen: int, base: int) -> WorkflowDraft:
    """Take another version of the model's workflows for what it began with. Raises DraftUnknown, DraftModified."""
    row = _locked(draft, seen)
    row.base = base
    return _moved(row)


@transaction.atomic
def end_draft(doer: Doer, draft: WorkflowDraft, *, action: str = "discarded") -> None:
    """Remove a draft with its revisions; one that has gone already is fine."""
    record(doer, action, _target(draft), owner=draft.environment)
    WorkflowDraft.objects.filter(pk=draft.pk).delete()


def _locked(draft: WorkflowDraft, seen: int) -> WorkflowDraft:
    row = WorkflowDraft.objects.select_for_update().filter(pk=draft.pk).first()
    if row is None:
        raise DraftUnknown
    if row.version != seen:
        raise DraftModified
    return row


def _keep(doer: Doer, draft: WorkflowDraft, document: str, summary: str) -> None:
    if len(document) > MAX_CHARACTERS:
        raise DraftTooLarge
    DraftRevision.objects.create(
        draft=draft, number=draft.position, document=document, summary=summary[:500], author=doer.id
    )  # fmt: skip


def _moved(row: WorkflowDraft) -> WorkflowDraft:
    row.version += 1
    row.save()
    return row


def _target(draft: WorkflowDraft) -> tuple[str, str]:
    return ("workflow draft", draft.workflow)
