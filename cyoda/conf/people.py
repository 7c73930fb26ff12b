"""People: how they sign in, and how the platform writes to them (contract: identity 19)."""

from __future__ import annotations

from dataclasses import dataclass

from cyoda.conf import variables as kind
from cyoda.conf.variables import optional, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Sign-in to the pages, and mail."""

    public_url: str | None = setting(
        "CYODA_PUBLIC_URL",
        optional(kind.pattern(r"https?://[^\s/?#]+", "http:// or https:// and a host, without a path")),
        None,
        "Where people reach the pages: links in mails start with it; unset: this machine's own address.",
    )
    mail_url: str | None = setting(
        "CYODA_MAIL_URL",
        optional(kind.pattern(r"console|smtps?://\S+", "`console`, or a URL that starts with smtp:// or smtps://")),
        None,
        "`smtp://user:password@host:587?tls=1` (STARTTLS) or `smtps://…`; `console` or unset: mails are printed.",
        secret=True,
    )
    mail_from: str = setting("CYODA_MAIL_FROM", kind.text, "Cyoda <noreply@localhost>", "Sender of the mails.")
    trusted_proxies: int = setting(
        "CYODA_TRUSTED_PROXIES",
        kind.integer(0, 10),
        0,
        "Reverse proxies in front, which append to `X-Forwarded-For`: limits by address then look behind them.",
    )
    oidc_name: str = setting(
        "CYODA_SIGNIN_OIDC_NAME", kind.text, "single sign-on", "The provider's name on the sign-in page."
    )
    oidc_url: str | None = setting(
        "CYODA_SIGNIN_OIDC_URL",
        optional(kind.url("https", "http")),
        None,
        "Issuer, or discovery document, of the provider that people may sign in with.",
    )
    oidc_client_id: str | None = setting(
        "CYODA_SIGNIN_OIDC_CLIENT_ID", optional(kind.text), None, "Our id at that provider."
    )
    oidc_client_secret: str | None = setting(
        "CYODA_SIGNIN_OIDC_CLIENT_SECRET", optional(kind.text), None, "Our secret there.", secret=True
    )
