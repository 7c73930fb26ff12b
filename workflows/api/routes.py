"""The route table of the data plane, below the context path (contract: entities 3, 5, 6; search 1; engine 1.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from cyoda.errors import (
    Forbidden,
    TransactionExpired,
    TransactionNodeUnavailable,
    TransactionNotFound,
    Unauthorized,
)
from cyoda.http.operation import Operation, header, operation_of
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response
from cyoda.http.router import Handler, Route
from workflows.api import (
    audit,
    entities,
    entity_reads,
    explaining,
    grouped_statistics,
    legacy,
    messages,
    models,
    search,
    search_jobs,
    statistics,
    workflows,
)
from workflows.services.platform import Platform
from workflows.services.transaction import Join

Endpoint = Callable[[ApiRequest, Platform], Awaitable[Response]]
JoiningEndpoint = Callable[[ApiRequest, Platform, Join | None], Awaitable[Response]]

_PLAIN: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/model/", models.list_models),
    ("POST", "/model/import/{dataFormat}/{converter}/{entityName}/{modelVersion}", models.import_model),
    ("GET", "/model/export/{converter}/{entityName}/{modelVersion}", models.export_model),
    ("POST", "/model/validate/{entityName}/{modelVersion}", models.validate_document),
    ("PUT", "/model/{entityName}/{modelVersion}/lock", models.lock_model),
    ("PUT", "/model/{entityName}/{modelVersion}/unlock", models.unlock_model),
    ("POST", "/model/{entityName}/{modelVersion}/changeLevel/{changeLevel}", models.set_change_level),
    ("PUT", "/model/{entityName}/{modelVersion}/unique-keys", models.set_unique_keys),
    ("PUT", "/model/{entityName}/{modelVersion}/indexes", models.set_indexes),
    ("GET", "/model/{entityName}/{modelVersion}/indexes", models.list_indexes),
    ("DELETE", "/model/{entityName}/{modelVersion}", models.delete_model),
    ("POST", "/model/{entityName}/{modelVersion}/workflow/import", workflows.import_workflows),
    ("GET", "/model/{entityName}/{modelVersion}/workflow/export", workflows.export_workflows),
    ("POST", "/model/{entityName}/{modelVersion}/workflow/simulate", explaining.simulate_workflow),
    ("GET", "/entity/{entityId}/changes", entity_reads.list_changes),
    ("GET", "/entity/{entityId}/why", explaining.explain_entity),
    ("GET", "/entity/{entityId}/transitions", entity_reads.list_transitions),
    ("GET", "/platform-api/entity/fetch/transitions", entity_reads.fetch_transitions),
    ("GET", "/entity/stats", statistics.count_entities),
    ("GET", "/entity/stats/states", statistics.count_states),
    ("GET", "/entity/stats/{entityName}/{modelVersion}", statistics.count_entities_of),
    ("GET", "/entity/stats/states/{entityName}/{modelVersion}", statistics.count_states_of),
    ("POST", "/message/new/{subject}", messages.create_message),
    ("GET", "/message/{messageId}", messages.get_message),
    ("DELETE", "/message/{messageId}", messages.delete_message),
    ("DELETE", "/message", messages.delete_messages),
    ("POST", "/search/async/{entityName}/{modelVersion}", search_jobs.submit_search),
    ("GET", "/search/async/{jobId}/status", search_jobs.search_status),
    ("GET", "/search/async/{jobId}", search_jobs.search_results),
    ("PUT", "/search/async/{jobId}/cancel", search_jobs.cancel_search),
    ("GET", "/audit/entity/{entityId}", audit.search_audit),
    ("GET", "/audit/entity/{entityId}/workflow/{transactionId}/finished", audit.finished_event),
)

_JOINING: tuple[tuple[str, str, JoiningEndpoint], ...] = (
    ("POST", "/entity/{format}", entities.create_collection),
    ("PUT", "/entity/{format}", entities.update_collection),
    ("POST", "/entity/{format}/{entityName}/{modelVersion}", entities.create_entities),
    ("PUT", "/entity/{format}/{entityId}", entities.update_entity),
    ("PUT", "/entity/{format}/{entityId}/{transition}", entities.update_entity),
    ("PATCH", "/entity/{format}/{entityId}", entities.patch_entity),
    ("PATCH", "/entity/{format}/{entityId}/{transition}", entities.patch_entity),
    ("DELETE", "/entity/{entityId}", entities.delete_entity),
    ("DELETE", "/entity/{entityName}/{modelVersion}", entities.delete_entities),
    ("GET", "/entity/{entityId}", entity_reads.get_entity),
    ("GET", "/entity/{entityName}/{modelVersion}", entity_reads.list_entities),
    ("POST", "/entity/stats/{entityName}/{modelVersion}/query", grouped_statistics.query_statistics),
    ("POST", "/search/direct/{entityName}/{modelVersion}", search.search),
)

_LEGACY: tuple[tuple[str, str, JoiningEndpoint], ...] = (
    ("POST", "/search/{entityName}/{modelVersion}", legacy.search_array),
    ("PUT", "/platform-api/entity/transition", legacy.fire_transition),
)

_LEGACY_PLAIN: tuple[tuple[str, str, Endpoint], ...] = (
    ("GET", "/search/snapshot/{jobId}/status", search_jobs.snapshot_status),
    ("GET", "/search/snapshot/{jobId}", search_jobs.snapshot_results),
    ("PUT", "/search/snapshot/{jobId}/cancel", search_jobs.cancel_snapshot),
)
_LEGACY_SUBMIT = "/search/snapshot/{entityName}/{modelVersion}"

_TX_TOKEN = header("X-Tx-Token", str, "Join the open transaction of the callout that carried this token.")
_TX_ERRORS = (Unauthorized, Forbidden, TransactionNotFound, TransactionExpired, TransactionNodeUnavailable)


def data_plane_routes(platform: Platform, *, legacy_aliases: bool = True) -> list[Route]:
    """Every route of the data plane, bound to a node's platform; `legacy_aliases` adds the paths of older clients."""
    return [
        *(
            Route(method, template, _plain(endpoint, platform), operation=operation_of(endpoint))
            for method, template, endpoint in (*_PLAIN, *(_LEGACY_PLAIN if legacy_aliases else ()))
        ),
        Route("GET", "/model", _plain(models.list_models, platform)),
        Route(
            "GET",
            "/help/workflows/schema-version/versions",
            workflows.schema_versions,
            public=True,
            operation=operation_of(workflows.schema_versions),
        ),
        *([Route("POST", _LEGACY_SUBMIT, _plain(search_jobs.submit_search, platform))] if legacy_aliases else ()),
        *(
            Route(method, template, _joining(endpoint, platform), operation=_joining_operation(endpoint))
            for method, template, endpoint in (*_JOINING, *(_LEGACY if legacy_aliases else ()))
        ),
    ]


def _joining_operation(endpoint: JoiningEndpoint) -> Operation | None:
    operation = operation_of(endpoint)
    return None if operation is None else operation.extended((_TX_TOKEN,), _TX_ERRORS)


def _plain(endpoint: Endpoint, platform: Platform) -> Handler:
    def handler(request: ApiRequest) -> Awaitable[Response]:
        return endpoint(request, platform)

    return handler


def _joining(endpoint: JoiningEndpoint, platform: Platform) -> Handler:
    """The transaction token is judged before anything of the request is bound (contract: search 2.5)."""

    async def handler(request: ApiRequest) -> Response:
        token = request.header(b"x-tx-token")
        join = platform.transactions.resolve(request.principal, token) if token else None
        return await endpoint(request, platform, join)

    return handler
