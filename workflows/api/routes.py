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
from cyoda.permissions import Action
from workflows.api import (
    audit,
    entities,
    entity_reads,
    explaining,
    grouped_statistics,
    legacy,
    members,
    messages,
    models,
    report_definitions,
    report_results,
    reports,
    runs,
    search,
    search_jobs,
    state_machines,
    statistics,
    workflows,
)
from workflows.services.platform import Platform
from workflows.services.transaction import Join

Endpoint = Callable[[ApiRequest, Platform], Awaitable[Response]]
JoiningEndpoint = Callable[[ApiRequest, Platform, Join | None], Awaitable[Response]]

READ, WRITE, DELETE, CONFIGURE = Action.READ, Action.WRITE, Action.DELETE, Action.CONFIGURE

_PLAIN: tuple[tuple[str, str, Action, Endpoint], ...] = (
    ("GET", "/model/", READ, models.list_models),
    ("POST", "/model/import/{dataFormat}/{converter}/{entityName}/{modelVersion}", CONFIGURE, models.import_model),
    ("GET", "/model/export/{converter}/{entityName}/{modelVersion}", READ, models.export_model),
    ("POST", "/model/validate/{entityName}/{modelVersion}", READ, models.validate_document),
    ("PUT", "/model/{entityName}/{modelVersion}/lock", CONFIGURE, models.lock_model),
    ("PUT", "/model/{entityName}/{modelVersion}/unlock", CONFIGURE, models.unlock_model),
    ("POST", "/model/{entityName}/{modelVersion}/changeLevel/{changeLevel}", CONFIGURE, models.set_change_level),
    ("PUT", "/model/{entityName}/{modelVersion}/unique-keys", CONFIGURE, models.set_unique_keys),
    ("PUT", "/model/{entityName}/{modelVersion}/indexes", CONFIGURE, models.set_indexes),
    ("GET", "/model/{entityName}/{modelVersion}/indexes", READ, models.list_indexes),
    ("DELETE", "/model/{entityName}/{modelVersion}", CONFIGURE, models.delete_model),
    ("POST", "/model/{entityName}/{modelVersion}/workflow/import", CONFIGURE, workflows.import_workflows),
    ("GET", "/model/{entityName}/{modelVersion}/workflow/export", READ, workflows.export_workflows),
    ("POST", "/model/{entityName}/{modelVersion}/workflow/check", READ, workflows.check_workflows),
    ("GET", "/model/{entityName}/{modelVersion}/workflow/versions", READ, workflows.list_versions),
    ("GET", "/model/{entityName}/{modelVersion}/workflow/versions/{number}", READ, workflows.get_version),
    ("POST", "/model/{entityName}/{modelVersion}/workflow/simulate", READ, explaining.simulate_workflow),
    ("GET", "/entity/{entityId}/changes", READ, entity_reads.list_changes),
    ("GET", "/entity/{entityId}/why", READ, explaining.explain_entity),
    ("POST", "/message/new/{subject}", WRITE, messages.create_message),
    ("GET", "/messages", READ, messages.list_messages),
    ("GET", "/message/{messageId}", READ, messages.get_message),
    ("DELETE", "/message/{messageId}", DELETE, messages.delete_message),
    ("DELETE", "/message", DELETE, messages.delete_messages),
    ("POST", "/search/async/{entityName}/{modelVersion}", READ, search_jobs.submit_search),
    ("GET", "/search/async", READ, search_jobs.list_searches),
    ("GET", "/search/async/{jobId}/details", READ, search_jobs.search_details),
    ("GET", "/search/async/{jobId}/status", READ, search_jobs.search_status),
    ("GET", "/search/async/{jobId}", READ, search_jobs.search_results),
    ("PUT", "/search/async/{jobId}/cancel", READ, search_jobs.cancel_search),
    ("GET", "/members", READ, members.list_members),
    ("GET", "/audit/transactions", READ, runs.list_runs),
    ("GET", "/audit/transactions/{transactionId}", READ, runs.get_run),
    ("GET", "/audit/entity/{entityId}", READ, audit.search_audit),
    ("GET", "/audit/entity/{entityId}/workflow/{transactionId}/finished", READ, audit.finished_event),
)

_JOINING: tuple[tuple[str, str, Action, JoiningEndpoint], ...] = (
    ("POST", "/entity/{format}", WRITE, entities.create_collection),
    ("PUT", "/entity/{format}", WRITE, entities.update_collection),
    ("POST", "/entity/{format}/{entityName}/{modelVersion}", WRITE, entities.create_entities),
    ("PUT", "/entity/{format}/{entityId}", WRITE, entities.update_entity),
    ("PUT", "/entity/{format}/{entityId}/{transition}", WRITE, entities.update_entity),
    ("PATCH", "/entity/{format}/{entityId}", WRITE, entities.patch_entity),
    ("PATCH", "/entity/{format}/{entityId}/{transition}", WRITE, entities.patch_entity),
    ("DELETE", "/entity/{entityId}", DELETE, entities.delete_entity),
    ("DELETE", "/entity/{entityName}/{modelVersion}", DELETE, entities.delete_entities),
    ("GET", "/entity/{entityId}", READ, entity_reads.get_entity),
    ("GET", "/entity/{entityName}/{modelVersion}", READ, entity_reads.list_entities),
    ("GET", "/entity/{entityId}/transitions", READ, entity_reads.list_transitions),
    ("GET", "/platform-api/entity/fetch/transitions", READ, entity_reads.fetch_transitions),
    ("GET", "/entity/stats", READ, statistics.count_entities),
    ("GET", "/entity/stats/states", READ, statistics.count_states),
    ("GET", "/entity/stats/{entityName}/{modelVersion}", READ, statistics.count_entities_of),
    ("GET", "/entity/stats/states/{entityName}/{modelVersion}", READ, statistics.count_states_of),
    ("POST", "/entity/stats/{entityName}/{modelVersion}/query", READ, grouped_statistics.query_statistics),
    ("POST", "/search/direct/{entityName}/{modelVersion}", READ, search.search),
)

_REPORTS: tuple[tuple[str, str, Action, Endpoint], ...] = (
    ("GET", "/definitions", READ, report_definitions.list_report_definitions),
    ("POST", "/definitions", CONFIGURE, report_definitions.create_report_definition),
    ("GET", "/definitions/{definitionId}", READ, report_definitions.get_report_definition),
    ("PUT", "/definitions/{definitionId}", CONFIGURE, report_definitions.replace_report_definition),
    ("DELETE", "/definitions/{definitionId}", CONFIGURE, report_definitions.delete_report_definition),
    ("GET", "/export-by-ids", READ, report_definitions.export_report_definitions),
    ("POST", "/import", CONFIGURE, report_definitions.import_report_definitions),
    ("GET", "/types", READ, reports.list_report_types),
    ("POST", "/pre", WRITE, reports.run_report),
    ("GET", "/history", READ, reports.list_reports),
    ("GET", "/report/{reportId}/status", READ, reports.report_status),
    ("GET", "/report/{reportId}/{groupingVersion}/status", READ, reports.report_status),
    ("GET", "/report/{reportId}/{groupingVersion}/stats", READ, reports.report_statistics),
    ("GET", "/report/{reportId}/config", READ, reports.report_config),
    ("GET", "/report/{reportId}/{groupingVersion}/groups", READ, report_results.report_groups),
    ("GET", "/report/{reportId}/{groupingVersion}/groups/{group}", READ, report_results.report_groups),
    ("GET", "/report/{reportId}/rows", READ, report_results.report_rows),
    ("GET", "/report/{reportId}/group_rows/{group}", READ, report_results.report_rows),
    ("POST", "/report/{reportId}/cancel", WRITE, reports.cancel_report),
    ("DELETE", "/report/{reportId}/{groupingVersion}", DELETE, reports.delete_report),
)
"""Below `/platform-api/reporting`, where the dashboard has its reports (contract: control plane 9.5)."""

_LEGACY: tuple[tuple[str, str, Action, JoiningEndpoint], ...] = (
    ("POST", "/search/{entityName}/{modelVersion}", READ, legacy.search_array),
    ("PUT", "/platform-api/entity/transition", WRITE, legacy.fire_transition),
)

_LEGACY_PLAIN: tuple[tuple[str, str, Action, Endpoint], ...] = (
    ("GET", "/search/snapshot/{jobId}/status", READ, search_jobs.snapshot_status),
    ("GET", "/search/snapshot/{jobId}", READ, search_jobs.snapshot_results),
    ("PUT", "/search/snapshot/{jobId}/cancel", READ, search_jobs.cancel_snapshot),
    ("GET", "/message/get/{messageId}", READ, legacy.get_message_of_older_clients),
    ("GET", "/platform-api/statemachine/workflows", READ, state_machines.list_state_machines),
    (
        "PUT",
        "/platform-api/statemachine/persisted/workflows/{workflowId}",
        CONFIGURE,
        state_machines.switch_state_machine,
    ),
    ("POST", "/platform-api/statemachine/import", CONFIGURE, state_machines.import_state_machine),
)
_LEGACY_SUBMIT = "/search/snapshot/{entityName}/{modelVersion}"

_TX_TOKEN = header("X-Tx-Token", str, "Join the open transaction of the callout that carried this token.")
_TX_ERRORS = (Unauthorized, Forbidden, TransactionNotFound, TransactionExpired, TransactionNodeUnavailable)


def data_plane_routes(platform: Platform, *, legacy_aliases: bool = True) -> list[Route]:
    """Every route of the data plane, bound to a node's platform; `legacy_aliases` adds the paths of older clients."""
    return [
        *(
            Route(method, template, _plain(endpoint, platform), operation=operation_of(endpoint), action=action)
            for method, template, action, endpoint in (*_PLAIN, *(_LEGACY_PLAIN if legacy_aliases else ()))
        ),
        *(
            Route(
                method,
                f"{report_results.PREFIX}{template}",
                _plain(endpoint, platform),
                operation=operation_of(endpoint),
                action=action,
            )
            for method, template, action, endpoint in _REPORTS
        ),
        Route("GET", "/model", _plain(models.list_models, platform), action=READ),
        Route(
            "GET",
            "/help/workflows/schema-version/versions",
            workflows.schema_versions,
            public=True,
            operation=operation_of(workflows.schema_versions),
        ),
        *(
            [Route("POST", _LEGACY_SUBMIT, _plain(search_jobs.submit_search, platform), action=READ)]
            if legacy_aliases
            else ()
        ),
        *(
            Route(method, template, _joining(endpoint, platform), operation=_joining_operation(endpoint), action=action)
            for method, template, action, endpoint in (*_JOINING, *(_LEGACY if legacy_aliases else ()))
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
