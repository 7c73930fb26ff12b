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
from tenants.services.invitations import (
    AlreadyMember,
    InvitationUnusable,
    invite,
    resend_invitation,
    revoke_invitation,
    waiting_invitations,
)
from tenants.services.mailing import MailNotSent
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
    status = 403 if request.method == "POST" and form is None else 200
    return show(
        request, house, "organisation/people.html", status,
        members=members.order_by("user__username"), waiting=waiting_invitations(house.organisation),
        form=form, now=timezone.now(),
    )  # fmt: skip


@in_organisation(Action.MANAGE_PEOPLE)
@require_POST
def revoke(request: HttpRequest, house: House, invitation_id: str) -> HttpResponse:
    invitation = _invitation(house, invitation_id)
    try:
        revoke_invitation(house.doer(), invitation)
        messages.success(request, _("The invitation of %(email)s is revoked.") % {"email": invitation.email})
    except InvitationUnusable as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(house.url("people"))


@in_organisation(Action.MANAGE_PEOPLE)
@require_POST
def resend(request: HttpRequest, house: House, invitation_id: str) -> HttpResponse:
    invitation = _invitation(house, invitation_id)
    try:
        resend_invitation(house.doer(), invitation)
        text = _("A new link was mailed to %(email)s; the one before lets nobody in.")
        messages.success(request, text % {"email": invitation.email})
    except (InvitationUnusable, AlreadyMember, MailNotSent) as refusal:
        messages.error(request, str(refusal))
    return HttpResponseRedirect(house.url("people"))


def _invitation(house: House, invitation_id: str) -> Invitation:
    """Raises Http404."""
    invitation = Invitation.objects.filter(organisation=house.organisation, pk=invitation_id).first()
    if invitation is None:
        raise Http404
    return invitation


def _invited(request: HttpRequest, house: House, form: InviteForm) -> bool:
    email = form.cleaned_data["email"]
    try:
        invite(house.doer(), house.organisation, email, form.cleaned_data["role"])
    except (AlreadyMember, MailNotSent) as refusal:
        form.add_error("email", str(refusal))
        return False
    messages.success(request, _("A link was mailed to %(email)s.") % {"email": email})
    return True
