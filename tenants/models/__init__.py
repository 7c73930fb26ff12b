"""Rows of the control plane, all in the public schema."""

from tenants.models.client import Client
from tenants.models.environment import Domain, Environment
from tenants.models.organisation import Organisation
from tenants.models.outbox import Outbox
from tenants.models.provisioning import Provisioning, ProvisioningStep

__all__ = ["Client", "Domain", "Environment", "Organisation", "Outbox", "Provisioning", "ProvisioningStep"]
