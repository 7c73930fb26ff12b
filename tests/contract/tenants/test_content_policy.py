"""The back office has a policy of its own, which no other page has."""

from __future__ import annotations

from django.test import Client as Browser
from django.urls import reverse

from tests.contract.tenants.people.test_headers import policy_of


def test_only_the_back_office_is_let_its_library_s_styles_and_expressions(office: Browser) -> None:
    for page in (reverse("admin:index"), reverse("admin:tenants_client_changelist")):
        policy = policy_of(office.get(page))
        assert policy["script-src"] == "'self' 'unsafe-eval'"
        assert policy["style-src"] == "'self' 'unsafe-inline'"
        assert policy["default-src"] == policy["frame-ancestors"] == "'none'"
    for page in ("/admin", "/adminx", "/login", "/me"):
        assert "unsafe" not in office.get(page).headers["Content-Security-Policy"], page
