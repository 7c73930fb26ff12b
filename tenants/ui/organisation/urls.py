"""Addresses below `/t/<tenant>/`; those of an environment are in tenants.ui.console.urls."""

from __future__ import annotations

from django.urls import path

from tenants.ui import audit
from tenants.ui.organisation import environments, members, people, roles, settings

app_name = "organisation"

urlpatterns = [
    path("", environments.environment_list, name="environments"),
    path("new", environments.order, name="order"),
    path("settings", settings.settings, name="settings"),
    path("people/", people.people, name="people"),
    path("people/roles", roles.roles, name="roles"),
    path("people/leave", members.leave, name="leave"),
    path("people/<int:member_id>", members.member, name="member"),
    path("people/<int:member_id>/remove", members.remove, name="member_remove"),
    path("people/<int:member_id>/end", members.end, name="member_end"),
    path("people/invitations/<uuid:invitation_id>", people.revoke, name="revoke"),
    path("people/invitations/<uuid:invitation_id>/resend", people.resend, name="resend"),
    path("audit/", audit.of_organisation, name="audit"),
    path("audit/export.<slug:form>", audit.export_of_organisation, name="audit_export"),
]
