"""What a client may ask for, in words, and what of it a role gives (contract: control plane 4.4, 4.7)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from django.utils.translation import gettext_lazy as _

from tenants.cloud import scopes as cloud

OPENID: Final = "openid"
PROFILE: Final = "profile"
EMAIL: Final = "email"
OFFLINE: Final = "offline_access"
TEXTS: Final[Mapping[str, object]] = {
    OPENID: _("Know who you are"),
    PROFILE: _("See your name"),
    EMAIL: _("See your email address"),
    OFFLINE: _("Stay signed in, until you sign out there"),
    cloud.READ_BUILDS: _("See environments and builds"),
    cloud.DEPLOY_ENV: _("Make environments"),
    cloud.CANCEL_ENV: _("Cancel environments in the making"),
    cloud.DELETE_ENV: _("Delete environments, with all their data"),
    cloud.DEPLOY_APP: _("Build and deploy applications"),
    cloud.CANCEL_APP: _("Cancel builds of applications"),
    cloud.DELETE_APP: _("Delete applications"),
    cloud.ADMIN_ALL: _("Run the platform"),
}
DEFAULT: Final = (
    *(OPENID, PROFILE, EMAIL, OFFLINE),
    *(cloud.READ_BUILDS, cloud.DEPLOY_ENV, cloud.CANCEL_ENV, cloud.DELETE_ENV),
)
_OF_EVERYBODY: Final = frozenset({OPENID, PROFILE, EMAIL, OFFLINE})


def allowed(asked: Iterable[str], role: str) -> list[str]:
    """In the order in which they were asked for, once each; what nobody knows is left out."""
    names = dict.fromkeys(asked)
    given = _OF_EVERYBODY | cloud.scopes_of((role,), {"scope": " ".join(names)})
    return [name for name in names if name in given]
