"""Cached models and workflows, with the tenant's configuration epoch as guard (docs/adr/0001).

A decision is made on the cached configuration without asking the store. It is safe because the commit checks the
epoch: a change set computed under an older one is refused and decided again. And a refusal that a newer
configuration might not give (unknown model, unlocked model, value of a wrong type …) is checked once against the
store before it is given.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from cyoda import errors
from cyoda.principal import TenantId
from workflows.core.entity import ModelKey
from workflows.core.fsm.compiled import CompiledWorkflows, compile_workflows
from workflows.core.schema.model import Model
from workflows.core.schema.types import TypeSet
from workflows.services.transaction import Transaction
from workflows.storage.base import ConfigurationStore, StaleConfiguration, StoredModel

T = TypeVar("T")
MAX_CACHED = 10_000
MAX_ATTEMPTS = 5

_A_NEWER_CONFIGURATION_MAY_ACCEPT = (
    errors.BadRequest,
    errors.ConditionTypeMismatch,
    errors.IncompatibleType,
    errors.InvalidFieldPath,
    errors.InvalidReportDefinition,
    errors.ModelNotFound,
    errors.ModelNotLocked,
    errors.TransitionNotFound,
    errors.WorkflowFailed,
    errors.WorkflowNotFound,
)


@dataclass(frozen=True)
class Configured:
    """One model as a use case sees it: schema, workflows ready to run, and the epoch they belong to."""

    key: ModelKey
    stored: StoredModel

    @property
    def epoch(self) -> int:
        return self.stored.epoch

    @property
    def model(self) -> Model:
        """Raises ModelNotFound."""
        if self.stored.model is None:
            raise errors.ModelNotFound("model not found")
        return self.stored.model

    @property
    def locked_model(self) -> Model:
        """The model that entities may be created of. Raises ModelNotFound, ModelNotLocked."""
        model = self.model
        if not model.locked:
            raise errors.ModelNotLocked("model is not locked")
        return model

    @cached_property
    def fields(self) -> Mapping[str, TypeSet]:
        """Flat field paths of the schema; none for an unknown model."""
        return self.stored.model.field_paths if self.stored.model is not None else {}

    @cached_property
    def workflows(self) -> CompiledWorkflows:
        return compile_workflows(self.stored.workflows, self.fields)


class View:
    """The configuration that one attempt of a use case looks at."""

    def __init__(self, configurations: Configurations, tenant: TenantId, *, fresh: bool) -> None:
        self._configurations = configurations
        self._fresh = fresh
        self.tenant = tenant
        self.used: dict[ModelKey, Configured] = {}
        self.extended: dict[ModelKey, Model] = {}
        """The models that the attempt widens; as wide as it makes them where that has a limit."""
        self.transaction: Transaction | None = None

    async def get(self, key: ModelKey, transaction: Transaction | None = None) -> Configured:
        """A model's configuration; the transaction, if given, commits only while it is current."""
        configured = self.used.get(key)
        if configured is None:
            configured = self._configurations.cached(self.tenant, key) if not self._fresh else None
            configured = configured or await self._configurations.load(self.tenant, key)
            self.used[key] = configured
        if transaction is not None:
            self.transaction = transaction
            transaction.require_epoch(configured.epoch)
        return configured

    @property
    def may_be_repeated(self) -> bool:
        """Whether nothing has left the node yet that a second attempt would send again."""
        return self.transaction is None or not self.transaction.has_dispatched


class Configurations:
    """Loads configurations, remembers the recently used ones, and repeats decisions made on stale ones."""

    def __init__(self, store: ConfigurationStore) -> None:
        self._store = store
        self._cache: OrderedDict[tuple[TenantId, ModelKey], Configured] = OrderedDict()
        self._newest_epoch: dict[TenantId, int] = {}

    def cached(self, tenant: TenantId, key: ModelKey) -> Configured | None:
        """What was loaded last, unless the tenant's epoch is known to have risen since: no commit would stand on it."""
        configured = self._cache.get((tenant, key))
        return None if configured is None or configured.epoch < self._newest_epoch[tenant] else configured

    async def load(self, tenant: TenantId, key: ModelKey) -> Configured:
        """The configuration as stored now."""
        return self.remember(tenant, key, await self._store.load(tenant, key))

    def remember(self, tenant: TenantId, key: ModelKey, stored: StoredModel) -> Configured:
        known = self._cache.get((tenant, key))
        if known is not None and known.stored == stored:
            return known
        configured = Configured(key, stored)
        self._cache[tenant, key] = configured
        self._newest_epoch[tenant] = max(stored.epoch, self._newest_epoch.get(tenant, 0))
        if len(self._cache) > MAX_CACHED:
            self._cache.popitem(last=False)
        return configured

    async def decide(self, tenant: TenantId, attempt: Callable[[View], Awaitable[T]]) -> T:
        """Run `attempt` on the cached configuration, again on the stored one if the cache was behind.

        Raises what the attempt raises, or Conflict when the configuration keeps changing.
        """
        view = View(self, tenant, fresh=False)
        try:
            return await self._made(attempt, view)
        except StaleConfiguration:
            if not view.may_be_repeated:
                await self._is_behind(view)  # so that the client's next attempt meets what is stored
                raise errors.Conflict from None
        except _A_NEWER_CONFIGURATION_MAY_ACCEPT:
            if not view.may_be_repeated or not await self._is_behind(view):
                raise
        for _ in range(MAX_ATTEMPTS):
            view = View(self, tenant, fresh=True)
            try:
                return await self._made(attempt, view)
            except StaleConfiguration:
                if not view.may_be_repeated:
                    break
        raise errors.Conflict

    async def _made(self, attempt: Callable[[View], Awaitable[T]], view: View) -> T:
        """The attempt's answer; schemas that it extended are loaded again, for the next request to see."""
        answer = await attempt(view)
        for key in view.extended:
            await self.load(view.tenant, key)
        return answer

    async def _is_behind(self, view: View) -> bool:
        """Load again what the attempt used, until something has changed."""
        for key, used in view.used.items():
            if await self.load(view.tenant, key) is not used:
                return True
        return False
