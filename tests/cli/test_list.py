from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fmbench import catalog, registry
from fmbench.cli import main
from fmbench.cli.listing import What

ROOT = Path(__file__).parents[2]
NAMES: dict[str, Any] = {
    "models": catalog.files("models"),
    "tasks": catalog.files("tasks"),
    "kinds": registry.KINDS,
    "adaptations": registry.ADAPTATIONS,
    "metrics": registry.METRICS,
    "measures": registry.MEASURES,
    "perturbations": registry.PERTURBATIONS,
    "sources": registry.SOURCES,
}


def listed(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as left:
        main(["list", *arguments])
    out, err = capsys.readouterr()
    assert left.value.code == 0, err
    assert err == ""
    return out


@pytest.mark.parametrize("what", NAMES)
def test_json_has_every_name_and_says_what_it_is(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(listed([what, "--json"], capsys))
    assert [row["name"] for row in rows] == list(NAMES[what])
    assert all(len(row) > 1 and set(row) == set(rows[0]) for row in rows)
    if "description" in rows[0]:
        assert all(row["description"].endswith(".") or what in ("models", "tasks") for row in rows)
        assert all(row["description"] for row in rows)


@pytest.mark.parametrize("what", NAMES)
def test_the_table_has_every_name(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = listed([what], capsys).split()
    assert set(NAMES[what]) <= set(words)


def test_every_sort_is_covered() -> None:
    assert {what.value for what in What} == {*NAMES, "suites"}


def test_suites_of_the_folder(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    rows = {row["suite"]: row["file"] for row in json.loads(listed(["suites", "--json"], capsys))}
    assert rows["nlp-core"] == "suites/nlp-core.yaml"


def test_suites_that_cannot_be_read_are_listed_as_such(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert json.loads(listed(["suites", "--json"], capsys)) == []
    assert "name" in listed(["suites"], capsys)
    (tmp_path / "suites" / "deep").mkdir(parents=True)
    (tmp_path / "suites" / "bad.yaml").write_text("suite: [\n")
    (tmp_path / "suites" / "deep" / "odd.yaml").write_text("{suite: 3, description: '[bold]x[/bold]'}\n")
    (tmp_path / "suites" / "task.yaml").write_text("{name: no suite}\n")
    (tmp_path / "suites" / "list.yaml").write_text("- a\n")
    bad, odd = json.loads(listed(["suites", "--json"], capsys))
    assert bad["file"] == "suites/bad.yaml"
    assert bad["description"].startswith("unreadable: not valid YAML")
    assert odd == {"file": "suites/deep/odd.yaml", "suite": "3", "description": "[bold]x[/bold]"}
    assert "[bold]x[/bold]" in listed(["suites"], capsys)
