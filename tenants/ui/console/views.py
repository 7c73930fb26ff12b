"""Saved views of a model's list: choosing, saving and managing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from tenants.models import Person, SavedView
from tenants.services import views as services
from tenants.ui.console.counts import one_model
from tenants.ui.console.listing import Listing, listing_of
from tenants.ui.console.place import Place, in_environment, show


class ViewForm(forms.Form):
    title = forms.CharField(label=lazy("Name"), max_length=100)
    scope = forms.ChoiceField(label=lazy("For"), choices=SavedView.Scope.choices)


@dataclass(frozen=True, slots=True)
class ViewLink:
    """A view as a list offers it; the current one `is_changed` when the list shows something else by now."""

    view: SavedView
    url: str
    is_own: bool
    is_current: bool = False
    is_changed: bool = False


def reader(place: Place) -> Person:
    return place.membership.user.person  # type: ignore[attr-defined] - the reverse of `user`


def shown_by(listing: Listing) -> services.Shown:
    return services.Shown(
        condition=listing.condition, columns=listing.columns, sort=listing.sort, at=listing.at
    )  # fmt: skip


def listing_by(view: SavedView) -> Listing:
    return Listing(
        condition=view.condition, columns=tuple(view.columns), sort=view.sort, at=view.at, view=str(view.pk)
    )  # fmt: skip


def beginning(place: Place, model: str, version: int) -> str | None:
    """The address' query that the reader's list begins with; None for everything."""
    view = services.chosen_view(place.environment, reader(place), model, version)
    return None if view is None else listing_by(view).query()


def view_links(place: Place, model: str, version: int, listing: Listing) -> list[ViewLink]:
    person = reader(place)
    return [
        ViewLink(
            view, listing_by(view).query(), view.owner == person, str(view.pk) == listing.view,
            shown_by(listing) != shown_by(listing_by(view)),
        )
        for view in services.visible_views(place.environment, person, model, version)
    ]  # fmt: skip


@in_environment()
@require_http_methods(["GET", "HEAD", "POST"])
def view_list(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    """GET: the views, with what can be changed of them. POST: save what a list shows as a new one."""
    if request.method == "POST":
        return _save(request, place, model, version)
    chosen = services.chosen_view(place.environment, reader(place), model, version)
    links = view_links(place, model, version, Listing())
    forms_of = [(link, _form(link.view) if link.is_own else None) for link in links]
    return show(
        request, place, "console/views.html", model=one_model(place, model, version), views=forms_of, chosen=chosen,
        standard=Listing().query(),
    )  # fmt: skip


def _save(request: HttpRequest, place: Place, model: str, version: int) -> HttpResponse:
    listing, form = listing_of(request.POST), ViewForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A view needs a name of at most 100 characters."))
        return _back(place, model, version, listing)
    one_model(place, model, version)
    view = services.save_view(
        place.doer(), place.environment, reader(place), model, version, shown=shown_by(listing), **form.cleaned_data
    )  # fmt: skip
    messages.success(request, _("The view “%(title)s” is saved.") % {"title": view.title})
    return _back(place, model, version, listing_by(view))


@in_environment()
@require_POST
def view_act(request: HttpRequest, place: Place, model: str, version: int, view_id: UUID) -> HttpResponse:
    """Rename, delete or change one's own view; begin one's list with a view, or with everything again."""
    doer, person, environment = place.doer(), reader(place), place.environment
    try:
        match request.POST.get("do"):
            case "change":
                listing = listing_of(request.POST)
                services.change_view(doer, person, environment, view_id, shown_by(listing))
                return _back(place, model, version, listing.having(view=str(view_id)))
            case "rename":
                form = ViewForm(request.POST)
                if form.is_valid():
                    services.rename_view(doer, person, environment, view_id, **form.cleaned_data)
                else:
                    messages.error(request, _("A view needs a name of at most 100 characters."))
            case "delete":
                services.delete_view(doer, person, environment, view_id)
                messages.success(request, _("The view is deleted."))
            case "choose":
                services.choose_view(environment, person, model, version, view_id)
            case "unchoose":
                services.choose_view(environment, person, model, version, None)
            case _:
                raise Http404
    except services.ViewUnknown:
        raise Http404 from None
    return HttpResponseRedirect(place.url("entity_views", model=model, version=version), status=303)


def _form(view: SavedView) -> ViewForm:
    initial: dict[str, Any] = {"title": view.title, "scope": view.scope}
    return ViewForm(initial=initial, auto_id=f"id_{view.pk}_%s")


def _back(place: Place, model: str, version: int, listing: Listing) -> HttpResponse:
    return HttpResponseRedirect(place.url("entities", model=model, version=version) + listing.query(), status=303)
