"""A published site against the reports: scores recomputed from stored predictions, and pages against their data."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fmbench.errors import FmbenchError, InputError, Place, Problem
from fmbench.leaderboard.export import SCHEMA
from fmbench.leaderboard.render import row_id
from fmbench.leaderboard.sources import Stored, predictions_of
from fmbench.registry import METRICS
from fmbench.run.store import Store

TOLERANCE = 1e-12
_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


@dataclass
class Verdict:
    """How many scores were recomputed, and what did not agree; `unproven` have no stored predictions."""

    scores: int = 0
    unproven: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)


def verify_site(site: Path, reports: Path) -> Verdict:
    """Recompute every score of the boards under `site` from the predictions under `reports`, to 1e-12.

    Raises:
        InputError: no board there, or one that cannot be read.
    """
    files = sorted([*site.glob("data/board.json"), *site.glob("*/data/board.json")])
    if not files:
        raise InputError(Problem("no data/board.json in it or in its folders", Place(str(site))))
    verdict = Verdict()
    for file in files:
        tree = _read(file)
        _scores(tree, reports, verdict)
        _page(tree, file.parent.parent / "index.html", verdict)
    return verdict


def _read(file: Path) -> dict[str, Any]:
    try:
        tree = json.loads(file.read_bytes())
    except ValueError as error:
        raise InputError(Problem(f"not valid JSON: {error}", Place(str(file)))) from None
    if not isinstance(tree, dict) or tree.get("schema") != SCHEMA:
        raise InputError(Problem(f"not a board of schema {SCHEMA}", Place(str(file))))
    return tree


def _scores(tree: dict[str, Any], reports: Path, verdict: Verdict) -> None:
    columns = [i for i, name in enumerate(tree["columns"]) if name.startswith("task:")]
    for row in tree["rows"]:
        for score in row["scores"]:
            task = tree["tasks"][score["task"]]
            shown = row["cells"][columns[score["task"]]][0]
            what = f"{tree['board']}: {row['model']} · {row['adaptation']} · {task['task']}"
            found = [_recomputed(reports, address, task, row) for address in score["cells"]]
            problems = [one for one in found if isinstance(one, str)]
            if problems:
                (verdict.wrong if any(p.startswith("not") for p in problems) else verdict.unproven).append(
                    f"{what}: {problems[0]}"
                )
                continue
            value = math.fsum(one for one in found if not isinstance(one, str)) / len(found)
            verdict.scores += 1
            if not abs(value - shown) <= TOLERANCE * max(1.0, abs(value)):
                verdict.wrong.append(f"{what}: the site says {shown!r}, the predictions give {value!r}")


def _recomputed(reports: Path, address: str, task: dict[str, Any], row: dict[str, Any]) -> float | str:
    """The score of one cell from its predictions, or why there is none; "not ..." where something is another."""
    suite, _, folder = address.partition("/")
    if ".." in Path(address).parts or Path(address).is_absolute():
        return "not an address inside of the reports"
    store = Store(reports / suite)
    result = store.result(folder)
    if result is None:
        return f"no result in {address}"
    if (result.model, result.adaptation, result.task, result.task_version) != (
        row["model"], row["adaptation"], task["task"], task["version"],
    ) or (result.data and result.data.fingerprint) != task["fingerprint"]:  # fmt: skip
        return f"not the cell that the site names: {address}"
    predictions = predictions_of(Stored(store, folder, result))
    if predictions is None or result.data is None:
        return f"no stored predictions in {address}"
    metric = METRICS[task["metric"]]
    try:
        return float(metric.score(metric.statistics(predictions, result.data.labels)))
    except (FmbenchError, KeyError, ValueError) as error:
        return f"not scorable: {error}"


def _page(tree: dict[str, Any], page: Path, verdict: Verdict) -> None:
    """Every number in the page's data against board.json."""
    found = _DATA.search(page.read_text(encoding="utf-8")) if page.is_file() else None
    if found is None:
        if tree["rows"]:
            verdict.wrong.append(f"{page}: no page, or one without data")
        return
    data = json.loads(found[1])
    names = {name: i for i, name in enumerate(tree["columns"])}
    rows = {row["id"]: row for row in tree["rows"]}
    for name, cells in zip(data["ids"], data["rows"], strict=True):
        row = rows.get(name)
        if row is None or row_id_of(row) != name:
            verdict.wrong.append(f"{page}: a row {name} that board.json does not have")
            continue
        for column, shown in zip(data["columns"], cells, strict=True):
            if _parts(shown) != row["cells"][names[column["name"]]][:3]:
                verdict.wrong.append(f"{page}: {row['model']}, {column['name']}: not what board.json says")


def row_id_of(row: dict[str, Any]) -> str:
    """The id that a row of board.json must have."""
    from fmbench.leaderboard.board import Row

    return row_id(Row(row["model"], row["adaptation"], None, None, None, None, None, 0, (), (), ()))


def _parts(cell: Any) -> list[Any]:
    if isinstance(cell, list):
        return cell
    return [None, None, None] if cell is None or isinstance(cell, dict) else [cell, None, None]


def lines_of(verdict: Verdict, most: int = 20) -> Iterator[str]:
    """What to print of a verdict."""
    for list_, what in ((verdict.wrong, "wrong"), (verdict.unproven, "unproven")):
        for text in list_[:most]:
            yield f"{what}: {text}"
        if len(list_) > most:
            yield f"{what}: {len(list_) - most} more"
    yield f"{verdict.scores} scores recomputed, {len(verdict.wrong)} wrong, {len(verdict.unproven)} unproven"
