"""Who a session belongs to, with what the pages know of them, in one question."""

from __future__ import annotations

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.models import User


class PeopleBackend(AuthenticationBackend):
    def get_user(self, user_id: int) -> User | None:
        """The login with its person; None when it may not sign in (any more)."""
        user = User._default_manager.select_related("person").filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None
