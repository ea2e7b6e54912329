"""`fmbench bench BASE NEW` in a project that uses fmbench: two folders with suites and plugins of their own."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from gated import command

from fmbench.gate.bench import Bench
from fmbench.gate.bench_side import HERE, sides_of
from fmbench.gate.speed import Stage

Capture = pytest.CaptureFixture[str]
PLUGIN = """\
import json, os, sys
from typing import ClassVar
from fmbench.models.classical.majority import Majority
from fmbench.suite.schema import Spec

class Mine(Majority):
    class Settings(Spec):
        {setting}: int = 1

    def fit(self, data, seed):
        with open(os.environ["MINE_LOG"], "a") as log:
            found = {{"file": __file__, "path": sys.path[:3], "in": os.getcwd(), "rows": len(data.train)}}
            log.write(json.dumps(found) + "\\n")
        return super().fit(data, seed)
"""


def project(folder: Path, setting: str, models: str, rows: int, version: int = 1) -> Path:
    """A project with a plugin in src/, whose model has one setting, and suites/mine.yaml."""
    package = folder / "src" / "mine"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN.format(setting=setting))
    told = folder / "src" / "mine-1.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[fmbench.model_loaders]\nmine = mine:Mine\n")
    (folder / "suites").mkdir()
    text = "".join(f"{'good' if i % 2 else 'bad'}\t{'fine' if i % 2 else 'dull'} {i}\n" for i in range(rows))
    (folder / "suites" / "rows.tsv").write_text("label\ttext\n" + text)
    (folder / "suites" / "mine.yaml").write_text(
        f"suite: mine\nmodels:\n  - {{name: mine, loader: mine, settings: {{{setting}: 2}}}}\n{models}"
        f"tasks:\n  - name: rows\n    kind: text-classification\n    version: {version}\n"
        "    data: {files: {train: rows.tsv}}\nadaptations: {fit: {}}\nseeds: [0]\n"
    )
    return folder


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return project(tmp_path / "base", "old_setting", "  - {name: gone, loader: majority}\n", 40)


@pytest.fixture
def new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; nothing here can import its plugin."""
    monkeypatch.setattr("fmbench.gate.bench.Bench", partial(Bench, stages=(Stage(1, 2, 0.01),)))
    monkeypatch.setattr("fmbench.gate.bench.PASS_SECONDS", 0.001)
    monkeypatch.setenv("MINE_LOG", str(tmp_path / "log"))
    folder = project(tmp_path / "new", "new_setting", "  - {name: fresh, loader: majority}\n", 60)
    monkeypatch.chdir(folder)
    return folder


def test_each_side_reads_its_own_suite_with_its_own_plugin(base: Path, new: Path, capsys: Capture) -> None:
    code, out, err = command(capsys, "bench", "../base", ".", "--suite", "suites/mine.yaml", "--json", "-")
    assert code == 0, err
    content = json.loads(out)
    assert {check["name"].rpartition("/")[0] for check in content["checks"]} == {"rows/mine[fit]"}
    assert content["absent"] == [
        {"task": "rows", "model": "gone", "adaptation": "fit", "seeds": [0], "whole": True, "why": ""}
    ]
    assert [one["model"] for one in content["only_new"]] == ["fresh"]
    assert (content["base"].endswith(str(base)), content["new"].endswith(str(new))) == (True, True)
    seen = [json.loads(line) for line in (new.parent / "log").read_text().splitlines()]
    files = sorted(one["file"] for one in seen)
    assert files == [str(base / "src/mine/__init__.py")] * 2 + [str(new / "src/mine/__init__.py")]
    for one in seen:
        side = base if str(base) in one["file"] else new
        assert one["path"] == [str(side / "src"), str(side), str(HERE)]
        assert one["in"] == str(side)
    assert len({one["rows"] for one in seen}) == 2, "each side has rows of its own"


def test_cells_of_one_side_are_told_to_people_and_strict_minds_those_of_the_base(
    base: Path, new: Path, capsys: Capture
) -> None:
    options = ["bench", base, new, "--suite", "suites/mine.yaml"]
    code, out, _ = command(capsys, *options, "--strict")
    assert code == 3
    assert "not run in new, which fails under --strict: rows/gone[fit]" in out
    assert "only in new, nothing to compare with: rows/fresh[fit]" in out
    code, _, err = command(capsys, *options, "--models", "gone,fresh")
    assert (code, err.count("\n")) == (3, 1)
    assert "no cells that both sides have; only base: rows/gone[fit]; only new: rows/fresh[fit]" in err


def test_annotations_stand_on_the_line_of_the_new_sides_suite(base: Path, new: Path, capsys: Capture) -> None:
    text = (new / "suites/mine.yaml").read_text()
    (new / "suites/mine.yaml").write_text("# a comment\n" + text)
    code, out, _ = command(capsys, "bench", "../base", ".", "--suite", "suites/mine.yaml", "--github")
    assert code == 0, "two rounds leave it undecided"
    line = text[: text.index("  - name: rows")].count("\n") + 2
    assert f"file=suites/mine.yaml,line={line}," in out


def test_a_plugin_that_cannot_be_loaded_is_named_with_its_side(base: Path, new: Path, capsys: Capture) -> None:
    (base / "src/mine/__init__.py").write_text("raise ImportError('half of it is missing')")
    code, _, err = command(capsys, "bench", "../base", ".", "--suite", "suites/mine.yaml")
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("base: ")
    assert "half of it is missing" in err


@pytest.mark.parametrize(
    "where", ["suites/mine.yaml", "new/suites/mine.yaml", "base/suites/mine.yaml", "{root}/new/suites/mine.yaml"]
)
def test_the_suite_is_named_as_it_lies_in_a_side_or_from_here(
    base: Path, new: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.chdir(base.parent)
    suite = Path(where.format(root=base.parent))
    found = sides_of([Path("base"), Path("new")], [None, None], suite, ["", ""])
    assert [side.suite for side in found] == [Path("base/suites/mine.yaml"), Path("new/suites/mine.yaml")]


def test_a_worktree_inside_the_project_is_a_side_of_its_own(base: Path, new: Path) -> None:
    shutil.copytree(base, new / "worktree")
    found = sides_of([Path("worktree"), Path(".")], [None, None], Path("worktree/suites/mine.yaml"), ["", ""])
    assert [side.suite for side in found] == [Path("worktree/suites/mine.yaml"), Path("suites/mine.yaml")]


def test_another_interpreter_gets_the_code_of_the_side_but_not_this_fmbench(base: Path, new: Path) -> None:
    python = base / "python"
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    side, other = sides_of([base, HERE], [python, None], Path("suites/mine.yaml"), ["", ""])
    assert side.paths == (base / "src", base)
    assert (other.paths, other.own) == ((HERE,), False), "a checkout of fmbench, as ever"


def test_another_task_version_is_not_compared(base: Path, new: Path, capsys: Capture) -> None:
    text = (new / "suites/mine.yaml").read_text()
    (new / "suites/mine.yaml").write_text(text.replace("version: 1", "version: 2"))
    code, out, _ = command(capsys, "bench", base, new, "--suite", "suites/mine.yaml", "--json", "-")
    assert code == 3
    why = "task version 1 in the base, 2 in new"
    assert json.loads(out)["refused"] == [{"what": "rows/mine[fit]", "why": why}]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["../base", ".", "--suite", "suites/other.yaml"], "../base: neither a folder with suites/other.yaml in it"),
        (["../base", ".", "--suite", "/suites/mine.yaml"], "--suite /suites/mine.yaml: lies in none of the sides"),
        (["../base", ".", "--suite", "suites/mine.yaml", "--models", "gon"], "did you mean 'gone'?"),
        (["../base", ".", "--suite", "suites/mine.yaml", "--new-set", "suite=other"], "the suite 'mine', the new side"),
        (["../base", ".", "--suite", "suites/mine.yaml", "--base-set", "seedz=1"], "base: "),
    ],
)
def test_bad_input_is_one_line_and_exit_2(
    base: Path, new: Path, capsys: Capture, arguments: list[str], line: str
) -> None:
    code, out, err = command(capsys, "bench", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert line in err
