"""Board files and reports to a site on disk, and the proof of it; bad board files are told with their places."""

from __future__ import annotations

import csv
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pyarrow as pa
import pytest

from fmbench.cli import main
from fmbench.errors import InputError, NothingMeasured
from fmbench.leaderboard.build import build_site, build_suite_board
from fmbench.leaderboard.serve import server
from fmbench.leaderboard.sources import Stored, contributions_of
from fmbench.leaderboard.spec import load_board
from fmbench.leaderboard.verify import lines_of, verify_site
from fmbench.run.result import Result
from fmbench.run.store import Store

GOOD = "board: mine\ntitle: Mine\nsuites: [tiny]\n"


def written(tmp_path: Path, **files: str) -> list[Path]:
    for name, text in files.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    return [tmp_path / f"{name}.yaml" for name in files]


def content(site: Path) -> dict[str, bytes]:
    return {str(path.relative_to(site)): path.read_bytes() for path in sorted(site.rglob("*")) if path.is_file()}


def test_a_site_is_the_same_bytes_twice(tmp_path: Path, reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1767225600")
    files = written(tmp_path, one=GOOD, two="board: other\ntitle: T\nsuites: [tiny, absent]\ntasks: [u]\n")
    pages = build_site(files, reports, tmp_path / "site")
    assert [str(page.relative_to(tmp_path / "site")) for page in pages] == ["mine/index.html", "other/index.html"]
    first = content(tmp_path / "site")
    assert {
        "index.html",
        "mine/index.html",
        "mine/data/board.json",
        "mine/data/board.csv",
        "mine/data/long.csv",
    } <= set(first)
    assert b"2026-01-01" in first["mine/index.html"]
    build_site(files, reports, tmp_path / "again")
    assert content(tmp_path / "again") == first
    other = json.loads(first["other/data/board.json"])
    assert ([task["task"] for task in other["tasks"]], other["missing"]) == (["u"], ["absent"])
    assert b"<bdi>absent</bdi> yet: <code>fmbench run suites/absent.yaml</code> makes it" in first["other/index.html"]
    assert b'href="feed.xml"' in first["other/index.html"]
    assert b'href="badge.svg"' in first["other/index.html"]
    assert first["mine/feed.xml"] != first["other/feed.xml"]
    assert b"b \xc2\xb7 fit" in first["index.html"]


def test_reasons_come_from_the_plan(tmp_path: Path, reports: Path) -> None:
    (page,) = build_site(written(tmp_path, one=GOOD), reports, tmp_path / "site")
    tree = json.loads((page.parent / "data" / "board.json").read_bytes())
    at = {name: i for i, name in enumerate(tree["columns"])}
    reasons = {row["model"]: [row["cells"][at[f"task:{t}"]][3] for t in "tu"] for row in tree["rows"]}
    assert reasons == {
        "a": [None, None],
        "b": [None, None],
        "c": [None, "failed: no luck"],
        "d": ["not run", "unsupported"],
    }


def test_every_score_has_a_page_with_its_evidence(tmp_path: Path, reports: Path) -> None:
    (page,) = build_site(written(tmp_path, one=GOOD), reports, tmp_path / "site")
    cells = sorted((page.parent / "cells").iterdir())
    assert len(cells) == 6 + 3
    for cell in cells:
        assert f'href="cells/{cell.name}"' in page.read_text() or "no luck" in cell.read_text()
    good = next(
        text
        for cell in cells
        if "· <bdi>fit</bdi> on <bdi>t</bdi>" in (text := cell.read_text()) and "<bdi>a</bdi>" in text
    )
    assert "Chance, ceiling</th><td>0.5, 1; from the one (0) to the other (100) this row is at 20.0</td>" in good
    for part in (
        "fmbench run tiny.yaml --models a --tasks t --adaptations fit --seeds 0",
        "f" * 64,
        "Confusion",
        "Reliability",
        "Curve: loss",
        "The worst 20",
        "typos severity 3",
        "20 of 50 examples are not exactly right",
        "slice good",
    ):
        assert part in good, part
    build_site(written(tmp_path, one=GOOD), reports, tmp_path / "bare", cells=False)
    assert not (tmp_path / "bare" / "mine" / "cells").exists()


def test_verify_proves_a_site_and_finds_what_was_changed(tmp_path: Path, reports: Path) -> None:
    site = tmp_path / "site"
    (page,) = build_site(written(tmp_path, one=GOOD), reports, site)
    found = verify_site(site, reports)
    assert (found.scores, found.wrong, found.unproven) == (5, [], [])
    assert list(lines_of(found)) == ["5 scores recomputed, 0 wrong, 0 unproven"]
    data = page.parent / "data" / "board.json"
    tree = json.loads(data.read_bytes())
    at = tree["columns"].index("task:t")
    tree["rows"][0]["cells"][at][0] += 1e-9
    data.write_text(json.dumps(tree))
    wrong = verify_site(site, reports).wrong
    assert len(wrong) == 2
    assert "the site says" in wrong[0]
    assert "not what board.json says" in wrong[1]


def test_verify_tells_what_has_no_evidence(tmp_path: Path, reports: Path) -> None:
    site = tmp_path / "site"
    build_site(written(tmp_path, one=GOOD), reports, site)
    (reports / "tiny" / "t" / "a" / "fit" / "seed-1" / "predictions.parquet").unlink()
    found = verify_site(site, reports)
    assert (found.scores, len(found.wrong), len(found.unproven)) == (4, 0, 1)
    with pytest.raises(InputError, match=r"no data/board\.json"):
        verify_site(reports, reports)


def test_a_site_on_localhost(tmp_path: Path, reports: Path) -> None:
    build_site(written(tmp_path, one=GOOD), reports, tmp_path / "site")
    with server(tmp_path / "site", 0) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{running.server_address[1]}/mine/index.html") as answer:
            assert answer.read() == (tmp_path / "site" / "mine" / "index.html").read_bytes()
        running.shutdown()
    with pytest.raises(InputError, match=r"no index\.html"):
        server(tmp_path, 0)


def test_the_board_of_one_suite(reports: Path, tmp_path: Path) -> None:
    text = build_suite_board(Store(reports / "tiny"), tmp_path / "page.html").read_text()
    assert "<h1><bdi>tiny</bdi></h1>" in text
    assert "About it" in text
    assert "failed: no luck" in text
    assert "href" not in text.split("<script")[0]


def test_a_board_without_a_report_is_a_page_that_says_so(tmp_path: Path, reports: Path) -> None:
    files = written(tmp_path, one=GOOD.replace("tiny", "absent"))
    with pytest.raises(NothingMeasured, match=r"no report of absent.*`fmbench run suites/absent\.yaml`"):
        build_site(files, reports, tmp_path / "site")
    page = (tmp_path / "site" / "mine" / "index.html").read_text()
    assert "No results yet" in page
    assert "<code>fmbench run suites/absent.yaml</code>, then <code>fmbench leaderboard build</code>" in page
    assert "no results" in (tmp_path / "site" / "mine" / "badge.svg").read_text()


def test_the_committed_boards_are_good_and_build(tmp_path: Path, reports: Path) -> None:
    files = sorted((Path(__file__).parents[2] / "leaderboards").glob("*.yaml"))
    assert {"all", "finance", "medical", "nlp-core", "recommendation"} <= {load_board(file).board for file in files}
    pages = build_site([*files, *written(tmp_path, one=GOOD)], reports, tmp_path / "site")
    assert all(page.is_file() for page in pages)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("board: mine\ntitel: Mine\ntitle: M\nsuites: [a]\n", "2:1: unknown key 'titel'; did you mean 'title'?"),
        ("board: mine\ntitle: 3\nsuites: [a]\n", "2:8: "),
        ("board: mine\ntitle: M\nsuites: []\n", "3:9: "),
        ("board: ../../etc/passwd\ntitle: M\nsuites: [a]\n", "1:8: "),
        ("board: mine\ntitle: M\nsuites: [../up]\n", "3:10: "),
        ("board: mine\ntitle: ''\nsuites: [a]\n", "2:8: "),
        ("board: mine\ntitle: M\nsuites: [a]\ndomains: {x: {weight: 0}}\n", "4:23: "),
        (
            "board: mine\ntitle: M\nsuites: [a]\nadaptations: [prob]\n",
            "4:15: unknown adaptation 'prob'; did you mean 'probe'?",
        ),
        ("board: mine\ntitle: M\nsuites: [a, b, a]\n", "3:16: suites: 'a' is named twice"),
        ("board: mine\ntitle: M\nsuites: [a]\naggregate: median\n", "4:12: "),
        ("- a\n", "1:1: "),
        ("board: [\n", "2:1: "),
    ],
)
def test_a_bad_board_file_is_told_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    (file,) = written(tmp_path, bad=text)
    with pytest.raises(InputError) as error:
        load_board(file)
    assert str(error.value).splitlines()[0].startswith(f"{file}:{problem}")


def test_tasks_and_domains_that_the_suites_do_not_have_are_told_with_their_place(tmp_path: Path, reports: Path) -> None:
    files = written(
        tmp_path,
        one=GOOD + "tasks: [t, tt]\n",
        two="board: other\ntitle: T\nsuites: [tiny]\ndomains: {general: {weight: 2}, generl: {weight: 1}}\n",
    )
    with pytest.raises(InputError) as error:
        build_site(files, reports, tmp_path / "site")
    assert str(error.value).splitlines() == [
        f"{files[0]}:4:12: no suite of the board has the task 'tt'; did you mean 't'?",
        f"{files[1]}:4:33: no task of the board has the domain 'generl' (there are: general); did you mean 'general'?",
    ]
    assert not (tmp_path / "site").exists()
    later = written(tmp_path, three=GOOD.replace("[tiny]", "[tiny, absent]") + "tasks: [t, of-the-absent]\n")
    assert build_site(later, reports, tmp_path / "site")


def test_all_problems_of_all_files_come_together(tmp_path: Path, reports: Path) -> None:
    files = written(tmp_path, good=GOOD, one="titel: x\n", two="board: a b\ntitle: T\nsuites: [a]\n", again=GOOD)
    with pytest.raises(InputError) as error:
        build_site([*files, tmp_path / "absent.yaml"], reports, tmp_path / "site")
    lines = str(error.value).splitlines()
    for part in (
        "one.yaml:1:1",
        "'board'",
        "'title'",
        "'suites'",
        "two.yaml:1:8",
        "absent.yaml: no such file",
        "again.yaml: the board",
    ):
        assert any(part in line for line in lines), (part, lines)
    assert not (tmp_path / "site").exists()


def test_a_task_that_nobody_ran_yet_stays_in_its_domain(tmp_path: Path, reports: Path) -> None:
    store = Store(reports / "tiny")
    plan = store.plan()
    assert plan is not None
    new = {"folder": "v/a/fit/seed-0", "task": "v", "domain": "medical"}
    store.write_plan({**plan, "cells": [*plan["cells"], {**plan["cells"][0], **new}]})
    build_site(written(tmp_path, one=GOOD), reports, tmp_path / "site", cells=False)
    board = json.loads((tmp_path / "site/mine/data/board.json").read_text())
    assert {task["task"]: task["domain"] for task in board["tasks"]}["v"] == "medical"
    assert [domain["name"] for domain in board["domains"]] == ["general", "medical"]


def test_the_workflow_calls_commands_that_there_are() -> None:
    """Every fmbench command of pages.yml: its verb and its options are those of the command line."""
    import shlex

    from typer.main import get_command

    from fmbench.cli import app

    text = (Path(__file__).parents[2] / ".github" / "workflows" / "pages.yml").read_text()
    lines = [
        shlex.split(line.split("||")[0]) for line in text.splitlines() if line.strip().startswith(".venv/bin/fmbench")
    ]
    assert [words[1:3] for words in lines] == [
        ["run", "suites/$suite.yaml"],
        ["leaderboard", "build"],
        ["leaderboard", "verify"],
    ]
    for words in lines:
        command = get_command(app)
        rest = words[1:]
        while hasattr(command, "commands"):
            command, *rest = command.commands[rest[0]], *rest[1:]
        options = {name for parameter in command.params for name in parameter.opts}
        assert {word for word in rest if word.startswith("--")} <= options


def test_curves_are_drawn_as_what_they_are(
    tmp_path: Path, result: Callable[..., Result], predictions: Callable[..., pa.Table]
) -> None:
    """Steps, few-shot curves on a board and its cells, risk by coverage; columns of tables are no curves."""
    store = Store(tmp_path / "reports" / "tiny")
    curves = {
        "loss": [3.0, 2.0, 1.0], "few_shot": [0.6, 0.7, 0.9], "confusion_gold": [0, 0, 1], "length_cuts": [3.0, 9.0],
        "reliability_n": [5, 5], "risk_coverage_coverage": [0.1, 1.0], "risk_coverage_risk": [0.0, 0.2],
    }  # fmt: skip
    settings = {"adaptation": {"shots": [1, 4, 16]}}
    cells = []
    for i, model in enumerate("ab"):
        one = result(model, 0.7, suite="tiny", curves=curves if i else {}, settings=settings if i else {})
        store.save(f"task/{model}/fit/seed-0", one, predictions(one))
        cells.append({"folder": f"task/{model}/fit/seed-0", "task": "task", "task_version": 1, "model": model,
                      "adaptation": "fit", "seed": 0, "settings": one.settings})  # fmt: skip
    store.write_plan({"suite": "tiny", "cells": cells})
    (page,) = build_site(written(tmp_path, one=GOOD), tmp_path / "reports", tmp_path / "site")
    (cell,) = (text for path in page.parent.glob("cells/*-*.html") if "Few-shot" in (text := path.read_text()))
    names = [part.split("</h2>")[0] for part in cell.split("<figure><h2>")[1:]]
    assert names == ["Curve: loss", "Few-shot", "Risk and coverage", "Reliability"]
    assert "accuracy at examples of each class 4: 0.7" in cell
    board = page.read_text()
    assert "<h3>Few-shot</h3>" in board
    assert "b · fit, examples of each class 16: 80.0" in board


def test_a_table_in_the_terminal_is_the_view(
    tmp_path: Path, reports: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (file,) = written(tmp_path, one=GOOD)

    def said(*arguments: str, code: int = 0) -> str:
        with pytest.raises(SystemExit) as left:
            main(["leaderboard", "table", *arguments, "--reports", str(reports)])
        out, err = capsys.readouterr()
        assert (left.value.code or 0) == code
        return out if code == 0 else err

    def models(*arguments: str) -> list[str]:
        return [line["model"] for line in csv.DictReader(said(str(file), "--format", "csv", *arguments).splitlines())]

    view = "https://host/mine/index.html#sort=-t0&q=%40tasks%3A2&cols=-params"
    assert models() == ["b", "a", "c", "d"]
    assert models("--view", view) == ["b", "a"]
    assert said(str(file), "--format", "markdown").startswith("| Rank | Model | Method | Score |")
    text = said(str(file))
    assert "Model" in text and "– 1 of 2 tasks" in text
    (tmp_path / "leaderboards").mkdir()
    (tmp_path / "leaderboards" / "mine.yaml").write_text(GOOD)
    monkeypatch.chdir(tmp_path)
    assert said("mine") == text
    assert "--format latx: not one of text, csv, json, markdown, latex; did you mean 'latex'?" in said(
        str(file), "--format", "latx", code=2
    )
    assert "no such file" in said("absent", code=2)
    empty = written(tmp_path, three=GOOD.replace("tiny", "absent"))[0]
    assert "`fmbench run suites/absent.yaml`" in said(str(empty), code=3)


@pytest.mark.parametrize(("patients", "units"), [("pppp", None), ("pppq", 2)])
def test_one_cluster_alone_contributes_nothing(
    tmp_path: Path, result: Callable[..., Result], recwarn: pytest.WarningsRecorder, patients: str, units: int | None
) -> None:
    store = Store(tmp_path / "tiny")
    one = result("a", suite="tiny", main_metric="mae", settings={"cluster_key": "patient"})
    numbers = {"gold": [1.0, 2.0, 3.0, 4.0], "prediction": [1.0, 3.0, 3.0, 2.0]}
    store.save("task/a/fit/seed-0", one, pa.table({**numbers, "perturbation": [""] * 4, "patient": list(patients)}))
    found = contributions_of(Stored(store, "task/a/fit/seed-0", one))
    assert (None if found is None else len(found)) == units
    assert not [warning for warning in recwarn if warning.category is RuntimeWarning]
