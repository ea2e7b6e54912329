"""fmbench audit: what one should know of a data set before its scores are believed."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmbench.cli.options import Json, console, names

if TYPE_CHECKING:
    from rich.console import Console

    from fmbench.data.audit import Audit
    from fmbench.suite.schema import Task

Target = Annotated[str, typer.Argument(help="Suite file, task file, or name of a task.", metavar="SUITE|TASK")]
Only = Annotated[str | None, typer.Option("--tasks", help="Of a suite: only these tasks, by comma.")]
SHOWN = 5


def audit(target: Target, tasks: Only = None, json: Json = False) -> None:
    """Rows, classes, lengths, doubles, leaks across splits, noisy labels, chance level and smallest difference."""
    from fmbench.data.audit import audit as look
    from fmbench.data.dataset import load_dataset
    from fmbench.errors import NothingMeasured

    wanted = names(tasks)
    chosen = [task for task in tasks_of(target) if wanted is None or task.name in wanted]
    if not chosen:
        raise NothingMeasured(f"{target}: no task of that name")
    found = [look(task, load_dataset(task)) for task in chosen]
    if json:
        typer.echo(json_module.dumps([one.to_dict() for one in found], ensure_ascii=False))
        return
    out = console()
    for one in found:
        _print(out, one)


def tasks_of(target: str) -> tuple[Task, ...]:
    """The tasks of a suite file, the task of a task file, or the task of the catalog that goes by this name."""
    from fmbench import catalog
    from fmbench.errors import InputError, Problem, nearest
    from fmbench.suite.loader import load_suite, load_task
    from fmbench.suite.marks import read_yaml

    path = Path(target)
    if not target.endswith((".yaml", ".yml")) and not path.is_file():
        known = catalog.files("tasks")
        if target not in known:
            raise InputError(Problem(f"no suite file and no task {target!r}", hint=nearest(target, known)))
        path = known[target]
    value = read_yaml(path).value
    if isinstance(value, dict) and "kind" in value and "suite" not in value:
        return (load_task(path),)
    return load_suite(path).tasks


def _print(out: Console, found: Audit) -> None:
    from fmbench.cli.tables import clip

    def say(text: str) -> None:
        out.print(text, markup=False, highlight=False, soft_wrap=True)

    say(f"{found.task} · {found.kind} · {found.source}")
    say("  rows         " + ", ".join(f"{split} {n:,}" for split, n in found.rows.items()))
    for split, classes in found.classes.items():
        listed = [f"{label} {n:,}" for label, n in list(classes.items())[:8]]
        more = [f"and {len(classes) - 8} more"] if len(classes) > 8 else []
        say(f"  {'classes' if split == 'train' else '':<12} {split}: {', '.join([*listed, *more])}")
    for split, at in found.lengths.items():
        spread = f"{at['p5']:g} to {at['p95']:g}, median {at['p50']:g}, longest {at['p100']:g}"
        say(f"  {'lengths' if split == next(iter(found.lengths)) else '':<12} {split}: {spread}")
    say("  doubles      " + ", ".join(f"{split} {n:,}" for split, n in found.doubles.items()))
    for split, n in found.leaks.items() if found.rows["train"] else ():
        near = [one for one in found.near if one.split == split]
        share = (n + len(near)) / found.rows[split]
        say(f"  leaks        {split}: {n:,} rows also in train, {len(near):,} nearly ({share:.1%} of the split)")
        for one in near[:SHOWN]:
            say(f"    {one.similarity:.2f}  {one.id} {clip(one.text)!r} ~ {one.train_id} {clip(one.train_text)!r}")
    say(f"  conflicts    {len(found.conflicts):,} inputs with different labels")
    for conflict in found.conflicts[:SHOWN]:
        say(f"    {clip(conflict.text)!r}: {', '.join(f'{label} {n}' for label, n in conflict.labels.items())}")
    if "label noise" not in found.skipped:
        say(f"  label noise  {len(found.suspects):,} suspects in train")
    for suspect in found.suspects[:SHOWN]:
        sure = f"{suspect.label}, likely {suspect.suggested} ({suspect.probability:.2f})"
        say(f"    {suspect.id} {clip(suspect.text)!r}: {sure}")
    if found.majority is not None:
        chance = "" if found.chance is None else f"chance {100 * found.chance:.1f} %, "
        say(f"  levels       {chance}majority {100 * found.majority:.1f} % of test")
    if found.detectable is not None:
        say(f"  detectable   {100 * found.detectable:.2f} points: {found.detectable_of}")
    for what, why in found.skipped.items():
        say(f"  not looked   {what}: {why}")
    for note in found.notes:
        say(f"  note         {note}")
