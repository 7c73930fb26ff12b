"""The people of an organisation: members with their roles, and invitations."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as lazy
from django.views.decorators.http import require_http_methods, require_POST

from cyoda.permissions import Action
from tenants.models import Invitation, Membership, Role
from tenants.services.invitations import AlreadyMember, InvitationUnusable, invite, revoke_invitation
from tenants.services.mailing import MailNotSent
from tenants.services.people import LastOwner, change_role, remove_member
from tenants.ui.console.place import House, in_organisation, show


class InviteForm(forms.Form):
    email = forms.EmailField(label=lazy("Email address"), widget=forms.EmailInput({"autocomplete": "off"}))
    role = forms.ChoiceField(label=lazy("Role"), choices=Role.choices, initial=Role.DEVELOPER)


@in_organisation()
@require_http_methods(["GET", "POST"])
def people(request: HttpRequest, house: House) -> HttpResponse:
    """Everybody sees who is there; who may manage people invites here."""
    form = InviteForm(request.POST or None) if house.may_manage_people else None
    if request.method == "POST" and form is not None and form.is_valid() and _invited(request, house, form):
        return HttpResponseRedirect(house.url("people"))
    members = Membership.objects.filter(organisation=house.organisation).select_related("user__person")
    waiting = Invitation.objects.filter(
        organisation=house.organisation, accepted_at=None, revoked_at=None, expires_at__gt=timezone.now()
    )
    status = 403 if request.method == "POST" and form is None else 200
    return show(
        request, house, "organisation/people.html", status,
        members=members.order_by("user__username"), waiting=waiting, form=form, roles=Role.choices,
    )  # fmt: skip


@in_organisation(Action.MANAGE_PEOPLE)
@require_POST
def member(request: HttpRequest, house: House, member_id: int) -> HttpResponse:
    """Change the role of a member, or take them out."""
    membership = Membership.objects.filter(organisation=house.organisation, pk=member_id).first()
    if membership is None:
        raise Http404
    name = membership.user.get_full_name() or membership.user.get_username()
    try:
        if "remove" in request.POST:
            remove_member(house.doer(), membership)
            messages.success(request, _("%(name)s is no member any more.") % {"name": name})
        elif request.POST.get("role") in Role.values:
            changed = change_role(house.doer(), membership, request.POST["role"])
            text = _("%(name)s has the role %(role)s now.")
            messages.success(request, text % {"name": name, "role": Role(changed.role).label})
    except LastOwner:
        messages.error(request, _("The organisation needs an owner: make somebody else one first."))
    if membership.user == request.user and "remove" in request.POST:
        return HttpResponseRedirect("/")
    return HttpResponseRedirect(house.url("people"))


@in_organisation(Action.MANAGE_PEOPLE)
@require_POST
def revoke(request: HttpRequest, house: House, invitation_id: str) -> HttpResponse:
    invitation = Invitation.objects.filter(organisation=house.organisation, pk=invitation_id).first()
    if invitation is None:
        raise Http404
    try:
        revoke_invitation(house.doer(), invitation)
        messages.success(request, _("The invitation of %(email)s is revoked.") % {"email": invitation.email})
    except InvitationUnusable as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(house.url("people"))


def _invited(request: HttpRequest, house: House, form: InviteForm) -> bool:
    email = form.cleaned_data["email"]
    try:
        invite(house.doer(), house.organisation, email, form.cleaned_data["role"])
    except (AlreadyMember, MailNotSent) as refusal:
        form.add_error("email", str(refusal))
        return False
    messages.success(request, _("A link was mailed to %(email)s.") % {"email": email})
    return True
