"""Bodies of the cloud API as types; the OpenAPI document is made of them (contract: control plane 4.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
NO_NUL = r"^[^\x00]*$"
"""What the database can hold."""
ChatId = Annotated[str, msgspec.Meta(max_length=200, pattern=NO_NUL)]


class ProvisionRequest(msgspec.Struct, kw_only=True):
    """`env_name` is 1 to 22 lower-case letters, digits and single hyphens; `backend` one that the tier allows."""

    env_name: Name
    backend: Name
    chat_id: ChatId | None = None
    m2m_with_admin_role: bool = False


class EnvSummary(msgspec.Struct, kw_only=True):
    env_id: str
    env_name: str
    state: str
    namespace: str
    creation_date: datetime


class EnvDetail(EnvSummary, kw_only=True):
    """`m2m_client_id` is empty until the client is made."""

    app_namespace: str
    cyoda_env_url: str
    m2m_client_id: str
    build_id: str


class Build(msgspec.Struct, kw_only=True):
    """The record of one pipeline; making an environment is one (`action` env)."""

    build_id: str
    state: str
    action: Literal["build", "deploy", "env"]
    job_status: str
    job_status_text: str
    created_at: datetime
    pipeline_name: str
    chat_id: str
    teamcity_build_id: str


class BuildPage(msgspec.Struct, kw_only=True):
    items: list[Build]
    next_cursor: str | None


class BuildRequest(msgspec.Struct, kw_only=True):
    """An application to build or deploy from its source."""

    action: Literal["build", "deploy"]
    repository_url: str
    branch_name: str
    chat_id: ChatId | None = None
    installation_id: str | None = None
    is_public: bool = False


class BuildStarted(msgspec.Struct, kw_only=True):
    build_id: str
    state: str


class Window(msgspec.Struct, kw_only=True):
    """`limit` -1 is unlimited."""

    window: str
    used: int
    limit: int


class Quota(msgspec.Struct, kw_only=True):
    env_deploys: Window
    app_deploys: Window


class Me(msgspec.Struct, kw_only=True):
    user_id: str
    org_id: str
    tier: str
    roles: list[str]
    scopes: list[str]
    is_cyoda_employee: bool
    quota: Quota
    features: dict[str, bool]


class MinVersion(msgspec.Struct):
    min: str


class Problem(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A refusal (`application/problem+json`); clients look at the last path segment of `type`."""

    type: str
    title: str
    status: int
    detail: str = ""
    instance: str = ""
    env_id: str = ""
    tier: str = ""
