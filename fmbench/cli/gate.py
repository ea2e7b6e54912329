"""fmbench gate and compare: two reports, paired on the same examples."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmbench.cli.options import Models, Tasks, console, names
from fmbench.errors import InputError, NothingMeasured

if TYPE_CHECKING:
    from fmbench.errors import Place
    from fmbench.gate.rules import Rules
    from fmbench.gate.side import Side
    from fmbench.gate.verdict import Verdict

Base = Annotated[Path, typer.Argument(metavar="BASE", help="Report folder or baseline.", show_default=False)]
New = Annotated[Path, typer.Argument(metavar="NEW", help="Report folder.", show_default=False)]
Margins = Annotated[
    list[str] | None, typer.Option("--margin", metavar="[METRIC=]M", help="Loss that does not matter: 0.01 is a point.")
]
SuiteOption = Annotated[
    Path | None, typer.Option("--suite", metavar="FILE", help="Suite file whose `gate:` section to use.")
]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Verdict as JSON; - for the screen.")]
MarkdownFile = Annotated[Path | None, typer.Option("--markdown", metavar="FILE", help="Table for a pull request.")]
JunitFile = Annotated[Path | None, typer.Option("--junit", metavar="FILE", help="JUnit XML.")]
Github = Annotated[bool, typer.Option("--github", help="Annotations, and the step summary of GitHub Actions.")]
Inconclusive = Annotated[
    str | None, typer.Option("--inconclusive", metavar="warn|fail", help="What an undecided metric does.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Undecided is exit 4, cells or seeds that were not run exit 3.")]


def gate(
    base: Base,
    new: New,
    margin: Margins = None,
    suite: SuiteOption = None,
    models: Models = None,
    tasks: Tasks = None,
    inconclusive: Annotated[
        str | None, typer.Option(metavar="warn|fail", help="What an undecided metric does.")
    ] = None,
    strict: Strict = False,
    bench: Annotated[
        list[Path] | None, typer.Option("--bench", metavar="FILE", help="JSON of fmbench bench: adds speed and memory.")
    ] = None,
    json: JsonFile = None,
    markdown: MarkdownFile = None,
    junit: JunitFile = None,
    github: Github = False,
) -> None:
    """Decide whether NEW is worse than BASE: 0 pass, 1 regression, 3 not measured, 4 undecided (--strict)."""
    from fmbench.gate.document import read_checks
    from fmbench.gate.pairing import gate as judged

    before, after = read_base(base), read_new(new)
    rules, places = rules_and_places(after, suite, margin or [], inconclusive, strict)
    verdict = judged(before, after, rules, names(models), names(tasks))
    for file in bench or []:
        verdict = read_checks(verdict, file)
    write(verdict, verdict.exit_code, json, markdown, junit, github, places)
    raise typer.Exit(verdict.exit_code)


def compare(base: Base, new: New, models: Models = None, tasks: Tasks = None, json: JsonFile = None) -> None:
    """Show how NEW differs from BASE, paired per task: changes, intervals, flipped examples. 0 if it compared."""
    from fmbench.gate.pairing import gate as judged

    before, after = read_base(base), read_new(new)
    rules, places = rules_and_places(after)
    verdict = judged(before, after, rules, names(models), names(tasks))
    write(verdict, 0 if verdict.checks else 3, json, None, None, False, places)
    if not verdict.checks:
        raise typer.Exit(3)


def read_side(path: Path) -> Side:
    from fmbench.gate.side import read_side as read

    return read(path)


def read_base(path: Path) -> Side:
    """Raises NothingMeasured where there is no baseline yet."""
    if not path.exists():
        raise NothingMeasured(f"{path}: no baseline here; save one with: fmbench baseline save REPORT --out {path}")
    return read_side(path)


read_new = read_side


def rules_and_places(
    new: Side,
    suite: Path | None = None,
    margins: Sequence[str] = (),
    inconclusive: str | None = None,
    strict: bool = False,
) -> tuple[Rules, dict[str, Place]]:
    """The rules of the suite file if one is given, else those that the new report was made with; lines of tasks."""
    from fmbench.gate.rules import rules_of

    if suite is None:
        return rules_of(new.gate, margins, inconclusive, strict), {}
    from fmbench.suite.loader import load_suite

    loaded = load_suite(suite)
    if loaded.name != new.suite:
        raise InputError(f"{suite} is the suite {loaded.name!r}, {new.path} is of {new.suite!r}")
    return rules_of(loaded.gate, margins, inconclusive, strict), {task.name: task.place for task in loaded.tasks}


def write(
    verdict: Verdict, code: int, json: Path | None, markdown: Path | None, junit: Path | None, github: bool,
    places: dict[str, Place],
) -> None:  # fmt: skip
    """The table, and every file that was asked for; missing folders on the way to a file are made."""
    from fmbench.cli.verdict_table import show
    from fmbench.files import write_atomic
    from fmbench.gate import github as for_github
    from fmbench.gate.document import to_json
    from fmbench.gate.junit import junit as to_junit
    from fmbench.gate.markdown import markdown as to_markdown

    if json is not None and str(json) == "-":
        typer.echo(to_json(verdict, code), nl=False)
    else:
        show(verdict, console())
        if json is not None:
            write_atomic(json, to_json(verdict, code).encode())
    if markdown is not None:
        write_atomic(markdown, to_markdown(verdict).encode())
    if junit is not None:
        write_atomic(junit, to_junit(verdict))
    if github:
        for line in for_github.annotation_lines(verdict, places):
            typer.echo(line)
        if os.environ.get("GITHUB_STEP_SUMMARY"):
            summary = Path(os.environ["GITHUB_STEP_SUMMARY"])
            summary.parent.mkdir(parents=True, exist_ok=True)
            with summary.open("a", encoding="utf-8") as stream:
                stream.write(for_github.summary_of(to_markdown(verdict)))
