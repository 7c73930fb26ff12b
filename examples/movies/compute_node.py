"""A compute node: connects to the platform by gRPC and runs the `appraise` processor of the film workflow.

    CYODA_CLIENT_ID=… CYODA_CLIENT_SECRET=… python examples/movies/compute_node.py \\
        --api http://localhost:8080/api --grpc localhost:9090

Copy it and replace `appraise`; the library that it uses is in clients/python.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "clients" / "python" / "src"))
from cyoda_member import Member, Settings

NEWEST_FILM = 2012  # two-digit years of the source were read as 20xx; nothing in it is younger

member = Member(tags=["movies"])


@member.processor("appraise")
def appraise(film: dict[str, Any]) -> dict[str, Any]:
    """The business logic: adds `appraisal` with decade, profit and verdict."""
    gross, budget = film.get("Worldwide Gross"), film.get("Production Budget")
    profit = gross - budget if gross is not None and budget is not None else None
    return film | {
        "appraisal": {
            "decade": decade(film.get("Release Date")),
            "profit": profit,
            "verdict": verdict(profit, film["IMDB Rating"]),
        }
    }


def decade(release_date: str | None) -> str | None:
    year = re.search(r"\d{4}$", release_date or "")
    if year is None:
        return None
    number = int(year[0]) if int(year[0]) <= NEWEST_FILM else int(year[0]) - 100
    return f"{number // 10 * 10}s"


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
