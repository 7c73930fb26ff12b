"""Writing many entities: arrays, collections, chunk by chunk (contract: entities 5.2-5.4).

A chunk is one transaction. The first one that fails refuses the request; a later one ends it, and what was committed
before stays.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar
from uuid import UUID

import msgspec

from cyoda.errors import BadRequest, CyodaError, EntityModified, EntityNotFound, InvalidUniqueKey
from cyoda.principal import Principal
from workflows.core.entity import Document, ModelKey
from workflows.core.schema.model import Model
from workflows.services.configurations import View
from workflows.services.documents import Accepted, accept, parse_document, parse_json
from workflows.services.entities import Committed, check_window, committed, create_entity
from workflows.services.platform import Platform
from workflows.services.settling import Settling
from workflows.services.transaction import Join, Transaction

T = TypeVar("T")


class ChunkFailure(msgspec.Struct, frozen=True):
    """Why the last attempted chunk stored nothing."""

    code: str
    message: str
    chunk_index: int


class ItemFailure(msgspec.Struct, frozen=True):
    """An item whose precondition failed; the rest of its chunk was stored."""

    entity_id: UUID
    code: str
    message: str
    item_index: int


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of one chunk; `transaction_id` is None exactly when `error` is set."""

    transaction_id: UUID | None
    entity_ids: tuple[UUID, ...] = ()
    failed: tuple[ItemFailure, ...] = ()
    error: ChunkFailure | None = None
    warnings: tuple[str, ...] = ()


async def create_entities(
    principal: Principal,
    key: ModelKey,
    body: bytes,
    *,
    data_format: str,
    window: int,
    platform: Platform,
    join: Join | None = None,
) -> list[Chunk]:
    """Create one entity from a document, or one from each element of a JSON array.

    Raises BadRequest (window, body), and as `create_entity` when the first chunk fails.
    """
    check_window(window)
    if data_format != "JSON" or not body.startswith(b"["):
        return [
            _chunk(await create_entity(principal, key, body, data_format=data_format, platform=platform, join=join))
        ]
    await platform.configurations.decide(principal.tenant, lambda view: _require_locked(view, key))
    items = _decoded(body, _elements, "invalid JSON")

    async def create(chunk: Sequence[msgspec.Raw]) -> Chunk:
        async def attempt(view: View) -> Chunk:
            async with platform.transactions.run(principal, join) as transaction:
                model = (await view.get(key, transaction)).locked_model
                accepted = [accept(parse_json(bytes(item)), model) for item in chunk]
                ids = await _create_each([(key, each) for each in accepted], principal, transaction, view, platform)
            return _chunk(committed(transaction, ids))

        return await platform.configurations.decide(principal.tenant, attempt)

    return await _in_chunks(items, window, create, platform)


class _Item(msgspec.Struct):
    class Key(msgspec.Struct):
        name: Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*\Z")]
        version: Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

    model: Key
    payload: str = ""


async def create_collection(
    principal: Principal, body: bytes, *, window: int, platform: Platform, join: Join | None = None
) -> list[Chunk]:
    """Create entities of several models; each item is `{"model": {name, version}, "payload": "<JSON text>"}`.

    Raises BadRequest, ModelNotFound, ModelNotLocked (both with the item's index) and as `create_entity`.
    """
    check_window(window)
    wire = _decoded(body, _items, "invalid JSON array") or []
    items = [NewItem(ModelKey(item.model.name, item.model.version), item.payload.encode()) for item in wire]
    return await create_items(principal, items, window=window, platform=platform, join=join)


class NewItem(msgspec.Struct, frozen=True):
    """An entity to create: its model and the text of its document."""

    key: ModelKey
    document: bytes


async def create_items(
    principal: Principal,
    items: Sequence[NewItem],
    *,
    data_format: str = "JSON",
    window: int,
    platform: Platform,
    join: Join | None = None,
) -> list[Chunk]:
    """Create entities of several models, `window` in a transaction. Raises as `create_collection`."""

    async def create(chunk: Sequence[NewItem]) -> Chunk:
        async def attempt(view: View) -> Chunk:
            async with platform.transactions.run(principal, join) as transaction:
                checked = [
                    await _checked_item(index, item, data_format, view, transaction) for index, item in enumerate(chunk)
                ]
                ids = await _create_each(checked, principal, transaction, view, platform)
            return _chunk(committed(transaction, ids))

        return await platform.configurations.decide(principal.tenant, attempt)

    return await _in_chunks(items, window, create, platform)


async def _checked_item(
    index: int, item: NewItem, data_format: str, view: View, transaction: Transaction
) -> tuple[ModelKey, Accepted]:
    try:
        model = (await view.get(item.key, transaction)).locked_model
    except CyodaError as error:
        raise error.prefixed(f"item {index}: ") from None
    if data_format == "JSON":
        document = parse_json(item.document, f"item {index}: invalid JSON payload")
    else:
        document = parse_document(item.document, data_format)
    return item.key, _accepted_item(index, document, model)


def _accepted_item(index: int, document: Document, model: Model) -> Accepted:
    """As `accept`; only the refusal of a unique key names the item (contract: entities 4.8, 5.3)."""
    try:
        return accept(document, model)
    except InvalidUniqueKey as error:
        raise error.prefixed(f"item {index}: ") from None


async def _create_each(
    items: Sequence[tuple[ModelKey, Accepted]],
    principal: Principal,
    transaction: Transaction,
    view: View,
    platform: Platform,
) -> tuple[UUID, ...]:
    settling = Settling(principal, transaction, view, platform)
    ids: list[UUID] = []
    for index, (key, accepted) in enumerate(items):
        try:
            ids.append((await settling.create(key, accepted)).entity_id)
        except CyodaError as error:
            raise of_item(index, error) from error
    return tuple(ids)


class _Change(msgspec.Struct):
    id: str | None = None
    payload: str | None = None
    transition: str | None = None
    ifMatch: str | None = None  # noqa: N815 - the wire's spelling


async def update_collection(
    principal: Principal,
    body: bytes,
    *,
    data_format: str,
    window: int,
    platform: Platform,
    join: Join | None = None,
) -> list[Chunk]:
    """Replace the documents of several entities; an item with a stale `ifMatch` is left out, the rest commits.

    Raises BadRequest, EntityNotFound (with the item's index) and as `update_entity`.
    """
    check_window(window)
    if data_format != "JSON":
        raise BadRequest("collection update accepts JSON only (single-item endpoints accept XML)")
    items = _decoded(body, _changes, "invalid JSON array (payload must be a JSON-encoded string)") or []
    if not items:
        raise BadRequest("collection is empty")

    async def update(chunk: Sequence[_Change]) -> Chunk:
        changes = [_checked_change(index, item) for index, item in enumerate(chunk)]

        async def attempt(view: View) -> Chunk:
            async with platform.transactions.run(principal, join) as transaction:
                updater = _CollectionUpdate(principal, transaction, view, platform)
                await transaction.read_many({identity for identity, _, _ in changes})
                for index, (identity, document, item) in enumerate(changes):
                    await updater.update(index, identity, document, item)
            result = committed(transaction, tuple(updater.updated))
            return _chunk(result, tuple(updater.failed))

        return await platform.configurations.decide(principal.tenant, attempt)

    return await _in_chunks(items, window, update, platform)


def _checked_change(index: int, item: _Change) -> tuple[UUID, Document, _Change]:
    if not item.id:
        raise BadRequest(f"item {index}: missing id")
    document = parse_json((item.payload or "").encode(), f"item {index}: invalid JSON payload")
    try:
        identity = UUID(item.id)
    except ValueError:
        identity = None
    if identity is None or str(identity) != item.id:
        raise EntityNotFound(f"item {index}: entity {item.id} not found")
    return identity, document, item


class _CollectionUpdate:
    """One chunk of an update in one transaction."""

    def __init__(self, principal: Principal, transaction: Transaction, view: View, platform: Platform) -> None:
        self._transaction = transaction
        self._view = view
        self._settling = Settling(principal, transaction, view, platform)
        self.updated: list[UUID] = []
        self.failed: list[ItemFailure] = []

    async def update(self, index: int, entity_id: UUID, document: Document, item: _Change) -> None:
        transaction = self._transaction
        version = await transaction.read(entity_id)
        if version is None:
            raise EntityNotFound(f"item {index}: entity {entity_id} not found")
        configured = await self._view.get(version.model, transaction)
        accepted = _accepted_item(index, document, configured.model)
        savepoint = transaction.savepoint() if item.ifMatch else None
        try:
            await self._settling.update(
                version, accepted, item.transition or None, item.ifMatch or None, against_committed=True
            )
        except EntityModified as error:
            if savepoint is None:
                raise
            transaction.roll_back_to(savepoint)
            transaction.forget_read(entity_id)
            transaction.record(entity_id, self._settling.aborted_events)
            self.failed.append(ItemFailure(entity_id, error.code, error.message, index))
        except CyodaError as error:
            raise of_item(index, error) from error
        else:
            self.updated.append(entity_id)


# --- chunks -----------------------------------------------------------------------------------------------------


async def _in_chunks(
    items: Sequence[T], window: int, write: Callable[[Sequence[T]], Awaitable[Chunk]], platform: Platform
) -> list[Chunk]:
    if not items:
        return [Chunk(transaction_id=platform.new_id())]
    chunks: list[Chunk] = []
    for start in range(0, len(items), window):
        try:
            chunks.append(await write(items[start : start + window]))
        except CyodaError as error:
            if not chunks:
                raise
            failure = ChunkFailure(error.code, error.detail, len(chunks))
            chunks.append(Chunk(transaction_id=None, error=failure))
            break
    return chunks


def _chunk(result: Committed, failed: tuple[ItemFailure, ...] = ()) -> Chunk:
    return Chunk(
        transaction_id=result.transaction_id, entity_ids=result.entity_ids, failed=failed, warnings=result.warnings
    )


async def _require_locked(view: View, key: ModelKey) -> None:
    _ = (await view.get(key)).locked_model


_UNPREFIXED = frozenset(
    {"DISPATCH_TIMEOUT", "COMPUTE_MEMBER_DISCONNECTED", "DISPATCH_FORWARD_FAILED", "SERVER_ERROR",
     "SCHEDULE_FUNCTION_INVALID_RESULT", "CONFLICT", "UNIQUE_VIOLATION"}
)  # fmt: skip


def of_item(index: int, error: CyodaError) -> CyodaError:
    """Names the item in the message, where the contract does (contract: engine 3.6)."""
    return error if error.code in _UNPREFIXED else error.prefixed(f"item {index}: ")


_elements = msgspec.json.Decoder(list[msgspec.Raw])
_items: msgspec.json.Decoder[list[_Item] | None] = msgspec.json.Decoder(list[_Item] | None)
_changes: msgspec.json.Decoder[list[_Change] | None] = msgspec.json.Decoder(list[_Change] | None)


def _decoded(body: bytes, decoder: msgspec.json.Decoder[T], refusal: str) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest(refusal) from None
