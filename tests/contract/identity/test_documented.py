"""The OpenAPI document of a whole node (contract: entities 1.1)."""

from __future__ import annotations

from collections import Counter

import httpx

from tests.contract.identity.conftest import Running

UNDOCUMENTED = {("*", "/.well-known/jwks.json"), ("*", "/oauth/token")}
"""Other methods of a documented path."""


async def test_the_document_of_a_node_names_each_route_of_identity_once(node: Running) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(node.node.api), base_url="http://node") as anyone:
        paths = (await anyone.get("/openapi.json")).json()["paths"]
    documented = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    routes = {(route.method, route.template) for route in node.node.identity.routes}
    assert routes - documented == UNDOCUMENTED
    names = Counter(operation["operationId"] for methods in paths.values() for operation in methods.values())
    assert [name for name, times in names.items() if times > 1] == []
