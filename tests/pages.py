"""Every page that a person can open in one environment, with the addresses of what is in it."""

from __future__ import annotations

from dataclasses import dataclass

PERSON = {
    "home": "/",
    "organisations": "/organisations",
    "search": "/search?q=e",
    "help": "/help/",
    "help-topic": "/help/entities",
    "me": "/me",
}
ORGANISATION = {
    "environments": "",
    "order": "new",
    "organisation-settings": "settings",
    "people": "people/",
    "roles": "people/roles",
    "leave": "people/leave",
    "organisation-audit": "audit/",
}
ENVIRONMENT = {
    "overview": "",
    "connect": "connect",
    "settings": "settings",
    "models": "models/",
    "model-new": "models/new",
    "model": "models/{model}/",
    **{
        f"model-{tab}": f"models/{{model}}/{tab}"
        for tab in ("states", "workflows", "schema", "keys", "indexes", "check", "versions", "rules")
    },
    "entities": "entities/{model}/",
    "entity-views": "entities/{model}/views",
    "searches": "searches/",
    "jobs": "jobs/",
    "entity-new": "entities/{model}/new",
    "entity-data": "entities/{entity}/",
    "entity-workflow": "entities/{entity}/workflow",
    "entity-history": "entities/{entity}/history",
    "entity-json": "entities/{entity}/json",
    "entity-edit": "entities/{entity}/edit",
    "compare": "entities/{entity}/compare",
    "entity-delete": "entities/{entity}/delete",
    "workflows": "workflows/",
    "workflow-graph": "workflows/{model}/{workflow}/",
    "workflow-json": "workflows/{model}/{workflow}/json",
    "draft-new": "workflows/new",
    "workflow-import": "workflows/{model}/import",
    "workflow-simulate": "workflows/{model}/simulate",
    "workflow-versions": "workflows/{model}/versions",
    "runs": "runs/",
    "run": "runs/{transaction}/",
    "members": "members/",
    "member-token": "members/token",
    "applications": "applications/",
    "messages": "messages/",
    "message-new": "messages/new",
    "clients": "clients/",
    "client-new": "clients/new",
    "providers": "providers/",
    "provider-new": "providers/new",
    "trusted-keys": "trusted-keys/",
    "trusted-key-new": "trusted-keys/new",
    "audit": "audit/",
    "provisioning": "provisioning",
    "delete": "delete",
}
OPERATOR = {"cluster": "/cluster/", "signing-keys": "/platform/keys/", "first-steps": "/setup/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """`environment` is the address of its overview, `model` a name and a version as in addresses, `transaction` one
    that has written `entity`."""

    environment: str
    model: str
    entity: str
    transaction: str
    workflow: str

    def pages(self) -> dict[str, str]:
        """The addresses by names that are unique."""
        organisation = self.environment.split("/e/")[0] + "/"
        values = {name: getattr(self, name) for name in ("model", "entity", "transaction", "workflow")}
        return {
            **PERSON,
            **{name: organisation + path for name, path in ORGANISATION.items()},
            **{name: self.environment + path.format(**values) for name, path in ENVIRONMENT.items()},
        }
