"""What `manage.py check --deploy` says of an installation that others can reach: a sentence each, with its remedy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage

from cyoda.conf import Conf

SHORTEST_SECRET = 16


@checks.register(checks.Tags.security, deploy=True)
def installation(app_configs: Any, **_: Any) -> list[CheckMessage]:
    conf: Conf = settings.CONF
    return [*_open_doors(conf), *_weak_settings(conf)]


def _open_doors(conf: Conf) -> Iterator[CheckMessage]:
    """Whoever finds one of these needs no key."""
    if conf.iam.mode == "mock":
        yield _error(1, "Every caller is let in: tokens are not checked.", "Set CYODA_IAM_MODE to jwt.")
    if conf.platform.environment != "production":
        yield _error(2, "The defaults are those of development.", "Set CYODA_ENV to production.")
    if settings.DEBUG:
        yield _error(3, "Pages of errors show the code and its values.", "Set DEBUG to False.")
    if "*" in settings.ALLOWED_HOSTS:
        yield _error(
            4, "The pages are served under any host name.", "Name the hosts in CYODA_ALLOWED_HOSTS, without `*`."
        )
    if conf.platform.error_response_mode == "verbose":
        yield _error(5, "Answers tell the inner causes of failures.", "Set CYODA_ERROR_RESPONSE_MODE to sanitized.")


def _weak_settings(conf: Conf) -> Iterator[CheckMessage]:
    if not conf.iam.encryption_keys:
        yield _warning(
            1,
            "Secrets in the database are encrypted under another secret, so that neither can be changed alone.",
            "Set CYODA_ENCRYPTION_KEY.",
        )
    if conf.people.public_url is None:
        yield _warning(2, "Links in mails lead to this machine.", "Set CYODA_PUBLIC_URL.")
    elif not conf.people.public_url.startswith("https://"):
        yield _warning(3, "Links in mails are not encrypted.", "Begin CYODA_PUBLIC_URL with https://.")
    if conf.people.mail_url in (None, "console"):
        yield _warning(4, "Mails, with links that let people in, are printed.", "Set CYODA_MAIL_URL to a mail server.")
    secret = conf.bootstrap.client_secret
    if secret is not None and len(secret) < SHORTEST_SECRET:
        yield _warning(
            5,
            f"The secret of the bootstrap client has fewer than {SHORTEST_SECRET} characters.",
            "Make CYODA_BOOTSTRAP_CLIENT_SECRET of random ones.",
        )
    if not conf.oidc.require_https or conf.oidc.allow_private_networks:
        yield _warning(
            6,
            "Tenants may make this machine fetch documents unencrypted or from its own network.",
            "Leave CYODA_OIDC_REQUIRE_HTTPS and CYODA_OIDC_ALLOW_PRIVATE_NETWORKS as they are by default.",
        )


def _error(number: int, text: str, hint: str) -> CheckMessage:
    return checks.Error(text, hint=hint, id=f"cyoda.E{number:03}")


def _warning(number: int, text: str, hint: str) -> CheckMessage:
    return checks.Warning(text, hint=hint, id=f"cyoda.W{number:03}")
