"""Applications: programs of an organisation that run beside its environment (contract: control plane 5, 11).

Rows say what shall run. Who runs it is the supervisor (tenants/applications), which looks twice a second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum

from cyoda.principal import ROLE_M2M
from tenants.identity.cipher import Cipher, Undecryptable
from tenants.models import Application, ApplicationProcess, Client, Environment, Tier
from tenants.services.audit import Doer, record
from tenants.services.clients import create_client, delete_client
from tenants.services.tiers import limits_of

MAX_REPLICAS = 100
MAX_VARIABLES = 100
NOT_FROM_SOURCE = "Applications are not built from source here: build an image, and roll that out."
IMAGES_ARE_OFF = "Images do not run here: have CYODA_APPLICATIONS_IMAGES set."
COMMANDS_ARE_OFF = "Commands do not run here: roll out an image, or have CYODA_APPLICATIONS_COMMANDS set."
NO_KEY = "Applications need a key that their secrets are encrypted with: set CYODA_ENCRYPTION_KEY."
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,499}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
RESERVED = "CYODA_"
"""How the variables begin that the platform gives; nobody else sets such."""


class ApplicationUnknown(LookupError):
    """The environment has no application of this name."""


class InvalidApplication(ValueError):
    """The text is a sentence."""


class NotOffered(Exception):
    """This installation, or the environment as it is now, does not run such; the text is a sentence."""


class TooManyMembers(Exception):
    """More replicas than compute members that the tier allows; the text is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """What shall run: exactly one of a `command`, an `image` and a `repository` with its `branch`.

    `env` are variables that the program is given; `tags` those it is told to join with (CYODA_MEMBER_TAGS).
    """

    name: str
    image: str = ""
    command: Sequence[str] = ()
    repository: str = ""
    branch: str = ""
    replicas: int = 1
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """`state` is stopped, failed, running, waiting (a replica ends again and again) or starting.

    `ready` of the `replicas` run the newest revision. `message` says why it does not run, empty otherwise.
    """

    state: str
    ready: int
    replicas: int
    message: str
    processes: Sequence[ApplicationProcess]


@transaction.atomic
def create(doer: Doer, environment: Environment, spec: Spec, *, tier: Tier | None = None) -> Application:
    """Make an application, or a new revision of the one of this name; what was stopped is started.

    `tier` None: no tier limits it. Raises InvalidApplication, NotOffered, TooManyMembers.
    """
    _check(spec)
    environment = _held(environment)
    _require_offered(environment, spec)
    row = Application.objects.filter(environment=environment, name=spec.name).first()
    before = None if row is None else _shown(row)
    row = row or Application(environment=environment, name=spec.name, revision=0)
    row.image, row.command, row.tags = spec.image, list(spec.command), list(spec.tags)
    row.repository, row.branch = spec.repository, spec.branch
    row.replicas, row.is_stopped, row.revision = spec.replicas, False, row.revision + 1
    row.failure = NOT_FROM_SOURCE if spec.repository else ""
    row.variables = _cipher().encrypt(msgspec.json.encode(dict(spec.env)), context=_context(row, "variables"))
    if row.client is None:
        issued = create_client(doer, environment, roles=(ROLE_M2M,), label=f"application {spec.name}")
        row.client = Client.objects.get(pk=issued.client_id)
        row.client_secret = _cipher().encrypt(issued.secret.encode(), context=_context(row, "client secret"))
    row.save()
    _require_seats(environment, tier)
    record(doer, "rolled out", _target(row), owner=environment, before=before, after=_shown(row))
    return row


@transaction.atomic
def scale(doer: Doer, application: Application, replicas: int, *, tier: Tier | None = None) -> Application:
    """Raises ApplicationUnknown, InvalidApplication, TooManyMembers."""
    _check_replicas(replicas)
    row = _locked(application)
    before, row.replicas = row.replicas, replicas
    row.save(update_fields=["replicas", "updated_at"])
    _require_seats(row.environment, tier)
    _record(doer, "scaled", row, {"replicas": before}, {"replicas": replicas})
    return row


@transaction.atomic
def restart(doer: Doer, application: Application, *, tier: Tier | None = None) -> Application:
    """Replace its processes one by one, or start it. Raises ApplicationUnknown, TooManyMembers."""
    return _next_revision(doer, _locked(application), "restarted", tier)


@transaction.atomic
def update_image(doer: Doer, application: Application, image: str, *, tier: Tier | None = None) -> Application:
    """Raises ApplicationUnknown, InvalidApplication."""
    if not _IMAGE.fullmatch(image):
        raise InvalidApplication("image must be the name of a container image.")
    row = _locked(application)
    row.image, row.command, row.repository, row.branch = image, [], "", ""
    return _next_revision(doer, row, "image updated", tier)


@transaction.atomic
def stop(doer: Doer, application: Application) -> Application:
    """Raises ApplicationUnknown."""
    row = _locked(application)
    row.is_stopped = True
    row.save(update_fields=["is_stopped", "updated_at"])
    _record(doer, "stopped", row, None, {"stopped": True})
    return row


@transaction.atomic
def remove(doer: Doer, application: Application) -> None:
    """With its client and its lines. Raises ApplicationUnknown."""
    row = _locked(application)
    _record(doer, "deleted", row, _shown(row), None)
    client = row.client
    row.delete()
    if client is not None:
        delete_client(doer, client)


def applications_of(environment: Environment) -> QuerySet[Application]:
    return Application.objects.filter(environment=environment).prefetch_related("processes").order_by("name")


def application_called(environment: Environment, name: str) -> Application:
    """Raises ApplicationUnknown."""
    row = None if "\0" in name else applications_of(environment).filter(name=name).first()
    if row is None:
        raise ApplicationUnknown(name)
    return row


def status(application: Application) -> Status:
    processes = list(application.processes.all())  # type: ignore[attr-defined] - the reverse of `application`
    running, waiting = ApplicationProcess.State.RUNNING, ApplicationProcess.State.WAITING
    ready = sum(one.state == running and one.revision == application.revision for one in processes)
    ended = next((one for one in processes if one.state == waiting), None)
    message = application.failure
    if application.is_stopped:
        state = "stopping" if processes else "stopped"
    elif application.failure:
        state = "failed"
    elif ended is not None:
        state, message = "waiting", f"Replica {ended.replica} has ended with {ended.last_exit}, and is started again."
    else:
        state = "running" if ready == application.replicas == len(processes) else "starting"
    return Status(state=state, ready=ready, replicas=application.replicas, message=message, processes=tuple(processes))


def variable_names(application: Application) -> Sequence[str]:
    """The values are not shown again; of a key that is gone the names are not known either."""
    if not settings.CONF.secrets_at_rest:
        return ()
    try:
        return sorted(variables_of(application))
    except Undecryptable:
        return ()


def variables_of(application: Application) -> dict[str, str]:
    """For the supervisor. Raises Undecryptable."""
    text = _cipher().decrypt(bytes(application.variables), context=_context(application, "variables"))
    return msgspec.json.decode(text, type=dict[str, str])


def client_secret_of(application: Application) -> str:
    """For the supervisor. Raises Undecryptable."""
    return _cipher().decrypt(bytes(application.client_secret), context=_context(application, "client secret")).decode()


def _check(spec: Spec) -> None:
    if not _NAME.fullmatch(spec.name):
        raise InvalidApplication("name must be 1 to 40 lower-case letters, digits and hyphens.")
    if sum(map(bool, (spec.command, spec.image, spec.repository))) != 1:
        raise InvalidApplication("Exactly one of command, image and repository_url is needed.")
    if spec.image and not _IMAGE.fullmatch(spec.image):
        raise InvalidApplication("image must be the name of a container image.")
    if "@" in spec.repository.partition("://")[2].partition("/")[0]:
        raise InvalidApplication("repository_url must not have a user or a password in it.")
    if len(spec.env) > MAX_VARIABLES:
        raise InvalidApplication(f"There must not be more than {MAX_VARIABLES} variables.")
    wrong = [name for name in spec.env if not _VARIABLE.fullmatch(name) or name.startswith(RESERVED)]
    if wrong:
        raise InvalidApplication(f"{wrong[0]!r} is no name of a variable, or one that begins with {RESERVED}.")
    if any("," in tag or not tag.strip() for tag in spec.tags):
        raise InvalidApplication("Tags must not be empty or have commas.")
    texts = (*spec.command, spec.repository, spec.branch, *spec.env.values(), *spec.tags)
    if any("\0" in text for text in texts):
        raise InvalidApplication("Texts must not have the character NUL.")
    _check_replicas(spec.replicas)


def _check_replicas(replicas: int) -> None:
    if not 0 <= replicas <= MAX_REPLICAS:
        raise InvalidApplication(f"replicas must be a number from 0 to {MAX_REPLICAS}.")


def _require_offered(environment: Environment, spec: Spec) -> None:
    if environment.state != Environment.State.READY:
        raise NotOffered("The environment is not ready.")
    if environment.driver != "local":
        raise NotOffered("The environment has a node of its own; applications run only beside the platform's nodes.")
    if spec.command and not settings.CONF.applications.commands:
        raise NotOffered(COMMANDS_ARE_OFF)
    if spec.image and not settings.CONF.applications.images:
        raise NotOffered(IMAGES_ARE_OFF)
    if not settings.CONF.secrets_at_rest:
        raise NotOffered(NO_KEY)


def _require_seats(environment: Environment, tier: Tier | None) -> None:
    limits = () if tier is None else limits_of(tier)
    limit = next((one.limit for one in limits if one.entitlement_id == "NUM_CLIENT_NODES"), None)
    if limit is None:
        return
    running = Application.objects.filter(environment=environment, is_stopped=False)
    wanted = running.aggregate(number=Sum("replicas"))["number"] or 0
    if wanted > limit:
        raise TooManyMembers(f"The tier allows {limit} compute members at once; the applications would be {wanted}.")


def _next_revision(doer: Doer, row: Application, action: str, tier: Tier | None) -> Application:
    row.revision, row.is_stopped = row.revision + 1, False
    row.failure = NOT_FROM_SOURCE if row.repository else ""
    row.save()
    _require_seats(row.environment, tier)
    _record(doer, action, row, None, {"revision": row.revision, "image": row.image})
    return row


def _held(environment: Environment) -> Environment:
    """With its row locked, so that changes of one environment are judged one after another."""
    return Environment.objects.select_for_update(of=("self",)).select_related("organisation").get(pk=environment.pk)


def _locked(application: Application) -> Application:
    _held(application.environment)
    row = Application.objects.select_related("environment__organisation", "client").filter(pk=application.pk).first()
    if row is None:
        raise ApplicationUnknown(application.name)
    return row


def _cipher() -> Cipher:
    return Cipher(settings.CONF.secrets_at_rest)


def _context(application: Application, what: str) -> str:
    return f"{what} of application {application.pk}"


def _target(row: Application) -> tuple[str, str]:
    return ("application", str(row.pk))


def _record(
    doer: Doer, action: str, row: Application, before: dict[str, object] | None, after: dict[str, object] | None
) -> None:
    record(doer, action, _target(row), owner=row.environment, before=before, after=after)


def _shown(row: Application) -> dict[str, object]:
    """Commands and addresses may hold secrets: the program's name is enough."""
    return {
        "name": row.name,
        "program": row.command[0] if row.command else row.image or "source",
        "replicas": row.replicas,
        "revision": row.revision,
    }
