"""`manage.py env`: an organisation's environments; the work is done by the workers."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants import cli
from tenants.models import LOCAL, Environment
from tenants.services.environments import (
    BackendNotEntitled,
    EnvironmentNotCancellable,
    EnvironmentUnknown,
    OrganisationSuspended,
    Wanted,
)
from tenants.services.provisioning import BackendUnavailable, EnvironmentNameTaken, EnvironmentNotReady
from tenants.usage.terminal import show_usage


class Command(BaseCommand):
    help = "Create, list, watch and delete environments."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        create = _with_name(actions.add_parser("create", help="make one; prints its client's id and secret, once"))
        create.add_argument("--backend", default=LOCAL, help="where (see `env backends`)")
        create.add_argument("--kind", choices=Environment.Kind.values, default=Environment.Kind.DEVELOPMENT)
        create.add_argument("--admin-client", action="store_true", help="its client may administrate")
        create.add_argument("--plan", action="store_true", help="say what would be done, and do nothing")
        listing = _with_organisation(actions.add_parser("list", help="those of one organisation, or all"))
        listing.add_argument("--ended", action="store_true", help="also those that have ended")
        _with_name(actions.add_parser("status", help="one environment"), reason=False)
        _with_name(actions.add_parser("usage", help="what one uses, against its limits"), reason=False)
        _with_name(actions.add_parser("logs", help="what its last run has written"), reason=False)
        _with_name(actions.add_parser("cancel", help="turn one back that is being made"))
        delete = _with_name(actions.add_parser("delete", help="remove one with all its data"))
        delete.add_argument("--yes", action="store_true", help="do not ask")
        actions.add_parser("backends", help="where environments can be made, and what is missing there")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            self._act(action, options)
        except cli.Refused as refusal:
            raise CommandError(str(refusal)) from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except EnvironmentUnknown as name:
            raise CommandError(f"There is no environment called {name}.") from None
        except EnvironmentNameTaken as name:
            raise CommandError(f"There is an environment called {name} already.") from None
        except (EnvironmentNotReady, EnvironmentNotCancellable) as state:
            raise CommandError(f"The environment is {state}.") from None
        except OrganisationSuspended:
            raise CommandError("The organisation is suspended.") from None
        except (BackendNotEntitled, BackendUnavailable) as refusal:
            raise CommandError(str(refusal)) from None

    def _act(self, action: str, options: dict[str, Any]) -> None:
        terminal = cli.terminal_of(self)
        if action == "backends":
            return cli.show_backends(terminal)
        named = options["organisation"]
        if action == "list":
            owner = None if named is None else cli.organisation_called(named)
            return cli.show_all(owner, with_ended=options["ended"], terminal=terminal)
        owner, name, wait = cli.organisation_called(named), options["name"], options["wait"]
        if action == "status":
            return cli.show_one(owner, name, wait=wait, terminal=terminal)
        if action == "usage":
            return show_usage(owner, name, terminal.say, terminal.console)
        if action == "logs":
            return cli.show_log(owner, name, wait=wait, terminal=terminal)
        doer = cli.at_terminal(options["reason"])
        if action == "cancel":
            return cli.cancel(doer, owner, name, wait=wait, terminal=terminal)
        if action == "delete":
            return cli.delete(doer, owner, name, wait=wait, is_sure=options["yes"], terminal=terminal)
        wanted = Wanted(
            name=name, backend=options["backend"], kind=options["kind"], m2m_with_admin_role=options["admin_client"]
        )
        if options["plan"]:
            return cli.plan(wanted, terminal)
        return cli.create(doer, owner, wanted, wait=wait, terminal=terminal)


def _with_organisation(parser: CommandParser) -> CommandParser:
    parser.add_argument("--organisation", help="its name or id; needed where there are several")
    return parser


def _with_name(parser: CommandParser, *, reason: bool = True) -> CommandParser:
    parser.add_argument("name", help="name of the environment")
    parser.add_argument("--wait", action="store_true", help="follow it to its end")
    if reason:
        parser.add_argument("--reason", default="", help="why, for the audit log")
    return _with_organisation(parser)
