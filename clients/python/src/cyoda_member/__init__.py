"""Calculation members: the logic of workflows in your own program.

Decorate functions of a `Member` with `processor`, `criterion` or `function`, then `run` it; see README.md.
"""

from cyoda_member.api import Api, ApiError, Entity
from cyoda_member.backoff import Backoff
from cyoda_member.context import Caller, Context, Model, NotJoinable
from cyoda_member.handlers import HandlerFailed
from cyoda_member.member import Member, Refused
from cyoda_member.schedule import Schedule
from cyoda_member.settings import Settings, SettingsMissing
from cyoda_member.tokens import TokenUnavailable

__all__ = [
    "Api",
    "ApiError",
    "Backoff",
    "Caller",
    "Context",
    "Entity",
    "HandlerFailed",
    "Member",
    "Model",
    "NotJoinable",
    "Refused",
    "Schedule",
    "Settings",
    "SettingsMissing",
    "TokenUnavailable",
]
