"""The transactions that are open on this node, and the tokens by which callbacks join them (contract: engine 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import NamedTuple, Protocol
from uuid import UUID

from cyoda.clock import Clock
from cyoda.errors import CyodaError, Forbidden, TransactionNotFound
from cyoda.ids import IdSource
from cyoda.principal import Actor, Principal
from workflows.services.buffer import OWNER
from workflows.services.failures import FailedRun, FailedRuns
from workflows.services.transaction import Join, Transaction
from workflows.storage.base import ChangeSet, EntityStore


class TokenCodec(Protocol):
    """Signs and reads join tokens; opaque to clients, never logged."""

    def mint(self, transaction_id: UUID) -> str: ...

    def read(self, token: str) -> UUID:
        """Raises TransactionExpired, Unauthorized, TransactionNodeUnavailable (another node owns it)."""
        ...


Observe = Callable[[str, int], None]
"""(`committed` or `rolled_back`, how many timers that armed): one transaction that has ended, or one segment of it."""


def _unobserved(_outcome: str, _armed: int) -> None:
    return None


class Attempt(NamedTuple):
    """The token that one attempt of a callout carries; `join_id` is what it signs."""

    join_id: UUID
    token: str


class Transactions:
    """Begins transactions and finds the open ones again."""

    def __init__(
        self,
        store: EntityStore,
        *,
        clock: Clock,
        new_id: IdSource,
        tokens: TokenCodec,
        observe: Observe = _unobserved,
    ) -> None:
        self.observe = observe
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._tokens = tokens
        self._joinable: dict[UUID, Transaction] = {}
        self.failures = FailedRuns()

    def run(
        self, principal: Principal, join: Join | None = None, *, origin: Actor | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        """The joined transaction, or a new one that commits when the block ends and leaves no trace when it raises."""
        if join is not None:
            return join.joined()
        transaction = Transaction(
            principal.tenant, origin or principal.actor, store=self._store, clock=self._clock, new_id=self._new_id,
            committed=self._committed,
        )  # fmt: skip
        return _Owned(transaction, self)

    def _committed(self, change: ChangeSet) -> None:
        self.observe("committed", sum(timer not in change.armed for timer in change.arm))

    def note_failure(self, transaction: Transaction, error: CyodaError) -> None:
        """Keep what the runs of a transaction had come to when it was refused."""
        if transaction.broken:
            run = FailedRun(
                transaction.entry_id, self._clock(), transaction.origin, error.code, error.message,
                tuple(transaction.broken),
            )  # fmt: skip
            self.failures.note(transaction.tenant, run)

    def token(self, transaction: Transaction) -> str:
        """A join token for a callout of the work going on in a transaction; it dies with its segment."""
        is_owner = transaction.scope == OWNER
        return self._minted(transaction, transaction.id if is_owner else self._new_id())

    def attempt(self, transaction: Transaction) -> Attempt:
        """A token of its own for one attempt of a callout that may be repeated."""
        join_id = self._new_id()
        return Attempt(join_id, self._minted(transaction, join_id))

    def revoke(self, transaction: Transaction, attempt: Attempt) -> None:
        """The attempt has failed: whoever still holds its token joins no more."""
        transaction.join_ids.pop(attempt.join_id, None)
        self._joinable.pop(attempt.join_id, None)

    def _minted(self, transaction: Transaction, join_id: UUID) -> str:
        self._joinable[join_id] = transaction
        transaction.join_ids[join_id] = transaction.id, transaction.scope
        return self._tokens.mint(join_id)

    def resolve(self, principal: Principal, token: str) -> Join:
        """The open transaction behind a token.

        Raises TransactionExpired, Unauthorized, Forbidden (another tenant's), TransactionNotFound.
        """
        join_id = self._tokens.read(token)
        transaction = self._joinable.get(join_id)
        if transaction is None or not transaction.is_open:
            raise TransactionNotFound
        segment, scope = transaction.join_ids.get(join_id, (None, OWNER))
        if segment != transaction.id:
            raise TransactionNotFound
        if transaction.tenant != principal.tenant:
            raise Forbidden("transaction belongs to a different tenant")
        return Join(transaction, scope)

    @property
    def joinable(self) -> int:
        """How many tokens would be honoured now."""
        return len(self._joinable)

    @property
    def waiting(self) -> int:
        """How many transactions wait for the answer of a member, or may still be joined by one."""
        return len({id(transaction) for transaction in self._joinable.values()})

    def forget(self, transaction: Transaction) -> None:
        """Let no callback find a transaction any more."""
        for join_id in transaction.join_ids:
            self._joinable.pop(join_id, None)


class _Owned(AbstractAsyncContextManager[Transaction]):
    """A block of work in a transaction of its own (a class, because every write enters one)."""

    __slots__ = ("_transaction", "_transactions")

    def __init__(self, transaction: Transaction, transactions: Transactions) -> None:
        self._transaction = transaction
        self._transactions = transactions

    async def __aenter__(self) -> Transaction:
        await self._transaction.lock.acquire()
        return self._transaction

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        transaction = self._transaction
        try:
            if error is None:
                await transaction.commit()
        except Exception as refusal:
            error = refusal
            raise
        finally:
            transaction.abandon()
            if error is not None:
                self._transactions.observe("rolled_back", 0)
            if isinstance(error, CyodaError):
                error.warnings = tuple(transaction.warnings)
                self._transactions.note_failure(transaction, error)
            if transaction.has_dispatched:
                self._transactions.forget(transaction)
            transaction.lock.release()
