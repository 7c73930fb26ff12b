"""Memberships of organisations, and invitations into them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget

from cyoda.clock import system_clock
from tenants.admin.base import OperatorAdmin
from tenants.admin.forms import OrganisationField
from tenants.admin.operation import ConfirmForm, Operation, Outcome, Refused
from tenants.models import Invitation, Membership, Role
from tenants.services import invitations, people
from tenants.services.audit import Doer
from tenants.services.mailing import MailNotSent

INVITATION_COLOURS = {"open": "info", "accepted": "success", "revoked": "danger", "expired": "warning"}


class RoleForm(ConfirmForm):
    role = forms.ChoiceField(choices=Role.choices, widget=UnfoldAdminSelectWidget)

    def __init__(self, data: Any = None, *, row: Membership, expected: str) -> None:
        super().__init__(data, row=row, expected=expected)
        self.fields["role"].initial = row.role


def _change_role(doer: Doer, membership: Membership, values: Mapping[str, Any]) -> Outcome:
    try:
        people.change_role(doer, membership, values["role"])
    except people.LastOwner as refusal:
        raise Refused(str(refusal)) from None
    return Outcome(message="The role is changed.", goto=membership)


def _remove(doer: Doer, membership: Membership, _: Mapping[str, Any]) -> Outcome:
    try:
        people.remove_member(doer, membership)
    except people.LastOwner as refusal:
        raise Refused(str(refusal)) from None
    return Outcome(message=f"{membership} is ended.")


@admin.register(Membership)
class MembershipAdmin(OperatorAdmin):
    list_display = ("user", "organisation", "role", "created_at")
    list_filter = ("role", "created_at")
    search_fields = ("user__username", "user__email", "organisation__name")
    list_select_related = ("user", "organisation")
    operations = (
        Operation(
            name="role",
            title="Change role",
            icon="badge",
            form=RoleForm,
            explain=lambda membership: (f"{membership}: tokens carry the new role from the next refresh on.",),
            perform=_change_role,
        ),
        Operation(
            name="remove",
            title="Remove",
            icon="group_remove",
            permission="delete",
            variant=ActionVariant.DANGER,
            explain=lambda membership: (f"{membership} ends, and with it the refresh tokens for its environments.",),
            perform=_remove,
        ),
    )

    def audit_of(self, row: Membership) -> dict[str, str]:
        return {"target_type": "person", "target_id": str(row.user.person.pk)}


# --- invitations ------------------------------------------------------------------------------------------------


class InviteForm(ConfirmForm):
    organisation = OrganisationField()
    email = forms.EmailField(widget=UnfoldAdminEmailInputWidget)
    role = forms.ChoiceField(choices=Role.choices, initial=Role.DEVELOPER, widget=UnfoldAdminSelectWidget)


def _invite(doer: Doer, _: None, values: Mapping[str, Any]) -> Outcome:
    try:
        invitation = invitations.invite(doer, values["organisation"], values["email"], values["role"])
    except (invitations.AlreadyMember, MailNotSent) as refusal:
        raise Refused(str(refusal)) from None
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None
    return Outcome(message=f"{invitation.email} is invited.", goto=invitation)


def _revoke(doer: Doer, invitation: Invitation, _: Mapping[str, Any]) -> Outcome:
    try:
        invitations.revoke_invitation(doer, invitation)
    except invitations.InvitationUnusable as refusal:
        raise Refused(str(refusal)) from None
    return Outcome(message="The invitation is revoked.", goto=invitation)


def state_of(invitation: Invitation) -> str:
    if invitation.accepted_at is not None:
        return "accepted"
    if invitation.revoked_at is not None:
        return "revoked"
    return "open" if invitation.expires_at > system_clock() else "expired"


@admin.register(Invitation)
class InvitationAdmin(OperatorAdmin):
    list_display = ("email", "organisation", "role", "state", "invited_by", "created_at", "expires_at")
    list_filter = ("role", "created_at", "accepted_at", "revoked_at")
    search_fields = ("email", "organisation__name", "invited_by")
    list_select_related = ("organisation",)
    fields = (
        ("email", "role"), ("organisation", "state"), "invited_by", ("created_at", "expires_at"),
        ("accepted_at", "revoked_at"),
    )  # fmt: skip
    readonly_fields = ("state",)
    operations = (
        Operation(
            name="invite",
            title="Invite a person",
            icon="person_add",
            permission="add",
            makes_row=True,
            variant=ActionVariant.PRIMARY,
            form=InviteForm,
            explain=lambda _: (
                "A link is mailed to the address; whoever has it joins the organisation, once, within a week.",
                "An earlier invitation of this address to the organisation ends.",
            ),
            perform=_invite,
        ),
        Operation(
            name="revoke",
            title="Revoke",
            icon="cancel",
            variant=ActionVariant.DANGER,
            explain=lambda invitation: (f"The link that was mailed to {invitation.email} lets nobody in any more.",),
            perform=_revoke,
            is_possible=lambda invitation: state_of(invitation) == "open",
        ),
    )

    @display(description="state", label=INVITATION_COLOURS)
    def state(self, invitation: Invitation) -> str:
        return state_of(invitation)
