"""The committed boards, built and verified from runs of their suites: real tasks and models, few rows of each."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from fmbench.cli import main
from fmbench.leaderboard.build import build_site
from fmbench.leaderboard.spec import load_board
from fmbench.leaderboard.verify import verify_site

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LIMIT = 24
EFFICIENCY = "{latency_samples: 2, repeats: 2}"
RUNS = {
    "nlp-core": "majority,tfidf-logreg",
    "medical": "majority,tfidf-logreg,table-logreg",
    "finance": "majority,tfidf-logreg,table-logreg,naive",
    "recommendation": "random-ranking,popularity,item-knn",
    "education": "majority,tfidf-logreg",
    "city": "majority,tfidf-logreg,naive",
    "driving": "majority,tfidf-logreg,ridge",
    "vision": "majority,pixel-logreg",
    "multilingual": "majority,tfidf-logreg",
    "knowledge": "majority,tfidf-cosine",
}
"""Suite -> its cheapest models. Speech is left out: its board says how it is made."""
UNDEFINED = {("short-answers", "majority")}
"""A correlation with a constant has no value."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of all suites and, in `site`, all committed boards."""
    folder = tmp_path_factory.mktemp("real")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FMBENCH_CACHE", str(folder / "cache"))
        patch.setenv("SOURCE_DATE_EPOCH", "1767225600")
        for suite, models in RUNS.items():
            run(suite, models, folder)
            (folder / f"{suite}-limit-{LIMIT}").rename(folder / suite)
        build_site(sorted((ROOT / "leaderboards").glob("*.yaml")), folder, folder / "site")
    return folder / "site"


def run(suite: str, models: str, out: Path) -> None:
    efficiency = EFFICIENCY if suite == "nlp-core" else "false"
    arguments = ["run", str(ROOT / "suites" / f"{suite}.yaml"), "--models", models, "--limit", str(LIMIT)]
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said), pytest.raises(SystemExit) as left:
        main([*arguments, "--seeds", "0", "--out", str(out), "--set", f"measure.efficiency={efficiency}"])
    assert not left.value.code, said.getvalue()


def tree(site: Path, board: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((site / board / "data" / "board.json").read_bytes())
    return found


def test_every_score_of_every_committed_board_is_proven(site: Path) -> None:
    found = verify_site(site, site.parent)
    assert (found.wrong, found.unproven) == ([], [])
    names = [load_board(file).board for file in sorted((ROOT / "leaderboards").glob("*.yaml"))]
    assert found.scores == sum(len(row["scores"]) for name in names for row in tree(site, name)["rows"]) > 60


@pytest.mark.parametrize("board", ["nlp-core", "medical", "finance", "recommendation", "all"])
def test_a_board_shows_every_task_and_model_of_its_suites(site: Path, board: str) -> None:
    suites = load_board(ROOT / "leaderboards" / f"{board}.yaml").suites
    found = tree(site, board)
    wanted = {
        (suite, cell["task"], cell["model"], cell["adaptation"])
        for suite in suites
        if suite in RUNS
        for cell in json.loads((site.parent / suite / "plan.json").read_bytes())["cells"]
        if cell["model"] in RUNS[suite].split(",")
    }
    tasks = [(task["suite"], task["task"]) for task in found["tasks"]]
    shown = {
        (*tasks[score["task"]], row["model"], row["adaptation"]) for row in found["rows"] for score in row["scores"]
    }
    unscored = {cell for cell in wanted - shown if (cell[1], cell[2]) not in UNDEFINED}
    assert (unscored, shown - wanted) == (set(), set())
    assert set(tasks) == {cell[:2] for cell in wanted}
    at = [i for i, name in enumerate(found["columns"]) if name.startswith("task:")]
    others = [row for row in found["rows"] if row["model"] == "minilm-l6"]
    assert others
    assert {row["cells"][i][3] for row in others for i in at} <= {"not run", "unsupported"}
    assert found["missing"] == [suite for suite in suites if suite not in RUNS]
    page = (site / board / "index.html").read_text()
    assert len(list((site / board / "cells").glob("*-*.html"))) == len(wanted)
    assert ("fmbench run suites/speech.yaml</code> makes it" in page) == ("speech" in suites)
    assert all(f"{name}</bdi>" in page for _, name in tasks)


def test_generated_tasks_show_the_ceiling_that_their_generator_states(site: Path) -> None:
    from fmbench.data.dataset import load_dataset
    from fmbench.suite.loader import load_suite

    tasks = {task["task"]: task for task in tree(site, "finance")["tasks"]}
    stated = {name for name, task in tasks.items() if task["ceiling_stated"]}
    assert stated == {"card-fraud", "credit-drift", "regime-forecast"}
    (fraud,) = (t for t in load_suite(ROOT / "suites" / "finance.yaml").tasks if t.name == "card-fraud")
    known = load_dataset(fraud, LIMIT).ceiling[tasks["card-fraud"]["metric"]]
    assert tasks["card-fraud"]["ceiling"] == known < 1
    cells = [page.read_text() for page in (site / "finance" / "cells").glob("*-*.html")]
    told = [text for text in cells if "a bound, nothing can be expected to do better on such rows" in text]
    assert len(told) == sum(tasks[score_task]["ceiling_stated"] for score_task in scored_tasks(tree(site, "finance")))
    assert f"{known:.4g}: a bound" in "".join(told)


def test_what_is_learnt_beats_what_is_trivial(site: Path) -> None:
    """Even from two dozen rows: the order of a board makes sense."""
    found = tree(site, "medical")
    column = found["columns"].index("task:breast-cancer")
    scores = {row["model"]: row["cells"][column][0] for row in found["rows"]}
    assert scores["table-logreg"] > scores["majority"]
    heads = {row["model"]: row["headline"][0] for row in tree(site, "recommendation")["rows"] if row["headline"]}
    assert set(heads) == {"popularity", "item-knn", "random-ranking"}
    assert heads["item-knn"] > heads["popularity"] == 0


def scored_tasks(board: dict[str, Any]) -> list[str]:
    return [board["tasks"][score["task"]]["task"] for row in board["rows"] for score in row["scores"]]
