"""One member of an organisation: what they may do, with which role, and how that ends."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from cyoda.errors import Forbidden
from cyoda.permissions import Action
from tenants.models import Membership, Role
from tenants.services.people import (
    LastOwner,
    change_role,
    end_access_to,
    has_second_factor,
    open_access,
    remove_member,
)
from tenants.ui.console.place import House, in_organisation, show, show_form
from tenants.ui.organisation.roles import allowed

_LAST_OWNER = lazy("This is the last owner of the organisation who can sign in: make somebody else an owner first.")


@in_organisation()
@require_http_methods(["GET", "POST"])
def member(request: HttpRequest, house: House, member_id: int) -> HttpResponse:
    """What one may do, and what they could with another role; a form for who may change it."""
    membership = _member(house, member_id)
    if request.method == "POST":
        return _changed(request, house, membership)
    considered = request.GET.get("role", membership.role)
    if considered not in Role.values:
        raise Http404
    is_own = membership.pk == house.membership.pk
    return show(
        request, house, "organisation/member.html",
        member=membership, name=_name(membership), is_own=is_own, considered=Role(considered), roles=Role.choices,
        allowed=allowed(membership.role, considered),
        access=open_access(membership) if is_own or house.may_manage_people else None,
        has_second_factor=has_second_factor(membership.user),
    )  # fmt: skip


@in_organisation(Action.MANAGE_PEOPLE)
@require_http_methods(["GET", "POST"])
def remove(request: HttpRequest, house: House, member_id: int) -> HttpResponse:
    membership = _member(house, member_id)
    name = {"name": _name(membership), "organisation": house.organisation.name}
    if membership.pk == house.membership.pk:
        return HttpResponseRedirect(house.url("leave"))
    if request.method == "POST":
        try:
            remove_member(house.doer(), membership)
            messages.success(request, _("%(name)s is no member any more.") % name)
        except LastOwner:
            messages.error(request, _LAST_OWNER)
        return HttpResponseRedirect(house.url("people"))
    return show_form(
        request, house, forms.Form(), title=_("Remove %(name)s") % name, button=_("Remove"), back=house.url("people"),
        intro=_("%(name)s sees nothing of %(organisation)s any more: pages, dashboards and command lines end at once, "
                "tokens of today within the hour. Clients and changes that they made stay.") % name,
        is_dangerous=True,
    )  # fmt: skip


@in_organisation()
@require_http_methods(["GET", "POST"])
def leave(request: HttpRequest, house: House) -> HttpResponse:
    """Go out oneself, whatever one's role."""
    name = {"organisation": house.organisation.name}
    if request.method == "POST":
        try:
            remove_member(house.doer(), house.membership)
        except LastOwner:
            messages.error(request, _LAST_OWNER)
            return HttpResponseRedirect(house.url("people"))
        messages.success(request, _("You have left %(organisation)s.") % name)
        return HttpResponseRedirect("/")
    return show_form(
        request, house, forms.Form(), title=_("Leave %(organisation)s") % name, button=_("Leave"),
        back=house.url("people"), is_dangerous=True,
        intro=_("You see nothing of %(organisation)s any more, and come back by an invitation only.") % name,
    )  # fmt: skip


@in_organisation()
@require_POST
def end(request: HttpRequest, house: House, member_id: int) -> HttpResponse:
    """End what dashboards and command lines have open for a member: oneself, or another as who manages people."""
    membership = _member(house, member_id)
    if membership.pk != house.membership.pk and not house.may_manage_people:
        raise Forbidden("forbidden")
    end_access_to(house.doer(), membership)
    text = _("Dashboards and command lines of %(name)s are signed out.")
    messages.success(request, text % {"name": _name(membership)})
    return HttpResponseRedirect(house.url("member", member_id=membership.pk))


def _changed(request: HttpRequest, house: House, membership: Membership) -> HttpResponse:
    """Raises Forbidden."""
    if not house.may_manage_people:
        raise Forbidden("forbidden")
    role = request.POST.get("role", "")
    if role in Role.values:
        try:
            changed = change_role(house.doer(), membership, role)
            values = {"name": _name(membership), "role": Role(changed.role).label}
            messages.success(request, _("%(name)s has the role %(role)s now.") % values)
        except LastOwner:
            messages.error(request, _LAST_OWNER)
    return HttpResponseRedirect(house.url("member", member_id=membership.pk))


def _member(house: House, member_id: int) -> Membership:
    """Raises Http404."""
    members = Membership.objects.filter(organisation=house.organisation).select_related("user", "organisation")
    membership = members.filter(pk=member_id).first()
    if membership is None:
        raise Http404
    return membership


def _name(membership: Membership) -> str:
    return membership.user.get_full_name() or membership.user.get_username()
