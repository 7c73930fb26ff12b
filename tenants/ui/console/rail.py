"""The links beside a page: of an environment by what they are about, of an organisation in one list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cyoda.permissions import Action
from tenants.ui.console.place import House, Place


@dataclass(frozen=True, slots=True)
class Link:
    """To `page`, for those who may do `action`; it is the current one on that page and on those `below` it."""

    page: str
    label: Promise
    below: tuple[str, ...] = ()
    action: Action = Action.READ


@dataclass(frozen=True, slots=True)
class Shown:
    """A link as its template writes it."""

    url: str
    label: Promise
    is_current: bool


WORKFLOW_PAGES = (
    "workflow", "workflow_tab", "workflow_import", "workflow_simulate", "workflow_versions", "workflow_restore",
    "workflow_delete", "draft_new", "draft", "draft_json", "draft_steps", "draft_part", "draft_criterion",
    "draft_publish",
)  # fmt: skip

Section = tuple[Promise, tuple[Link, ...]]
Sections = list[tuple[Promise, list[Shown]]]

_PROVIDER = (
    "provider", "provider_new", "provider_invalidate", "provider_delete", "provider_sign_in", "provider_signed_in",
)  # fmt: skip
_TRUSTED_KEY = ("trusted_key_new", "trusted_key_invalidate", "trusted_key_reactivate", "trusted_key_delete")
_MODEL = (
    "model", "model_tab", "model_new", "entities", "entity_views", "entity", "entity_tab", "entity_new", "entity_edit",
    "model_check", "entity_delete", "compare", "fire",
)  # fmt: skip

ENVIRONMENT: tuple[Section, ...] = (
    (_("Environment"), (Link("overview", _("Overview")), Link("connect", _("Connect")))),
    (
        _("Data"),
        (
            Link("models", _("Models"), _MODEL),
            Link("searches", _("Searches"), ("search", "export")),
            Link("messages", _("Messages"), ("message", "message_new", "message_delete")),
        ),
    ),
    (
        _("Process"),
        (
            Link("workflows", _("Workflows"), WORKFLOW_PAGES),
            Link("runs", _("Runs"), ("run",)),
            Link("members", _("Members"), ("member_token",)),
            Link("applications", _("Applications"), ("application",)),
        ),
    ),
    (
        _("Access"),
        (
            Link("clients", _("API clients"), ("client_new", "client_secret", "client_delete"), Action.MANAGE_CLIENTS),
            Link("providers", _("Identity providers"), _PROVIDER, Action.MANAGE_CLIENTS),
            Link("trusted_keys", _("Trusted keys"), _TRUSTED_KEY, Action.MANAGE_CLIENTS),
        ),
    ),
    (
        _("Operate"),
        (
            Link("jobs", _("Jobs")),
            Link("provisioning", _("Provisioning")),
            Link("audit", _("Audit log"), (), Action.MANAGE_PEOPLE),
            Link("settings", _("Settings"), ("delete",), Action.MANAGE_ENVIRONMENTS),
        ),
    ),
)

ORGANISATION: tuple[Section, ...] = (
    (
        _("Organisation"),
        (
            Link("environments", _("Environments"), ("order",)),
            Link("people", _("People"), ("member", "member_remove", "roles", "leave")),
            Link("audit", _("Audit log"), (), Action.MANAGE_PEOPLE),
            Link("settings", _("Settings"), (), Action.MANAGE_ENVIRONMENTS),
        ),
    ),
)


def rail(where: House, current: str) -> Sections:
    """The sections with the links that the reader may follow; `current` is the name of the page's address."""
    sections = ENVIRONMENT if isinstance(where, Place) else ORGANISATION
    shown = [(label, list(_shown(where, links, current))) for label, links in sections]
    return [(label, links) for label, links in shown if links]


def _shown(where: House, links: Iterable[Link], current: str) -> Iterable[Shown]:
    for link in links:
        if where.may(link.action):
            yield Shown(where.url(link.page), link.label, current in (link.page, *link.below))
