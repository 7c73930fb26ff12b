"""Answers as the dashboard reads them: pages and single objects in HAL (contract: control plane 8, 9.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from cyoda.errors import BadRequest
from cyoda.http.operation import query
from cyoda.http.request import ApiRequest
from cyoda.http.response import Response, json_response
from workflows.api.wire import Int32, Int64
from workflows.services.entity_reads import MAX_PAGE_NUMBER, MAX_PAGE_SIZE
from workflows.services.search_jobs import DEFAULT_PAGE_SIZE, PageRequest

PAGING = (
    query("page", Int32, "Counted from 0."),
    query("size", Int32, f"1 to {MAX_PAGE_SIZE}; {DEFAULT_PAGE_SIZE} unless given."),
)


T = TypeVar("T")


class Link(msgspec.Struct, frozen=True):
    href: str


Links = dict[str, Link]


class PageInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    size: int
    total_elements: Int64
    total_pages: Int64
    number: int


class HalPage(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """One page of a list, which `_embedded` has under a name of its own."""

    embedded: T = msgspec.field(name="_embedded")
    links: Links = msgspec.field(name="_links")
    page: PageInfo


def hal_page(request: ApiRequest, name: str, items: Sequence[object], page: PageRequest, total: int) -> Response:
    """A HalPage of the items of a page; `total` counts those of all pages."""
    return json_response({"_embedded": {name: items}, "_links": self_link(request), "page": page_info(page, total)})


def sliced(items: Sequence[T], page: PageRequest) -> Sequence[T]:
    return items[page.size * page.number :][: page.size]


def page_info(page: PageRequest, total: int) -> PageInfo:
    return PageInfo(size=page.size, total_elements=total, total_pages=-(-total // page.size), number=page.number)


def asked_page(request: ApiRequest) -> PageRequest:
    """Raises InvalidParameter, BadRequest."""
    size, number = request.query_int32("size", DEFAULT_PAGE_SIZE), request.query_int32("page", 0)
    if not 1 <= size <= MAX_PAGE_SIZE:
        raise BadRequest(f"size must be between 1 and {MAX_PAGE_SIZE}")
    if not 0 <= number <= MAX_PAGE_NUMBER:
        raise BadRequest(f"page must be between 0 and {MAX_PAGE_NUMBER}")
    return PageRequest(size, number)


def self_link(request: ApiRequest) -> Links:
    return {"self": Link(request.own_link)}


def members(request: ApiRequest, all_members: dict[str, object]) -> dict[str, object]:
    """Those that `fields` names, or all; unknown names are passed over."""
    wanted = request.query_list("fields")
    return all_members if wanted is None else {name: all_members[name] for name in wanted if name in all_members}
