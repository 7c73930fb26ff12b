"""Reports of the dashboard: definitions, runs, groups and rows (contract: control plane 9.5)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from cyoda.clock import ManualClock
from cyoda.http.binding import date_time
from cyoda.principal import Principal
from cyoda.runtime import Node
from tests.contract.http.steps import UNKNOWN, entity, model, ok, refused
from workflows.services.background import remove_expired
from workflows.services.platform import NoWorkers, Platform
from workflows.services.reports import list_reports, run_report
from workflows.services.search_runs import run_search_job
from workflows.storage.base import ReportFilter

REPORTS = "/platform-api/reporting"
ANN = Principal(tenant="acme", user_id="u-1", kind="user")
COUNTRIES = ("FR", "DE", "FR", "DE", "FR")
LEAF = {"@bean": "com.cyoda.core.conditions.queryable.GreaterThan", "fieldName": "amount", "operation": "GREATER_THAN"}
SALES: dict[str, Any] = {
    "@bean": "com.cyoda.core.reports.ReportDefinition",
    "description": "Sales by country",
    "requestClass": "sale.1",
    "columns": [{"name": "customer.country"}, {"name": "amount"}, {"name": "state"}],
    "sorting": [{"column": {"name": "amount"}, "reverse": True}],
    "grouping": [{"name": "customer.country"}, {"name": "kind"}],
    "summary": [
        {"name": "amount", "functions": ["SUM", "MIN", "MAX", "AVG", "COUNT"]},
        {"name": "kind", "type": "COUNT_UNIQUE"},
    ],
    "condition": {
        "@bean": "com.cyoda.core.conditions.GroupCondition",
        "operator": "AND",
        "conditions": [LEAF | {"value": {"@type": "Integer", "value": "1"}}],
    },
    "hierarhyEnable": True,
    "reportVersion": 7,
    "theirs": {"kept": 1.50},
}


@pytest.fixture
async def sales(api: httpx.AsyncClient) -> list[str]:
    """Five entities, whose amounts are 1 to 5."""
    await model(api, "sale", {"amount": 1.5, "kind": "a", "customer": {"country": "FR"}, "tags": ["x"]})
    return [
        await entity(
            api, {"amount": n, "kind": "ab"[n % 2], "customer": {"country": c}, "tags": ["x", f"t{n}"]}, "sale"
        )
        for n, c in enumerate(COUNTRIES, 1)
    ]


async def defined(api: httpx.AsyncClient, name: str = "sales", **changes: Any) -> str:
    return ok(await api.post(f"{REPORTS}/definitions?name={name}", json=SALES | changes))["content"]


async def started(api: httpx.AsyncClient, definition_id: str) -> str:
    run = ok(await api.post(f"{REPORTS}/pre", params={"gridConfig": definition_id}))["content"]
    assert run["groupingVersion"] == run["reportId"]
    return run["reportId"]


async def ended(api: httpx.AsyncClient, report_id: str) -> dict[str, Any]:
    """The status of a run that no longer runs."""
    async with asyncio.timeout(20):
        while True:
            status = ok(await api.get(f"{REPORTS}/report/{report_id}/status"))["content"]
            if status["status"] not in ("STARTED", "RUNNING"):
                return status
            await asyncio.sleep(0.01)


async def finished(api: httpx.AsyncClient, **changes: Any) -> str:
    """The id of a successful run of a new definition."""
    report_id = await started(api, await defined(api, **changes))
    assert (await ended(api, report_id))["status"] == "SUCCESSFUL"
    return report_id


async def embedded(api: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    answer = ok(await api.get(path if path.startswith("http") else f"{REPORTS}{path}", params=query or None))
    (found,) = answer["_embedded"].values()
    return found


async def rows(api: httpx.AsyncClient, path: str, **query: Any) -> list[dict[str, Any]]:
    return [row["content"] for row in await embedded(api, path, **query)]


async def history(api: httpx.AsyncClient, **query: Any) -> list[dict[str, Any]]:
    return [view["reportHistoryFields"] for view in await embedded(api, "/history", **query)]


async def test_a_definition_is_kept_as_it_was_sent_under_a_name(api: httpx.AsyncClient) -> None:
    name = await defined(api, requestClass="nobel-prize.1")
    assert name == "CYODA-nobel_prize.1-sales"
    answer = await api.get(f"{REPORTS}/definitions/{name}")
    assert ok(answer)["content"] == SALES | {"requestClass": "nobel-prize.1"}
    assert '"kept":1.5' in answer.text
    assert answer.json()["_links"]["self"]["href"] == str(answer.url)
    refused(await api.post(f"{REPORTS}/definitions?name=sales", json={"requestClass": "nobel-prize.1"}), 409,
            "REPORT_DEFINITION_EXISTS", definitionId=name)  # fmt: skip
    other = await defined(api, "other", description="")
    (view,) = await embedded(api, "/definitions", fields=["id", "type", "userId", "nonsense"], size=1, page=1)
    assert view == {"gridConfigFields": {"id": other, "type": "sale.1", "userId": "u-1"}}
    page = ok(await api.get(f"{REPORTS}/definitions?size=1"))["page"]
    assert page == {"size": 1, "totalElements": 2, "totalPages": 2, "number": 0}
    assert ok(await api.put(f"{REPORTS}/definitions/{name}", json={"x": [1]})) == {"content": name}
    assert ok(await api.get(f"{REPORTS}/definitions/{name}"))["content"] == {"x": [1]}
    for path in ("definitions?name=a%2Cb", "definitions?name=a%00"):
        refused(await api.post(f"{REPORTS}/{path}", json={}), 400, "BAD_REQUEST")
    refused(await api.post(f"{REPORTS}/definitions?name=a", json=[]), 400, "BAD_REQUEST")
    for method in ("GET", "PUT", "DELETE"):
        answer = await api.request(method, f"{REPORTS}/definitions/ghost", json={} if method == "PUT" else None)
        refused(answer, 404, "REPORT_DEFINITION_NOT_FOUND", definitionId="ghost")


async def test_definitions_are_exported_and_imported_all_or_none(api: httpx.AsyncClient, sales: list[str]) -> None:
    one, two = await defined(api, "one"), await defined(api, "two")
    file = ok(await api.get(f"{REPORTS}/export-by-ids?includeIds={one},{two}"))
    assert file == {"data": {"value": [SALES | {"id": one}, SALES | {"id": two}]}}
    refused(await api.get(f"{REPORTS}/export-by-ids?includeIds={one},ghost"), 404, "REPORT_DEFINITION_NOT_FOUND")
    file["data"]["value"][0]["description"] = "new"
    assert ok(await api.post(f"{REPORTS}/import", json=file)) == {"content": [one, two]}
    assert ok(await api.get(f"{REPORTS}/definitions/{one}"))["content"]["description"] == "new"
    await ended(api, await started(api, two))
    file["data"]["value"][0]["description"] = "newer"
    refused(await api.post(f"{REPORTS}/import", json=file), 422, "REPORT_DEFINITION_IN_USE")
    assert ok(await api.get(f"{REPORTS}/definitions/{one}"))["content"]["description"] == "new"
    for wrong in ({}, {"data": 1}, {"data": [1]}, {"data": [{}]}):
        refused(await api.post(f"{REPORTS}/import", json=wrong), 400, "BAD_REQUEST")


async def test_a_run_shows_its_groups_level_by_level_and_their_rows(api: httpx.AsyncClient, sales: list[str]) -> None:
    report_id = await finished(api)
    path = f"/report/{report_id}/{report_id}/groups"
    countries = await embedded(api, path, page=0, size=1000)
    assert [(each["content"]["groupValues"], each["content"]["count"]) for each in countries] == [
        (["DE"], 2), (["FR"], 2)
    ]  # fmt: skip
    french = countries[1]
    assert french["content"]["summary"] == {
        "amount": {"values": {"SUM": 8, "MIN": 3, "MAX": 5, "AVG": 4, "COUNT": 2}},
        "kind": {"values": {"COUNT_UNIQUE": 1}},
    }
    assert (french["content"]["groupLevel"], french["content"]["isNext"], french["content"]["leaf"]) == (0, True, False)
    assert set(french["_links"]) == {
        "/report/{id}/group_rows/{group_json_base64}",
        "/report/{id}/{grouping_version}/groups/{parent_group_json_base64}",
    }
    (kind,) = await embedded(
        api, french["_links"]["/report/{id}/{grouping_version}/groups/{parent_group_json_base64}"]["href"]
    )
    assert (kind["content"]["groupValues"], kind["content"]["leaf"]) == (["FR", "b"], True)
    rows_of = kind["_links"]["/report/{id}/group_rows/{group_json_base64}"]["href"]
    assert await rows(api, rows_of) == [
        {"customer_country": "FR", "amount": 5, "state": "CREATED"},
        {"customer_country": "FR", "amount": 3, "state": "CREATED"},
    ]
    assert [row["amount"] for row in await rows(api, rows_of, size=1, page=1)] == [3]
    assert [row["amount"] for row in await rows(api, f"/report/{report_id}/rows")] == [4, 2, 5, 3]
    assert await rows(api, f"/report/{report_id}/rows", page=9) == []
    assert ok(await api.get(f"{REPORTS}/report/{report_id}/config"))["content"] == SALES
    for group in ("WyJYWCJd", "W10x", "!", "IngiCg"):
        answer = await api.get(f"{REPORTS}/report/{report_id}/group_rows/{group}")
        assert answer.status_code in (400, 404), answer.text


async def test_a_run_without_hierarchy_shows_the_innermost_groups_and_one_without_grouping_everything(
    api: httpx.AsyncClient, sales: list[str]
) -> None:
    report_id = await finished(api, hierarhyEnable=False, condition=None, sorting=["kind"])
    flat = await embedded(api, f"/report/{report_id}/{report_id}/groups")
    assert [(each["content"]["groupValues"], each["content"]["count"]) for each in flat] == [
        (["DE", "a"], 2), (["FR", "b"], 3)
    ]  # fmt: skip
    whole = await finished(
        api, name="whole", grouping=[], condition={}, sorting=[{"name": "amount", "direction": "DESC"}]
    )
    (group,) = await embedded(api, f"/report/{whole}/{whole}/groups")
    assert (group["content"]["groupValues"], group["content"]["count"], group["content"]["leaf"]) == ([], 5, True)
    assert group["content"]["summary"]["amount"]["values"]["SUM"] == 15
    assert [row["amount"] for row in await rows(api, f"/report/{whole}/rows", size=2)] == [5, 4]
    tags = await finished(api, name="tags", grouping=[], columns=["$.tags[*]", "@id"], summary=[], sorting=["@id"])
    assert sorted(row["tags[*]"][1] for row in await rows(api, f"/report/{tags}/rows")) == ["t2", "t3", "t4", "t5"]


async def test_a_run_sees_the_data_of_its_moment(api: httpx.AsyncClient, sales: list[str], clock: ManualClock) -> None:
    report_id = await finished(api)
    before = await rows(api, f"/report/{report_id}/rows")
    moment = clock.now
    clock.advance(timedelta(seconds=1))
    ok(await api.delete(f"/entity/{sales[4]}"))
    assert await rows(api, f"/report/{report_id}/rows") == before
    for number, at in enumerate([int(moment.timestamp() * 1000) + 1, moment.isoformat()]):
        then = await finished(api, name=f"then-{number}", pointTime=at)
        assert await rows(api, f"/report/{then}/rows") == before
    now = await finished(api, name="now")
    assert len(await rows(api, f"/report/{now}/rows")) == len(before) - 1


async def test_the_history_is_filtered_and_paged(
    api: httpx.AsyncClient, stranger: httpx.AsyncClient, sales: list[str], clock: ManualClock
) -> None:
    first = await finished(api)
    clock.advance(timedelta(hours=1))
    middle = clock.now
    second = await finished(api, name="second", grouping=["kind"])
    both = await history(api, sorting="-createTime", size=500)
    assert [run["id"] for run in both] == [second, first]
    shown = both[0]
    assert (shown.pop("createTime"), shown.pop("finishTime")) == (
        ok(await api.get(f"{REPORTS}/report/{second}/status"))["content"]["startTime"],
        ok(await api.get(f"{REPORTS}/report/{second}/{second}/status"))["content"]["finishTime"],
    )
    assert shown == {
        "id": second, "configName": "CYODA-sale.1-second", "type": "sale.1", "status": "SUCCESSFUL",
        "description": "Sales by country", "userId": "u-1", "totalRowsCount": 4, "reportFailed": False,
        "regroupingPossible": False, "groupingColumns": ["kind"], "groupingVersion": second,
    }  # fmt: skip
    since, until = f"{int(middle.timestamp() * 1000)}", middle.isoformat()
    for query, expected in (
        ({"sorting": "createTime"}, [first, second]), ({"from": since}, [second]), ({"to": until}, [first]),
        ({"filterByType": "sale.1", "username": "u-1"}, [second, first]), ({"filterByType": "other.1"}, []),
        ({"username": "u-2"}, []), ({"running": "on"}, []), ({"finished": "on"}, [second, first]),
        ({"success": "on", "failed": "on"}, [second, first]), ({"failed": "on"}, []), ({"canceled": "on"}, []),
        ({"size": 1, "page": 1}, [first]),
    ):  # fmt: skip
        assert [run["id"] for run in await history(api, fields=["id"], **query)] == expected, query
    assert await history(stranger) == []
    for wrong in ("sorting=name", "from=x", "size=0", "page=-1", "from=9223372036854775807"):
        refused(await api.get(f"{REPORTS}/history?{wrong}"), 400, "BAD_REQUEST")
    statistics = ok(await api.get(f"{REPORTS}/report/{first}/{first}/stats?full=false"))["content"]
    assert (statistics["totalRowsCount"], statistics["failedShards"]) == (4, [])
    assert statistics["examinedCount"] in (4, 5)
    assert await embedded(api, "/types") == ["sale.1"] == await embedded(api, "/types", entityType="BUSINESS")
    assert await embedded(api, "/types", entityType="TECHNICAL") == []


@pytest.fixture
async def unattended(node: Node, sales: list[str]) -> Platform:
    """The node's platform, whose runs nobody works on."""
    return replace(node.platform, workers=NoWorkers())


async def test_a_run_is_cancelled_and_stays_so(api: httpx.AsyncClient, unattended: Platform) -> None:
    name = await defined(api)
    report_id = await run_report(ANN, name, read_instant=date_time, platform=unattended)
    status = ok(await api.get(f"{REPORTS}/report/{report_id}/status"))["content"]
    assert (status["status"], status["finishTime"]) == ("STARTED", None)
    assert [run["status"] for run in await history(api, running="on")] == ["STARTED"]
    refused(await api.get(f"{REPORTS}/report/{report_id}/rows"), 400, "BAD_REQUEST")
    assert ok(await api.post(f"{REPORTS}/report/{report_id}/cancel"))["content"]["status"] == "CANCELLED"
    assert ok(await api.post(f"{REPORTS}/report/{report_id}/cancel"))["content"]["status"] == "CANCELLED"
    await run_search_job("acme", report_id, platform=unattended)
    assert [run["id"] for run in await history(api, canceled="on")] == [str(report_id)]
    other = await run_report(ANN, name, read_instant=date_time, platform=unattended)
    ok(await api.delete(f"{REPORTS}/report/{other}/{other}"))
    assert [run["status"] for run in await history(api)] == ["CANCELLED", "CANCELLED"]
    ok(await api.delete(f"{REPORTS}/report/{other}/{other}"))
    assert [run["id"] for run in await history(api)] == [str(report_id)]
    refused(await api.put(f"/search/async/{report_id}/cancel"), 404, "SEARCH_JOB_NOT_FOUND")
    for path in (f"{other}/status", f"{UNKNOWN}/status", f"{report_id}/{UNKNOWN}/stats"):
        refused(await api.get(f"{REPORTS}/report/{path}"), 404, "REPORT_NOT_FOUND")


async def test_a_definition_with_executions_is_deleted_with_them_or_without(
    api: httpx.AsyncClient, sales: list[str], unattended: Platform
) -> None:
    name = await defined(api)
    await ended(api, await started(api, name))
    await run_report(ANN, name, read_instant=date_time, platform=unattended)
    in_use = {"definitionId": name, "executions": 2}
    refused(await api.delete(f"{REPORTS}/definitions/{name}"), 422, "REPORT_DEFINITION_IN_USE", **in_use)
    ok(await api.delete(f"{REPORTS}/definitions/{name}?mode=reports"))
    assert await history(api) == []
    ok(await api.put(f"{REPORTS}/definitions/{name}", json=SALES))
    kept = await finished(api, name="kept")
    await ended(api, await started(api, name))
    ok(await api.delete(f"{REPORTS}/definitions/{name}?cascade=true"))
    assert [run["id"] for run in await history(api)] == [kept]
    refused(await api.post(f"{REPORTS}/pre?gridConfig={name}"), 404, "REPORT_DEFINITION_NOT_FOUND")
    refused(await api.delete(f"{REPORTS}/definitions/{name}?mode=x"), 400, "BAD_REQUEST")


async def test_a_result_is_kept_for_its_time(
    api: httpx.AsyncClient, node: Node, sales: list[str], clock: ManualClock
) -> None:
    await finished(api)
    platform = node.platform
    for days, left in ((6, 1), (2, 0)):
        clock.advance(timedelta(days=days))
        await remove_expired(platform=platform)
        found = await list_reports(ANN, ReportFilter(limit=10), platform=platform)
        assert (len(found.jobs), found.total) == (left, left)


PATH = {"name": "members.[*]@com#cyoda#tdb#model#treenode#NodeInfo.value"}
CONDITION: dict[str, Any] = {"operator": "AND"}
REFUSALS: dict[str, tuple[dict[str, Any], str]] = {
    "a class that is no model's": ({"requestClass": "com.cyoda.Order"}, "requestClass must be in format Name.Version"),
    "a model that is not there": ({"requestClass": "ghost.1"}, "requestClass: there is no model ghost.1"),
    "a path of Java classes": ({"columns": [PATH]}, "columns[0]: the field 'members.[*]@com"),
    "a field that is not there": ({"columns": ["amount", "ghost"]}, "columns[1]: 'ghost' is no field of sale.1"),
    "columns that look alike": ({"columns": ["amount", "$.amount"]}, "columns: '$.amount' is shown as 'amount'"),
    "no name": ({"sorting": [{"reverse": True}]}, "sorting[0]: there is no name of a column"),
    "no list": ({"grouping": "amount"}, "grouping must be an array"),
    "a group by many values": ({"grouping": ["$.tags[*]"]}, "grouping: a path through arrays"),
    "no figure": ({"summary": [{"name": "amount", "type": "MEDIAN"}]}, "summary: 'amount' has none of MAX"),
    "an unknown operation": ({"condition": LEAF | {"operation": "SOUNDS_LIKE"}}, "condition: the operation 'SOUND"),
    "an unknown group": ({"condition": {"operator": "XOR", "conditions": []}}, "condition: unknown group operator"),
    "a value that does not fit": ({"condition": LEAF | {"value": "many"}}, 'condition: value "many" is not compatible'),
    "half a range": ({"condition": LEAF | {"operation": "BETWEEN", "value": 1}}, "condition: operator"),
    "no condition": ({"condition": [1]}, "condition: a condition must be a JSON object"),
    "valuations": ({"valuations": [{"x": 1}]}, "valuations: there are no valuations here"),
    "no moment": ({"pointTime": "yesterday"}, "pointTime: neither a number of milliseconds nor a moment"),
    "an alias of two paths": (
        {"columns": ["both"], "aliasDefs": [{"name": "both", "aliasPaths": [{}, {}]}]},
        "columns[0]: the alias 'both' does not have exactly one path",
    ),
}  # fmt: skip


async def test_what_cannot_be_translated_is_refused_with_its_place(api: httpx.AsyncClient, sales: list[str]) -> None:
    for number, (case, (changes, reason)) in enumerate(REFUSALS.items()):
        name = await defined(api, f"r{number}", **changes)
        answer = await api.post(f"{REPORTS}/pre", params={"gridConfig": name})
        refused(answer, 422, "INVALID_REPORT_DEFINITION")
        assert answer.json()["detail"].startswith(f"INVALID_REPORT_DEFINITION: {reason}"), (case, answer.text)
    assert await history(api) == []


async def test_a_link_leads_back_whatever_is_in_a_name(api: httpx.AsyncClient) -> None:
    name = quote(await defined(api, "a?b#c d/e%41"), safe="")
    answer = await api.get(f"{REPORTS}/definitions/{name}")
    again = ok(await api.get(answer.json()["_links"]["self"]["href"]))
    assert again == ok(answer)


async def test_hostile_definitions_and_names_are_answered_like_others(api: httpx.AsyncClient, sales: list[str]) -> None:
    names: dict[str, Any] = {"name": "amount"}
    for _ in range(200):
        names = {"name": names, "type": [names.get("type")]}
    group: dict[str, Any] = LEAF | {"value": 1}
    for _ in range(60):
        group = {"operator": "OR", "conditions": [group]}
    hostile: list[dict[str, Any]] = [
        {"columns": [names]}, {"summary": [names]}, {"condition": group}, {"columns": ["a\0b"]}, {"columns": ["$"]},
        {"pointTime": 10**30}, {"pointTime": -(10**18)}, {"requestClass": "sale.1\0.1"}, {"aliasDefs": [7, {}]},
    ]  # fmt: skip
    codes: list[int] = []
    for number, changes in enumerate(hostile):
        name = f"h{number}"
        made = await api.post(f"{REPORTS}/definitions?name={name}", json=SALES | changes)
        codes.append(made.status_code)
        if made.status_code == 200:
            run = await api.post(f"{REPORTS}/pre", params={"gridConfig": made.json()["content"]})
            codes[-1] = run.status_code
    assert codes == [422, 422, 422, 422, 422, 422, 422, 400, 200]
    refused(await api.get(f"{REPORTS}/export-by-ids?includeIds=%00"), 404, "REPORT_DEFINITION_NOT_FOUND")
    refused(await api.post(f"{REPORTS}/pre?gridConfig=%00"), 404, "REPORT_DEFINITION_NOT_FOUND")
    assert await history(api, filterByType="\0") == await history(api, username="\0") == []


async def test_aliases_ranges_and_lifecycle_fields_are_translated(api: httpx.AsyncClient, sales: list[str]) -> None:
    alias = {"name": "country", "aliasPaths": [{"colDef": {"fullPath": "customer.country"}, "mapperParameters": None}]}
    either = {"operator": "or", "conditions": [
        {"fieldName": "amount", "operation": "BETWEEN", "from": {"@type": "Integer", "value": 1}, "to": 3},
        {"fieldName": "country", "operation": "EQUALS", "value": "XX"},
    ]}  # fmt: skip
    condition = {
        "operator": "AND",
        "conditions": [either, {"field": "state", "operation": "EQUALS", "value": "CREATED"}],
    }
    report_id = await finished(
        api, columns=["country", "amount"], aliasDefs=[alias], condition=condition, grouping=["country"]
    )
    assert await rows(api, f"/report/{report_id}/rows") == [{"country": "DE", "amount": 2}]


@pytest.mark.parametrize("settings", [{"CYODA_STATS_GROUP_MAX": "1"}])
async def test_a_run_with_too_many_groups_fails_and_says_so(api: httpx.AsyncClient, sales: list[str]) -> None:
    report_id = await started(api, await defined(api))
    assert (await ended(api, report_id))["status"] == "FAILED"
    statistics = ok(await api.get(f"{REPORTS}/report/{report_id}/{report_id}/stats"))["content"]
    assert statistics["errorMessage"].startswith("GROUP_CARDINALITY_EXCEEDED")
    assert [run["reportFailed"] for run in await history(api, failed="on")] == [True]
