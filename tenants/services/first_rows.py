"""A token of a rate limit and the first rows of several questions, in one statement: what a poll costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import Model, QuerySet

from cyoda.clock import Clock, system_clock
from tenants.services.rates import TAKE, seconds_left, taking


class Taken(NamedTuple):
    """`wait`: seconds until there is a token, None when there was one. `rows`: the first of each question, if any."""

    wait: int | None
    rows: Sequence[Any]


def take_and_look(key: str | None, *questions: QuerySet[Any], clock: Clock = system_clock) -> Taken:
    """Take a token of `key`, if there is one, and the first row of each question.

    Questions ask for whole rows of one model, without `select_related`; one of them may have another inside. The
    statement is put together of texts that have their values apart from them.
    """
    values: Sequence[Any] = () if key is None else taking(key, clock)
    take = "SELECT 0 AS tokens" if key is None else TAKE
    joins: list[str] = []
    for number, question in enumerate(questions):
        text, parameters = question[:1].query.sql_with_params()
        joins.append(f"LEFT JOIN ({text}) AS q{number} ON true")
        values = [*values, *parameters]
    chosen = "".join(f", q{number}.*" for number in range(len(questions)))
    statement = f"WITH taken AS ({take}) SELECT taken.tokens{chosen} FROM taken {' '.join(joins)}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        [(tokens, *found)] = cursor.fetchall()
    rows: list[Model | None] = []
    for question in questions:
        width = len(question.model._meta.concrete_fields)
        rows.append(_row(question.model, found[:width]))
        found = found[width:]
    return Taken(None if key is None else seconds_left(tokens), rows)


def _row(model: type[Model], values: Sequence[Any]) -> Model | None:
    fields = model._meta.concrete_fields
    if all(value is None for value in values):
        return None
    converted = [_converted(field, value) for field, value in zip(fields, values, strict=True)]
    return model.from_db(connection.alias, [field.attname for field in fields], converted)


def _converted(field: Any, value: Any) -> Any:
    for convert in field.get_db_converters(connection):
        value = convert(value, None, connection)
    return value
