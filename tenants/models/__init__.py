"""Rows of the control plane, all in the public schema."""

from tenants.models.application import Application, ApplicationProcess, LogLine
from tenants.models.audit import AuditEvent
from tenants.models.backend import Backend
from tenants.models.client import Client
from tenants.models.cloud import IdempotencyKey, Orphan, RateBucket
from tenants.models.consent import Consent
from tenants.models.draft import DraftRevision, WorkflowDraft
from tenants.models.environment import LOCAL, Domain, Environment
from tenants.models.epoch import Epoch
from tenants.models.key import Audience, SigningKey, TrustedKey
from tenants.models.lists import ChosenView, Export, SavedView
from tenants.models.organisation import Organisation
from tenants.models.outbox import Outbox
from tenants.models.person import Density, Invitation, Membership, Person, RefreshToken, Role, SetupLink, Visit
from tenants.models.provider import OidcProvider
from tenants.models.provisioning import Provisioning, ProvisioningStep
from tenants.models.studio import StudioBuild, StudioNamespace
from tenants.models.tier import MemberSeat, QuotaWindow, Subscription, Tier
from tenants.models.usage import ConnectedMembers, Notice, NoticeDelivery, UsagePeriod, Webhook

__all__ = [
    "LOCAL",
    "Application",
    "ApplicationProcess",
    "Audience",
    "AuditEvent",
    "Backend",
    "ChosenView",
    "Client",
    "ConnectedMembers",
    "Consent",
    "Density",
    "Domain",
    "DraftRevision",
    "Environment",
    "Epoch",
    "Export",
    "IdempotencyKey",
    "Invitation",
    "LogLine",
    "MemberSeat",
    "Membership",
    "Notice",
    "NoticeDelivery",
    "OidcProvider",
    "Organisation",
    "Orphan",
    "Outbox",
    "Person",
    "Provisioning",
    "ProvisioningStep",
    "QuotaWindow",
    "RateBucket",
    "RefreshToken",
    "Role",
    "SavedView",
    "SetupLink",
    "SigningKey",
    "StudioBuild",
    "StudioNamespace",
    "Subscription",
    "Tier",
    "TrustedKey",
    "UsagePeriod",
    "Visit",
    "Webhook",
    "WorkflowDraft",
]
