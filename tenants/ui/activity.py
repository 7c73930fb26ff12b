"""When a signed-in browser was last here, as `/me/sessions` shows it: to the minute, so that few pages write it."""

from __future__ import annotations

import time
from collections.abc import Callable

from allauth.usersessions.middleware import UserSessionsMiddleware
from django.http import HttpRequest, HttpResponse

RECORDED_EVERY_S = 60
_RECORDED_AT = "activity recorded at"


class Activity:
    """allauth's record of sessions, which writes at every request, asked once a minute."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._pass_on = get_response
        self._record = UserSessionsMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        now = int(time.time())
        if not request.user.is_authenticated or now - request.session.get(_RECORDED_AT, 0) < RECORDED_EVERY_S:
            return self._pass_on(request)
        request.session[_RECORDED_AT] = now
        return self._record(request)
