"""`manage.py tenant`: create, list and delete tenants; the work is done by the workers."""

from __future__ import annotations

import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import cli
from tenants.naming import UnusableTenantId
from tenants.provisioning.base import StepRefused
from tenants.services.provisioning import EnvironmentExists, EnvironmentNotReady


class Command(BaseCommand):
    help = "Create, list and delete tenants."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = actions.add_parser("create", help="make a tenant; prints its client's id and secret, once")
        create.add_argument("name", help="name of the organisation")
        create.add_argument("--id", dest="tenant_id", help="`caas_org_id` of its tokens (default: the name)")
        create.add_argument("--wait", action="store_true", help="show each step until the tenant is ready")
        create.add_argument("--reason", default="", help="why, for the audit log")
        actions.add_parser("list", help="all tenants and their states")
        actions.add_parser("adopt", help="make the tenant and client that a control plane names on the input, as JSON")
        delete = actions.add_parser("delete", help="remove a tenant with all its data")
        delete.add_argument("name", help="tenant id, or the organisation's name where it has one tenant")
        delete.add_argument("--yes", action="store_true", help="do not ask")
        delete.add_argument("--wait", action="store_true", help="show each step until it is gone")
        delete.add_argument("--reason", default="", help="why, for the audit log")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            self._act(action, options)
        except cli.Refused as refusal:
            raise CommandError(str(refusal)) from None
        except (UnusableTenantId, StepRefused) as error:
            raise CommandError(f"This cannot be a tenant: {error}") from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except (EnvironmentExists, EnvironmentNotReady) as error:
            raise CommandError(f"The tenant's environment is {error}.") from None

    def _act(self, action: str, options: dict[str, Any]) -> None:
        terminal = cli.terminal_of(self)
        if action == "list":
            return cli.show_tenants(terminal)
        if action == "adopt":
            return cli.adopt(sys.stdin.read())
        doer, name, wait = cli.at_terminal(options["reason"]), options["name"], options["wait"]
        if action == "create":
            return cli.create_tenant(doer, name, tenant_id=options["tenant_id"], wait=wait, terminal=terminal)
        return cli.delete_tenant(doer, name, wait=wait, is_sure=options["yes"], terminal=terminal)
