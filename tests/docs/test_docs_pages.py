"""What the pages say of kinds, suites and commands is what the program knows."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from fmbench import catalog
from fmbench.cli import app
from fmbench.errors import InputError
from fmbench.registry import ADAPTATIONS, FORMATS, KINDS, LOADERS, SOURCES
from fmbench.suite.loader import load_model, load_suite

ROOT = Path(__file__).parents[2]
PAGES = sorted([*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"])
CODE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^(?:    )?(?:\$ )?fmbench (.*)$", re.MULTILINE)


def table_of_kinds() -> dict[str, list[str]]:
    """Kind -> the cells fields, gold, metrics, models and adaptations of its row in docs/suite-file.md."""
    text = (ROOT / "docs" / "suite-file.md").read_text(encoding="utf-8")
    _, body = text.split("| kind | fields, and tables beside the rows | gold | metrics | models | adaptations |\n")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in body.split("\n\n")[0].splitlines()[1:]]
    return {row[0].strip("`"): row[1:] for row in rows}


def named(cell: str) -> list[str]:
    return re.findall(r"`([\w@-]+)`", cell)


def test_the_table_of_kinds_names_every_kind() -> None:
    assert sorted(table_of_kinds()) == sorted(KINDS)


@pytest.mark.parametrize("name", table_of_kinds())
def test_the_table_says_what_a_kind_is(name: str) -> None:
    kind, (fields, _, metrics, models, adaptations) = KINDS[name], table_of_kinds()[name]
    asked = {*(kind.raw_fields or kind.fields), *kind.optional_fields} - {kind.gather}
    beside = {*kind.side, *(column for columns in kind.side.values() for column in columns)}
    assert set(named(fields)) <= asked | beside
    if name != "imitation-control":
        assert asked <= set(named(fields))
    assert named(metrics) == list(kind.metrics)
    loaders = {model: load_model(path).spec.loader for model, path in catalog.files("models").items()}
    unfit = [model for model in named(models) if model in loaders and name not in LOADERS[loaders[model]].kinds]
    assert unfit == []
    assert [model for model in named(models) if model not in {*loaders, *LOADERS, *KINDS}] == []
    for adaptation in named(adaptations):
        owner: Any = ADAPTATIONS[adaptation]
        fit = [one for one in LOADERS.values() if one.provides in owner.needs and name in one.kinds]
        assert fit and (owner.kinds is None or name in owner.kinds), adaptation


def test_the_page_on_data_names_every_source_and_format() -> None:
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    first = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    listed = {name for cell in first for name in re.findall(r"`([\w-]+)", cell)}
    assert {*SOURCES, *FORMATS} - listed == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_suites_on_the_pages_are_read(page: Path, tmp_path: Path) -> None:
    for i, (language, text) in enumerate(CODE.findall(page.read_text(encoding="utf-8"))):
        if language != "yaml" or not re.search(r"^(suite|tasks|models):", text, re.MULTILINE):
            continue
        rest = {
            "suite": "shown",
            "models": "[majority]",
            "tasks": "[sentiment-reviews]",
            "adaptations": "{fit: {}, probe: {}}",
        }
        missing = [f"{key}: {value}\n" for key, value in rest.items() if not re.search(rf"^{key}:", text, re.MULTILINE)]
        path = tmp_path / f"{i}.yaml"
        path.write_text("".join(missing) + text, encoding="utf-8")
        try:
            load_suite(path)
        except InputError as error:
            wrong = [
                problem.message for problem in error.problems if not re.search("no such (file|folder)", problem.message)
            ]
            assert wrong == [], text


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_commands_on_the_pages_exist(page: Path) -> None:
    for line in COMMAND.findall(page.read_text(encoding="utf-8")):
        words = line.split("#")[0].split()
        command: Any = typer.main.get_command(app)
        while words and hasattr(command, "commands"):
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)} | {
            "--help",
            "--debug",
        }
        asked = re.findall(r"(?<!\S)\[?(--[a-z-]+)", " ".join(words))
        assert [option for option in asked if option not in known] == [], line
