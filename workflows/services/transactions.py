"""The transactions that are open on this node, and the tokens by which callbacks join them (contract: engine 5.4)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import UUID

from cyoda.clock import Clock
from cyoda.errors import CyodaError, Forbidden, TransactionNotFound
from cyoda.ids import IdSource
from cyoda.principal import Actor, Principal
from workflows.services.transaction import Transaction
from workflows.storage.base import EntityStore


class TokenCodec(Protocol):
    """Signs and reads join tokens; opaque to clients, never logged."""

    def mint(self, transaction_id: UUID) -> str: ...

    def read(self, token: str) -> UUID:
        """Raises TransactionExpired, Unauthorized, TransactionNodeUnavailable (another node owns it)."""
        ...


class Transactions:
    """Begins transactions and finds the open ones again."""

    def __init__(self, store: EntityStore, *, clock: Clock, new_id: IdSource, tokens: TokenCodec) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._tokens = tokens
        self._joinable: dict[UUID, Transaction] = {}

    @asynccontextmanager
    async def run(
        self, principal: Principal, join: Transaction | None = None, *, origin: Actor | None = None
    ) -> AsyncGenerator[Transaction]:
        """The joined transaction, or a new one that commits when the block ends and leaves no trace when it raises."""
        if join is not None:
            async with join.joined():
                yield join
            return
        transaction = Transaction(
            principal.tenant, origin or principal.actor, store=self._store, clock=self._clock, new_id=self._new_id
        )
        async with transaction.lock:
            try:
                yield transaction
                await transaction.commit()
            except CyodaError as error:
                error.warnings = tuple(transaction.warnings)
                raise
            finally:
                transaction.abandon()
                if transaction.has_dispatched:
                    self._forget(transaction)

    def token(self, transaction: Transaction) -> str:
        """A join token for a callout of this transaction; it dies with the segment it was minted in."""
        self._joinable[transaction.id] = transaction
        return self._tokens.mint(transaction.id)

    def resolve(self, principal: Principal, token: str) -> Transaction:
        """The open transaction behind a token.

        Raises TransactionExpired, Unauthorized, Forbidden (another tenant's), TransactionNotFound.
        """
        transaction_id = self._tokens.read(token)
        transaction = self._joinable.get(transaction_id)
        if transaction is None or not transaction.is_open or transaction.id != transaction_id:
            raise TransactionNotFound
        if transaction.tenant != principal.tenant:
            raise Forbidden("transaction belongs to a different tenant")
        return transaction

    def _forget(self, transaction: Transaction) -> None:
        for transaction_id in [i for i, t in self._joinable.items() if t is transaction]:
            del self._joinable[transaction_id]
