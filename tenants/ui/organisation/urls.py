"""Addresses below `/t/<tenant>/`; those of an environment are in tenants.ui.console.urls."""

from __future__ import annotations

from django.urls import path

from tenants.ui.organisation import audit, environments, people

app_name = "organisation"

urlpatterns = [
    path("", environments.environment_list, name="environments"),
    path("new", environments.order, name="order"),
    path("people/", people.people, name="people"),
    path("people/<int:member_id>", people.member, name="member"),
    path("people/invitations/<uuid:invitation_id>", people.revoke, name="revoke"),
    path("audit/", audit.audit, name="audit"),
]
