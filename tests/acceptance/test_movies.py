"""The story of examples/movies, told to a real node, every figure computed again from the file by other code."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from examples.movies.story import Figures, tell
from tests.nodes import CLIENT_ID, CLIENT_SECRET, ROOT, NodeProcess

MOVIES = ROOT / "examples" / "movies"


@pytest.fixture(scope="module", params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings of a node's store that is empty."""
    if request.param == "memory":
        yield {}
        return
    url = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as server:
        server.execute("CREATE DATABASE movies")
        yield {"CYODA_DATABASE_URL": url.rpartition("/")[0] + "/movies"}
        server.execute("DROP DATABASE movies WITH (FORCE)")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, store: dict[str, str]) -> Iterator[tuple[Figures, list[str]]]:
    """The story's figures and what it said, with the compute node in its own process."""
    lines: list[str] = []
    with NodeProcess(tmp_path_factory.mktemp("movies"), store) as node:
        environ = os.environ | {"CYODA_CLIENT_ID": CLIENT_ID, "CYODA_CLIENT_SECRET": CLIENT_SECRET}
        member = subprocess.Popen(
            [sys.executable, str(MOVIES / "compute_node.py"), "--api", node.api, "--grpc", node.grpc],
            env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            yield tell(node.api, CLIENT_ID, CLIENT_SECRET, lines.append), lines
        finally:
            member.kill()
            member.wait()


@pytest.fixture(scope="module")
def films() -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads((MOVIES / "movies.json").read_text())
    return records


def rating_of(film: dict[str, Any]) -> float | None:
    """The public's, or the critics', whose hundred per cent are ten."""
    critics = film["Rotten Tomatoes Rating"]
    return film["IMDB Rating"] if critics is None or film["IMDB Rating"] is not None else critics / 10


def test_every_film_is_stored_and_only_rated_ones_are_appraised(
    told: tuple[Figures, list[str]], films: list[dict[str, Any]]
) -> None:
    rated = sum(film["IMDB Rating"] is not None for film in films)
    appraised = sum(rating_of(film) is not None for film in films)
    assert told[0].films == len(films) == 3201
    assert told[0].states == {"RATED": rated, "ESTIMATED": appraised - rated, "UNRATED": len(films) - appraised}
    assert sum(told[0].verdicts.values()) == appraised


def test_films_that_only_critics_rated_come_back_by_themselves(
    told: tuple[Figures, list[str]], films: list[dict[str, Any]]
) -> None:
    expected = [film["Title"] for film in films if film["IMDB Rating"] is None and rating_of(film) is not None]
    assert sorted(told[0].looked_again) == sorted(expected)
    assert len(expected) == 61


def test_genres_are_counted(told: tuple[Figures, list[str]], films: list[dict[str, Any]]) -> None:
    assert told[0].genres == Counter(film["Major Genre"] or "(none)" for film in films)


def test_verdicts_follow_profit_and_rating(told: tuple[Figures, list[str]], films: list[dict[str, Any]]) -> None:
    expected: Counter[str] = Counter()
    for film in films:
        rating = rating_of(film)
        if rating is None:
            continue
        if None in (film["Worldwide Gross"], film["Production Budget"]):
            expected["unknown"] += 1
        elif film["Worldwide Gross"] > film["Production Budget"]:
            expected["triumph" if rating >= 7 else "crowd-pleaser"] += 1
        else:
            expected["cult" if rating >= 7 else "misfire"] += 1
    assert told[0].verdicts == expected


def test_a_search_over_state_genre_and_rating_finds_the_right_films(
    told: tuple[Figures, list[str]], films: list[dict[str, Any]]
) -> None:
    expected = sorted(
        str(film["Title"]) for film in films if film["Major Genre"] == "Western" and (film["IMDB Rating"] or 0) >= 8
    )
    assert told[0].acclaimed_westerns == expected
    assert expected


def test_titles_that_are_numbers_are_found_as_numbers(
    told: tuple[Figures, list[str]], films: list[dict[str, Any]]
) -> None:
    assert told[0].numeric_titles == sorted(film["Title"] for film in films if type(film["Title"]) is int)


def test_an_indexed_search_examines_only_what_it_finds(
    told: tuple[Figures, list[str]], films: list[dict[str, Any]]
) -> None:
    expected = sorted(str(film["Title"]) for film in films if film["Director"] == "Steven Spielberg")
    assert told[0].directed == expected
    plan = told[0].plan
    assert (plan["plan"], plan["index"]) == ("index", ["by-director"])
    assert plan["rowsExamined"] == plan["rowsMatched"] == len(expected) > 0


def profit_of(film: dict[str, Any]) -> int | None:
    """Of rated films whose gross and budget are known."""
    if None in (rating_of(film), film["Worldwide Gross"], film["Production Budget"]):
        return None
    return film["Worldwide Gross"] - film["Production Budget"]


def decade_of(film: dict[str, Any]) -> str:
    """A year after 2012 was one of the 20th century."""
    found = re.search(r"\d{4}$", film["Release Date"] or "")
    if found is None:
        return "(none)"
    year = int(found[0]) - 100 * (int(found[0]) > 2012)
    return f"{year - year % 10}s"


def test_a_directors_record_holds_his_rated_films_each_committed_with_the_film(
    told: tuple[Figures, list[str]], films: list[dict[str, Any]]
) -> None:
    figures = told[0]
    expected = {
        film["Title"]: profit_of(film)
        for film in films
        if film["Director"] == "Steven Spielberg" and film["IMDB Rating"] is not None
    }
    assert {entry["title"]: entry["profit"] for entry in figures.record["films"]} == expected
    assert figures.record["profit"] == sum(profit or 0 for profit in expected.values())
    assert figures.record_transactions == figures.credit_transactions
    assert len(figures.record_transactions) == len(expected) == 22


def test_profits_are_averaged_by_decade(told: tuple[Figures, list[str]], films: list[dict[str, Any]]) -> None:
    profits: dict[str, list[int]] = {}
    for film in films:
        if (profit := profit_of(film)) is not None:
            profits.setdefault(decade_of(film), []).append(profit)
    assert {decade: count for decade, (count, _) in told[0].decades.items()} == {
        decade: len(each) for decade, each in profits.items()
    }
    for decade, each in profits.items():
        assert told[0].decades[decade][1] == pytest.approx(sum(each) / len(each), rel=1e-9)


def test_the_largest_profits_come_first(told: tuple[Figures, list[str]], films: list[dict[str, Any]]) -> None:
    profitable = [(profit, film["Title"]) for film in films if (profit := profit_of(film)) is not None]
    assert told[0].earners == [title for _, title in sorted(profitable, key=lambda each: -each[0])[:5]]
    assert told[0].earners_found == len(films)


def test_a_corrected_film_has_a_history_and_is_seen_as_it_was_before(told: tuple[Figures, list[str]]) -> None:
    figures = told[0]
    assert figures.changes == ["UPDATE", "CREATE"]
    assert (figures.verdict_before, figures.verdict_after) == ("misfire", "crowd-pleaser")


def test_the_story_says_what_it_did(told: tuple[Figures, list[str]]) -> None:
    assert any("3,201 films stored" in line for line in told[1])
