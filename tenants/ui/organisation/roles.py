"""What roles permit, in words: the one table (cyoda/permissions.py) as people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from cyoda.permissions import (
    ROLE_DEVELOPER,
    ROLE_OPERATOR,
    ROLE_OWNER,
    ROLE_VIEWER,
    Action,
    permitted,
)
from cyoda.principal import ROLE_ADMIN, ROLE_M2M
from tenants.ui.console.place import House, in_organisation, show

ACTIONS: Mapping[Action, tuple[Promise, Promise]] = {
    Action.READ: (_("Look"), _("at entities, history, models, workflows, searches and messages")),
    Action.WRITE: (_("Write"), _("entities and messages, and take transitions")),
    Action.DELETE: (_("Delete"), _("entities and messages")),
    Action.CONFIGURE: (_("Configure"), _("models and workflows")),
    Action.COMPUTE: (_("Compute"), _("as a node that runs processors and criteria")),
    Action.MANAGE_CLIENTS: (_("Manage clients"), _("trusted keys and identity providers of environments")),
    Action.MANAGE_PEOPLE: (_("Manage people"), _("with their roles and invitations, and read the audit log")),
    Action.MANAGE_ENVIRONMENTS: (_("Manage environments"), _("order and delete them")),
    Action.MANAGE_KEYS: (_("Manage signing keys"), _("of the whole installation")),
    Action.OPERATE: (_("Operate"), _("the platform, with every organisation")),
}
GROUPS: Sequence[tuple[Promise, Sequence[tuple[str, Promise]]]] = (
    (_("People"), ((ROLE_OWNER, _("Owner")), (ROLE_DEVELOPER, _("Developer")), (ROLE_VIEWER, _("Viewer")))),
    (_("Programs"), ((ROLE_M2M, _("Technical client")), (ROLE_ADMIN, _("Administrator")))),
    (_("Platform"), ((ROLE_OPERATOR, _("Operator")),)),
)


@dataclass(frozen=True, slots=True)
class Allowed:
    """One action, and whether it is allowed: now, and with the role that is considered."""

    name: Promise
    about: Promise
    now: bool
    then: bool


def allowed(role: str, considered: str) -> list[Allowed]:
    """What concerns an organisation, under a person's role and under another one."""
    now, then = permitted((role,)), permitted((considered,))
    of_organisation = permitted((ROLE_OWNER,)) | {Action.COMPUTE}
    return [Allowed(*ACTIONS[each], each in now, each in then) for each in Action if each in of_organisation]


@in_organisation()
@require_safe
def roles(request: HttpRequest, house: House) -> HttpResponse:
    named = [role for _, of_group in GROUPS for role in of_group]
    rows = [(*ACTIONS[action], [action in permitted((role,)) for role, _ in named]) for action in Action]
    return show(request, house, "organisation/roles.html", groups=GROUPS, named=named, rows=rows)
