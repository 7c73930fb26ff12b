"""The story: 3,201 real films from the file to answers, over the public API only.

Discover the model from real records, lock it, give it a workflow whose logic runs in `compute_node.py`, store all
films, see those that nobody rated come back when their time has come, and ask: who made money, what do the decades look
like, what did one director make, and how was it found, what is in the record that the workflow keeps of him, what did
this film say before it was changed.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from examples.movies.client import Api, Json, until

HERE = Path(__file__).parent
MODEL = "film/1"
DIRECTORS = "director/1"
BATCH = 100
APPRAISED_SAMPLES = [
    {"appraisal": {"decade": "1990s", "profit": 3_000_000_000, "verdict": "triumph"}},
    {"appraisal": {"decade": None, "profit": None, "verdict": "unknown"}},
]
RECORD_SAMPLES = [
    {"name": "somebody", "profit": 3_000_000_000, "films": [{"film": "id", "title": "title", "profit": 3_000_000_000}]},
    {"name": "somebody", "profit": 0, "films": [{"film": "id", "title": 1941, "profit": None}]},
]
DIRECTOR = "Steven Spielberg"
INDEXES = [{"id": "by-director", "fields": ["$.Director"]}]
PAGE = 5
EVERYTHING = {"type": "group", "operator": "AND", "conditions": []}

Say = Callable[[str], None]


@dataclass
class Figures:
    """What the story found; the acceptance test computes each figure again from the file."""

    films: int = 0
    samples: int = 0
    states: dict[str, int] = field(default_factory=dict[str, int])
    genres: dict[str, int] = field(default_factory=dict[str, int])
    verdicts: dict[str, int] = field(default_factory=dict[str, int])
    acclaimed_westerns: list[str] = field(default_factory=list[str])
    numeric_titles: list[int] = field(default_factory=list[int])
    looked_again: list[Json] = field(default_factory=list[Json])
    directed: list[Json] = field(default_factory=list[Json])
    plan: dict[str, Json] = field(default_factory=dict[str, Json])
    decades: dict[str, tuple[int, float]] = field(default_factory=dict[str, tuple[int, float]])
    earners: list[Json] = field(default_factory=list[Json])
    earners_found: int = 0
    record: dict[str, Json] = field(default_factory=dict[str, Json])
    record_transactions: set[str] = field(default_factory=set[str])
    credit_transactions: set[str] = field(default_factory=set[str])
    revised_title: str = ""
    verdict_before: str = ""
    verdict_after: str = ""
    changes: list[str] = field(default_factory=list[str])


def films() -> list[Json]:
    """The records as they are in the file, numbers included."""
    return json.loads((HERE / "movies.json").read_text())


def telling_samples(records: list[Json]) -> list[Json]:
    """The records that show a field with a type not seen before: all that discovery needs."""
    seen: set[tuple[str, str]] = set()
    samples: list[Json] = []
    for record in records:
        kinds = {(name, _kind(value)) for name, value in record.items()}
        if not kinds <= seen:
            seen |= kinds
            samples.append(record)
    return samples


def _kind(value: Json) -> str:
    if isinstance(value, str):
        return value if re.fullmatch(r"[\d:.,TZ+-]+", value) else "text"
    if isinstance(value, int):
        return "int" if abs(value) < 2**31 else "long"
    return type(value).__name__


def tell(base_url: str, client_id: str, client_secret: str, say: Say = print) -> Figures:
    """Run the whole story (or only its questions, when the films are already there)."""
    with httpx.Client(base_url=base_url, timeout=60) as http:
        return _tell(Api(http, client_id, client_secret), say)


def _tell(api: Api, say: Say) -> Figures:
    figures = Figures()
    if not api.exists(f"/model/export/SIMPLE_VIEW/{MODEL}"):
        _discover(api, figures, say)
    if not api.exists(f"/model/export/SIMPLE_VIEW/{DIRECTORS}"):
        _learn(api, DIRECTORS, RECORD_SAMPLES)
    api.call("POST", f"/model/{MODEL}/workflow/import", json.loads((HERE / "workflow.json").read_text()))
    if api.call("GET", f"/entity/stats/{MODEL}")["count"] == 0:
        _ingest(api, say)
        _look_again(api, figures, say)
    _count(api, figures, say)
    _ask(api, figures, say)
    _find_by_index(api, figures, say)
    _credit(api, figures, say)
    _group(api, figures, say)
    _rank(api, figures, say)
    _revise(api, figures, say)
    return figures


def _discover(api: Api, figures: Figures, say: Say) -> None:
    samples = telling_samples(films()) + APPRAISED_SAMPLES
    _learn(api, MODEL, samples)
    figures.samples = len(samples)
    fields = api.call("GET", f"/model/export/SIMPLE_VIEW/{MODEL}")["model"]["$"]
    say(f"model film 1 discovered from {len(samples)} telling records; a title is {fields['.Title']}, "
        f"a rating {fields['.IMDB Rating']}")  # fmt: skip


def _learn(api: Api, model: str, samples: list[Json]) -> None:
    for sample in samples:
        api.call("POST", f"/model/import/JSON/SAMPLE_DATA/{model}", sample)
    api.call("PUT", f"/model/{model}/lock")


def _ingest(api: Api, say: Say) -> None:
    started = time.perf_counter()
    records = films()
    for batch in _batches(records):
        api.call("POST", f"/entity/JSON/{MODEL}", batch, transactionWindow=str(BATCH))
    seconds = time.perf_counter() - started
    say(f"{len(records):,} films stored in {seconds:.1f} s, each rated one appraised by the compute node")


def _batches(records: list[Json]) -> Iterator[list[Json]]:
    for start in range(0, len(records), BATCH):
        yield records[start : start + BATCH]


def _look_again(api: Api, figures: Figures, say: Say) -> None:
    """The scheduled transition: the compute node said when, the platform fires it then; nobody calls."""
    waiting = _all_of(_state("UNRATED"), _field("Rotten Tomatoes Rating", "NOT_NULL"))
    until(lambda: api.search(MODEL, waiting), lambda found: not found)
    figures.looked_again = [found["data"]["Title"] for found in api.search(MODEL, _state("ESTIMATED"))]
    say(f"{len(figures.looked_again)} films without a rating came back by themselves a second later, as the compute "
        f"node had asked, and were appraised by the critics' rating, such as {figures.looked_again[0]}")  # fmt: skip


def _count(api: Api, figures: Figures, say: Say) -> None:
    figures.films = api.call("GET", f"/entity/stats/{MODEL}")["count"]
    figures.states = {row["state"]: row["count"] for row in api.call("GET", f"/entity/stats/states/{MODEL}")}
    for found in api.search(MODEL, EVERYTHING):
        film = found["data"]
        genre = film["Major Genre"] or "(none)"
        figures.genres[genre] = figures.genres.get(genre, 0) + 1
        if "appraisal" in film:
            verdict = film["appraisal"]["verdict"]
            figures.verdicts[verdict] = figures.verdicts.get(verdict, 0) + 1
    say("films by state: " + _listed(figures.states))
    say("films by genre: " + _listed(figures.genres))
    say("verdicts: " + _listed(figures.verdicts))


def _ask(api: Api, figures: Figures, say: Say) -> None:
    western, acclaimed = _field("Major Genre", "EQUALS", "Western"), _field("IMDB Rating", "GREATER_OR_EQUAL", 8)
    westerns = api.search(MODEL, _all_of(_state("RATED"), western, acclaimed))
    figures.acclaimed_westerns = sorted(str(found["data"]["Title"]) for found in westerns)
    say("westerns rated 8 or better: " + ", ".join(figures.acclaimed_westerns))
    numeric = api.search(MODEL, _field("Title", "GREATER_THAN", 0))
    figures.numeric_titles = sorted(f["data"]["Title"] for f in numeric if isinstance(f["data"]["Title"], int))
    say("films whose title is a number: " + ", ".join(map(str, figures.numeric_titles)))


def _find_by_index(api: Api, figures: Figures, say: Say) -> None:
    """Declare what is searched for, and see that a search no longer looks at every film."""
    api.call("PUT", f"/model/{MODEL}/indexes", {"indexes": INDEXES})
    until(
        lambda: api.call("GET", f"/model/{MODEL}/indexes"),
        lambda found: all(one["state"] == "ready" for one in found["indexes"]),
    )
    condition = _field("Director", "EQUALS", DIRECTOR)
    figures.directed = sorted(str(found["data"]["Title"]) for found in api.search(MODEL, condition))
    [figures.plan] = api.search(MODEL, condition, explain="true")
    plan = figures.plan
    say(f"{len(figures.directed)} films by {DIRECTOR}: plan {plan['plan']} ({', '.join(plan['index'])}), "
        f"{plan['rowsExamined']:,} of {figures.films:,} rows examined")  # fmt: skip


def _credit(api: Api, figures: Figures, say: Say) -> None:
    """The joined callback: each credit changes a film and its director's record in one transaction."""
    is_his = _field("name", "EQUALS", DIRECTOR)
    recorded = {entry["film"] for record in api.search(DIRECTORS, is_his) for entry in record["data"]["films"]}
    for film in api.search(MODEL, _all_of(_state("RATED"), _field("Director", "EQUALS", DIRECTOR))):
        if film["meta"]["id"] not in recorded:
            credited = api.call("PUT", f"/entity/JSON/{film['meta']['id']}/credit", film["data"])
            figures.credit_transactions.add(credited["transactionId"])
    [record] = api.search(DIRECTORS, is_his)
    figures.record = record["data"]
    changes = api.call("GET", f"/entity/{record['meta']['id']}/changes")
    figures.record_transactions = {change["transactionId"] for change in changes}
    say(f"the record of {DIRECTOR}, kept by the compute node inside the transactions of {len(figures.record['films'])} "
        f"films: ${figures.record['profit'] / 1e6:,.0f} M in {len(changes)} versions")  # fmt: skip


def _group(api: Api, figures: Figures, say: Say) -> None:
    """One request: rated films and their average profit by the decade that the compute node found."""
    found = api.call("POST", f"/entity/stats/{MODEL}/query", {
        "groupBy": ["$.appraisal.decade"],
        "condition": _field("appraisal.profit", "NOT_NULL"),
        "aggregations": [{"op": "avg", "field": "$.appraisal.profit", "as": "profit"}],
    })  # fmt: skip
    figures.decades = {
        group["groupKey"][0]["value"] or "(none)": (group["count"], group["aggregations"]["profit"]) for group in found
    }
    say("average profit in millions (films) by decade: " + ", ".join(
        f"{decade} {profit / 1e6:,.1f} ({count:,})"
        for decade, (count, profit) in sorted(figures.decades.items())
    ))  # fmt: skip


def _rank(api: Api, figures: Figures, say: Say) -> None:
    """A search in the background: all films sorted once, then read page by page."""
    job = api.call("POST", f"/search/async/{MODEL}", EVERYTHING, sort="appraisal.profit:desc")
    status = until(
        lambda: api.call("GET", f"/search/async/{job}/status"), lambda status: status["searchJobStatus"] != "RUNNING"
    )
    if status["searchJobStatus"] != "SUCCESSFUL":
        raise RuntimeError(f"search {job}: {status['searchJobStatus']}")
    page = api.call("GET", f"/search/async/{job}", pageSize=str(PAGE), pageNumber="0")
    figures.earners = [found["data"]["Title"] for found in page["content"]]
    figures.earners_found = page["page"]["totalElements"]
    say(f"largest profits, page 1 of {page['page']['totalPages']}: " + ", ".join(
        f"{found['data']['Title']} ${found['data']['appraisal']['profit'] / 1e6:,.0f} M" for found in page["content"]
    ))  # fmt: skip


def _revise(api: Api, figures: Figures, say: Say) -> None:
    """Correct one film, watch its history, and look at it as it was before."""
    title = "The Land Girls"
    [found] = api.search(MODEL, _field("Title", "EQUALS", title))
    film, meta = found["data"], found["meta"]
    if film["Worldwide Gross"] == 146083:
        film = film | {"Worldwide Gross": 9_146_083}
        api.call("PUT", f"/entity/JSON/{meta['id']}/revise", film)
    changes = api.call("GET", f"/entity/{meta['id']}/changes")
    before = api.call("GET", f"/entity/{meta['id']}", pointInTime=changes[-1]["timeOfChange"])
    after = api.call("GET", f"/entity/{meta['id']}")
    figures.revised_title = title
    figures.changes = [change["changeType"] for change in changes]
    figures.verdict_before = before["data"]["appraisal"]["verdict"]
    figures.verdict_after = after["data"]["appraisal"]["verdict"]
    say(f"'{title}' was a {figures.verdict_before} and became a {figures.verdict_after} when its gross was corrected; "
        f"as of {changes[-1]['timeOfChange']} it still reads {figures.verdict_before}; "
        f"history: {' <- '.join(figures.changes)}")  # fmt: skip


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in sorted(counts.items(), key=lambda item: -item[1]))


def _state(name: str) -> Json:
    return {"type": "lifecycle", "field": "state", "operatorType": "EQUALS", "value": name}


def _field(name: str, operator: str, value: Json = None) -> Json:
    return {"type": "simple", "jsonPath": f"$.{name}", "operatorType": operator, "value": value}


def _all_of(*conditions: Json) -> Json:
    return {"type": "group", "operator": "AND", "conditions": conditions}
