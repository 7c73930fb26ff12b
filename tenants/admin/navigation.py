"""The back office's side bar."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

_GROUPS: tuple[tuple[str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "Tenants",
        (
            ("Organisations", "apartment", "tenants_organisation"),
            ("Environments", "dns", "tenants_environment"),
            ("Applications", "deployed_code", "tenants_application"),
            ("Provisioning", "conversion_path", "tenants_provisioning"),
            ("Back ends", "cloud", "tenants_backend"),
            ("Orphans", "delete_sweep", "tenants_orphan"),
            ("Host names", "language", "tenants_domain"),
            ("Outbox", "outbox", "tenants_outbox"),
        ),
    ),
    (
        "Access",
        (
            ("Clients", "smart_toy", "tenants_client"),
            ("Signing keys", "key", "tenants_signingkey"),
            ("Trusted keys", "verified_user", "tenants_trustedkey"),
            ("OIDC providers", "badge", "tenants_oidcprovider"),
        ),
    ),
    (
        "People",
        (
            ("Logins", "person", "auth_user"),
            ("Memberships", "group", "tenants_membership"),
            ("Invitations", "mail", "tenants_invitation"),
            ("Operators' groups", "shield_person", "auth_group"),
        ),
    ),
    (
        "Entitlements",
        (
            ("Tiers", "stacks", "tenants_tier"),
            ("Subscriptions", "receipt_long", "tenants_subscription"),
            ("Notices", "notifications", "tenants_notice"),
            ("Webhooks", "webhook", "tenants_webhook"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """What unfold shows (setting UNFOLD)."""
    first = [
        {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")},
        {"title": "Audit log", "icon": "history", "link": reverse("admin:tenants_auditevent_changelist")},
    ]
    groups = [
        {
            "title": title,
            "separator": True,
            "items": [
                {"title": label, "icon": icon, "link": reverse(f"admin:{name}_changelist")}
                for label, icon, name in items
            ],
        }
        for title, items in _GROUPS
    ]
    return [{"items": first}, *groups]


def installation(request: HttpRequest) -> list[str]:
    """The mark beside the title by which operators tell installations apart."""
    name = settings.CONF.platform.environment
    return [name.capitalize(), "danger" if name == "production" else "info"]
