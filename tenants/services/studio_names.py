"""Names that AI Studio gives: namespaces of environments and of their applications (contract: control plane 2.1, CM1).

An environment is `client-<user>-<env>`, an application `client-1-<user>-<env>-<app>`; `env` and `app` are cut to ten
characters. Clients cut them when they deploy and not when they look something up, so a look-up cuts them as well.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from tenants.naming import MAX_ENVIRONMENT_NAME, is_environment_name

ENVIRONMENT, APPLICATION = "client-", "client-1-"
PART = 10
MAX_NAMESPACE = 253
_DIGITS = 8
_FOREIGN = re.compile(r"[^a-z0-9-]")


class UnusableNamespace(ValueError):
    """A name of another form; the text says which form is meant."""


def sanitised(text: str) -> str:
    """Lower-case letters, digits and hyphens, none of them at an end."""
    return _FOREIGN.sub("-", text.lower()).strip("-")


def environment_namespace(user: str, namespace: str) -> str:
    """As it is kept, with its last part cut. Raises UnusableNamespace."""
    prefix = f"{ENVIRONMENT}{sanitised(user)}-"
    return prefix + _cut(_rest("user_defined_namespace", namespace, prefix, "<env>"))


def application_namespace(user: str, environment: str, namespace: str) -> str:
    """As it is kept, of an application in the environment with this namespace, cut or whole.

    Raises UnusableNamespace.
    """
    start = f"{APPLICATION}{sanitised(user)}-"
    whole = sanitised(environment).removeprefix(f"{ENVIRONMENT}{sanitised(user)}-")
    rest = _rest("app_namespace", namespace, start, f"{_cut(whole)}-<app>")
    app = next((rest.removeprefix(f"{part}-") for part in (whole, _cut(whole)) if rest.startswith(f"{part}-")), "")
    if not _cut(app):
        raise UnusableNamespace(f"app_namespace must be {start}{_cut(whole)}-<app>.")
    return f"{start}{_cut(whole)}-{_cut(app)}"


def is_meant(asked: str, user: str, kept: str) -> bool:
    """Whether what this user's namespace is kept as is the asked one, cut wherever one part may end."""
    environment, application = f"{ENVIRONMENT}{user}-", f"{APPLICATION}{user}-"
    words = asked.removeprefix(application).split("-") if asked.startswith(application) else []
    cut = {f"{application}{_cut('-'.join(words[:at]))}-{_cut('-'.join(words[at:]))}" for at in range(1, len(words))}
    return kept in cut or (asked.startswith(environment) and kept == environment + _cut(asked[len(environment) :]))


def environment_names(namespace: str) -> Iterator[str]:
    """Names under which an environment with this namespace may stand among the organisation's, the plainest first."""
    plain = re.sub("-+", "-", namespace.removeprefix(ENVIRONMENT))
    if is_environment_name(plain):
        yield plain
    digest = hashlib.sha256(namespace.encode()).hexdigest()[:_DIGITS]
    begin = plain[: MAX_ENVIRONMENT_NAME - _DIGITS - 1].strip("-")
    told_apart = f"{begin}-{digest}"
    yield told_apart if is_environment_name(told_apart) else f"studio-{digest}"


def _cut(part: str) -> str:
    return part[:PART].strip("-")


def _rest(field: str, namespace: str, prefix: str, form: str) -> str:
    cleaned = sanitised(namespace)
    rest = cleaned.removeprefix(prefix).strip("-")
    if len(cleaned) > MAX_NAMESPACE or not cleaned.startswith(prefix) or not rest:
        raise UnusableNamespace(f"{field} must be {prefix}{form}, of at most {MAX_NAMESPACE} characters.")
    return rest
