"""What a handler may know about the callout it answers, besides the document (contract: grpc 12)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cyoda_member import exact
from cyoda_member.exact import Json

if TYPE_CHECKING:
    from cyoda_member.api import Api

OpenApi = Callable[[str], "AbstractAsyncContextManager[Api]"]
"""Opens the API inside the transaction that a token names."""


class NotJoinable(Exception):
    """The callout runs outside a transaction, so there is none that a callback could join."""


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    version: int


@dataclass(frozen=True, slots=True)
class Caller:
    """Who caused the callout: `kind` is `user`, `service` or `system`; authorise on nothing that is missing."""

    kind: str
    id: str
    roles: tuple[str, ...] = ()


class Warnings:
    """Sentences that go back to the original caller, whether the handler succeeds or fails."""

    def __init__(self) -> None:
        self._texts: list[str] = []

    def add(self, text: str) -> None:
        self._texts.append(text)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._texts))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One callout.

    `model`, `state` and `meta` are of the entity and absent when the workflow does not attach it; `transition` is ""
    and `target` "WORKFLOW" where a criterion selects a workflow; `parameters` is the text configured as `context`;
    `transaction_id` is "" outside a transaction.
    """

    name: str
    request_id: str
    entity_id: str
    workflow: str
    transition: str
    transaction_id: str
    caller: Caller | None
    model: Model | None = None
    state: str | None = None
    meta: Mapping[str, Json] = field(default_factory=dict)
    target: str | None = None
    parameters: str | None = None
    warnings: Warnings = field(default_factory=Warnings)
    tx_token: str | None = field(default=None, repr=False)
    open_api: OpenApi | None = field(default=None, repr=False)

    def parsed_parameters(self) -> Json:
        """The parameters read as JSON; None without any. Raises ValueError when they are not JSON."""
        return None if self.parameters is None else exact.loads(self.parameters)

    def join(self) -> AbstractAsyncContextManager[Api]:
        """The API inside the transaction of this callout: it sees what is not committed yet, and its writes are
        committed or rolled back with it.

            async with context.join() as api:
                await api.create("invoice", 1, {"order": context.entity_id})

        Raises NotJoinable outside a transaction.
        """
        if not self.tx_token or self.open_api is None:
            raise NotJoinable(f"{self.name} is called outside a transaction")
        return self.open_api(self.tx_token)
