"""Addresses below `/t/<tenant>/`; those of an environment are in tenants.ui.console.urls."""

from __future__ import annotations

from django.urls import path

from tenants.ui import audit
from tenants.ui.organisation import environments, people

app_name = "organisation"

urlpatterns = [
    path("", environments.environment_list, name="environments"),
    path("new", environments.order, name="order"),
    path("people/", people.people, name="people"),
    path("people/<int:member_id>", people.member, name="member"),
    path("people/invitations/<uuid:invitation_id>", people.revoke, name="revoke"),
    path("audit/", audit.of_organisation, name="audit"),
    path("audit/export.<slug:form>", audit.export_of_organisation, name="audit_export"),
]
