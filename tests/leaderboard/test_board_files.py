"""Board files and reports to a site on disk, and the proof of it; bad board files are told with their places."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from threading import Thread

import pytest

from fmbench.errors import InputError, NothingMeasured
from fmbench.leaderboard.build import build_site, build_suite_board
from fmbench.leaderboard.serve import server
from fmbench.leaderboard.spec import load_board
from fmbench.leaderboard.verify import lines_of, verify_site
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
    assert "Chance, ceiling</th><td>0.5, 1; this row is at 20.0 % of the way</td>" in good
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
        f"{files[1]}:4:32: no task of the board has the domain 'generl' (there are: general); did you mean 'general'?",
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
