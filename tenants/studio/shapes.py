"""Bodies of AI Studio's API as types (contract: control plane 6.1, 6.2)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec

from tenants.cloud.shapes import NO_NUL, ChatId

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2000, pattern=NO_NUL)]
User = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Branch = Annotated[str, msgspec.Meta(min_length=1, max_length=300, pattern=NO_NUL)]
Replicas = Annotated[int, msgspec.Meta(ge=0, le=1000)]
BuildId = Annotated[str, msgspec.Meta(max_length=100)]


class EnvironmentDeploy(msgspec.Struct, kw_only=True):
    """`build_id` names an earlier build that is to be made again; a keyspace is taken, and is of no use here."""

    user_name: User
    user_defined_namespace: Text
    user_defined_keyspace: str | None = None
    chat_id: ChatId | None = None
    build_id: BuildId | None = None


class ApplicationDeploy(msgspec.Struct, kw_only=True):
    """`is_public` is sent as text. The client's credentials are taken, and not kept."""

    user_name: User
    app_namespace: Text
    cyoda_namespace: Text
    repository_url: Text
    branch_name: Branch
    is_public: bool | str = False
    chat_id: ChatId | None = None
    cyoda_client_id: str | None = None
    cyoda_client_secret: str | None = None
    installation_id: str | int | None = None


class Deployed(msgspec.Struct, kw_only=True):
    """Clients read the namespace under either name."""

    build_id: str
    build_namespace: str
    namespace: str


class BuildStatus(msgspec.Struct, kw_only=True):
    """`state` goes on until SUCCESS or FAILED; `status` is PENDING until then, and the same afterwards."""

    state: str
    status: str
    message: str


class BuildLogs(msgspec.Struct, kw_only=True):
    logs: str


class Namespace(msgspec.Struct, kw_only=True):
    name: str
    status: str
    created_at: datetime


class Namespaces(msgspec.Struct, kw_only=True):
    namespaces: list[Namespace]


class Status(msgspec.Struct, kw_only=True):
    status: str


class Deployment(msgspec.Struct, kw_only=True):
    """`image` is empty for what runs from none."""

    name: str
    namespace: str
    status: str
    replicas: int
    ready_replicas: int
    available_replicas: int
    image: str
    message: str
    created_at: datetime


class Deployments(msgspec.Struct, kw_only=True):
    deployments: list[Deployment]


class Pod(msgspec.Struct, kw_only=True):
    name: str
    status: str


class Pods(msgspec.Struct, kw_only=True):
    pods: list[Pod]


class Scale(msgspec.Struct, kw_only=True):
    replicas: Replicas


class Image(msgspec.Struct, kw_only=True):
    """A deployment has one container here, whatever `container` it is called."""

    image: Text
    container: str | None = None


class Metrics(msgspec.Struct, kw_only=True):
    """None: it is not measured, as of an environment, whose nodes serve several."""

    namespace: str
    cpu: float | None = None
    memory: int | None = None
