"""Saved views of lists of entities: who sees them, and changing them; each is changed by its owner only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from tenants.models import ChosenView, Environment, Person, SavedView
from tenants.services.audit import Doer, record


class ViewUnknown(Exception):
    """There is no such view, or it is not the asker's to see or to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a view shows: a condition's JSON text, columns by path, an order, and a moment as text."""

    condition: str = ""
    columns: Sequence[str] = ()
    sort: str = ""
    at: str = ""


def visible_views(environment: Environment, person: Person, model: str, version: int) -> QuerySet[SavedView]:
    """Own ones, and those that others have shared with the environment or its organisation."""
    shared = Q(scope=SavedView.Scope.ORGANISATION) | Q(scope=SavedView.Scope.ENVIRONMENT, environment=environment)
    own = Q(owner=person, environment=environment)
    of_organisation = SavedView.objects.filter(environment__organisation=environment.organisation)
    return of_organisation.filter(own | shared, model_name=model, model_version=version).select_related("owner__user")


def chosen_view(environment: Environment, person: Person, model: str, version: int) -> SavedView | None:
    """The one by which the person's list begins."""
    views = visible_views(environment, person, model, version)
    return views.filter(chosen__person=person, chosen__environment=environment).first()


@transaction.atomic
def save_view(
    doer: Doer, environment: Environment, owner: Person, model: str, version: int, *, title: str, scope: str,
    shown: Shown,
) -> SavedView:  # fmt: skip
    view = SavedView.objects.create(
        environment=environment, owner=owner, model_name=model, model_version=version, title=title, scope=scope,
        condition=shown.condition, columns=list(shown.columns), sort=shown.sort, at=shown.at,
    )  # fmt: skip
    record(doer, "saved", ("view", str(view.pk)), owner=environment, after=_state(view))
    return view


@transaction.atomic
def rename_view(doer: Doer, owner: Person, environment: Environment, view_id: UUID, *, title: str, scope: str) -> None:
    """Raises ViewUnknown."""
    view = _own(owner, environment, view_id)
    before = _state(view)
    view.title, view.scope = title, scope
    view.save(update_fields=["title", "scope", "changed_at"])
    record(doer, "renamed", ("view", str(view.pk)), owner=view.environment, before=before, after=_state(view))


@transaction.atomic
def change_view(doer: Doer, owner: Person, environment: Environment, view_id: UUID, shown: Shown) -> None:
    """Let it show something else. Raises ViewUnknown."""
    view = _own(owner, environment, view_id)
    before = _state(view)
    view.condition, view.columns, view.sort, view.at = shown.condition, list(shown.columns), shown.sort, shown.at
    view.save(update_fields=["condition", "columns", "sort", "at", "changed_at"])
    record(doer, "changed", ("view", str(view.pk)), owner=view.environment, before=before, after=_state(view))


@transaction.atomic
def delete_view(doer: Doer, owner: Person, environment: Environment, view_id: UUID) -> None:
    """Raises ViewUnknown."""
    view = _own(owner, environment, view_id)
    record(doer, "deleted", ("view", str(view.pk)), owner=view.environment, before=_state(view))
    view.delete()


@transaction.atomic
def choose_view(environment: Environment, person: Person, model: str, version: int, view_id: UUID | None) -> None:
    """Let the person's list begin with a view, or with everything again. Raises ViewUnknown."""
    place = {"environment": environment, "person": person, "model_name": model, "model_version": version}
    if view_id is None:
        ChosenView.objects.filter(**place).delete()
        return
    view = visible_views(environment, person, model, version).filter(pk=view_id).first()
    if view is None:
        raise ViewUnknown
    ChosenView.objects.update_or_create(**place, defaults={"view": view})


def _own(owner: Person, environment: Environment, view_id: UUID) -> SavedView:
    own = SavedView.objects.select_for_update(of=("self",)).filter(owner=owner)
    view = own.filter(environment__organisation=environment.organisation, pk=view_id).first()
    if view is None:
        raise ViewUnknown
    return view


def _state(view: SavedView) -> dict[str, object]:
    return {
        "title": view.title, "scope": view.scope, "model": f"{view.model_name}:{view.model_version}",
        "condition": view.condition, "columns": view.columns, "sort": view.sort, "at": view.at,
    }  # fmt: skip
