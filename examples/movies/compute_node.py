"""A compute node: connects to the platform by gRPC and is the logic of the film workflow.

    CYODA_CLIENT_ID=… CYODA_CLIENT_SECRET=… python examples/movies/compute_node.py \\
        --api http://localhost:8080/api --grpc localhost:9090

Copy it and replace its three handlers; the library that it uses is in clients/python.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python" / "src"))
from cyoda_member import Context, Member, Schedule, Settings

NEWEST_FILM = 2012  # two-digit years of the source were read as 20xx; nothing in it is younger

member = Member(tags=["movies"])


@member.processor("appraise")
def appraise(film: dict[str, Any]) -> dict[str, Any]:
    """A processor: adds `appraisal` with decade, profit and verdict."""
    gross, budget = film.get("Worldwide Gross"), film.get("Production Budget")
    profit = gross - budget if gross is not None and budget is not None else None
    return film | {
        "appraisal": {
            "decade": decade(film.get("Release Date")),
            "profit": profit,
            "verdict": verdict(profit, rating(film)),
        }
    }


@member.function("nextLook")
def next_look(film: dict[str, Any]) -> Schedule:
    """When to look again at a film that nobody rated: soon if the critics did, else in a year."""
    return Schedule(after=timedelta(days=365) if film["Rotten Tomatoes Rating"] is None else timedelta(seconds=1))


@member.processor("credit")
async def credit(film: dict[str, Any], context: Context) -> None:
    """Enters the film in its director's record, in the film's own transaction: both are committed, or neither is."""
    named = {"type": "simple", "jsonPath": "$.name", "operatorType": "EQUALS", "value": film["Director"]}
    entry = {"film": context.entity_id, "title": film["Title"], "profit": film["appraisal"]["profit"]}
    async with context.join() as api:
        found = await api.search("director", 1, named)
        record = found[0].document if found else {"name": film["Director"], "films": []}
        films = [*(other for other in record["films"] if other["film"] != context.entity_id), entry]
        record |= {"films": films, "profit": sum(each["profit"] or 0 for each in films)}
        if found:
            await api.update(found[0].id, record)
        else:
            await api.create("director", 1, record)


def decade(release_date: str | None) -> str | None:
    year = re.search(r"\d{4}$", release_date or "")
    if year is None:
        return None
    number = int(year[0]) if int(year[0]) <= NEWEST_FILM else int(year[0]) - 100
    return f"{number // 10 * 10}s"


def rating(film: dict[str, Any]) -> Decimal | int:
    """From 0 to 10: of the public, or else of the critics, who give per cent."""
    public: Decimal | int | None = film["IMDB Rating"]
    return Decimal(film["Rotten Tomatoes Rating"]) / 10 if public is None else public


def verdict(profit: int | None, rating: Decimal | int) -> str:
    if profit is None:
        return "unknown"
    loved = rating >= 7
    if profit > 0:
        return "triumph" if loved else "crowd-pleaser"
    return "cult" if loved else "misfire"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--api", default="http://localhost:8080/api")
    parser.add_argument("--grpc", default="localhost:9090")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    member.run(
        Settings(
            client_id=os.environ["CYODA_CLIENT_ID"],
            client_secret=os.environ["CYODA_CLIENT_SECRET"],
            api=arguments.api,
            grpc=arguments.grpc,
        )
    )
