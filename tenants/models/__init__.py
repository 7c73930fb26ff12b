"""Rows of the control plane, all in the public schema."""

from tenants.models.audit import AuditEvent
from tenants.models.client import Client
from tenants.models.environment import Domain, Environment
from tenants.models.epoch import Epoch
from tenants.models.key import Audience, SigningKey, TrustedKey
from tenants.models.organisation import Organisation
from tenants.models.outbox import Outbox
from tenants.models.person import Invitation, Membership, Person, RefreshToken, Role, SetupLink
from tenants.models.provider import OidcProvider
from tenants.models.provisioning import Provisioning, ProvisioningStep
from tenants.models.tier import MemberSeat, QuotaWindow, Subscription, Tier

__all__ = [
    "Audience",
    "AuditEvent",
    "Client",
    "Domain",
    "Environment",
    "Epoch",
    "Invitation",
    "MemberSeat",
    "Membership",
    "OidcProvider",
    "Organisation",
    "Outbox",
    "Person",
    "Provisioning",
    "ProvisioningStep",
    "QuotaWindow",
    "RefreshToken",
    "Role",
    "SetupLink",
    "SigningKey",
    "Subscription",
    "Tier",
    "TrustedKey",
]
