"""fmbench bench: speed and memory of two sides, measured in one job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fmbench.cli.gate import Github, Inconclusive, JsonFile, JunitFile, MarkdownFile, Strict, write
from fmbench.cli.options import Adaptations, Models, Tasks, console, names
from fmbench.errors import NothingMeasured

if TYPE_CHECKING:
    from fmbench.gate.verdict import Cells

SideArgument = typer.Argument(
    help="Folder with the suite in it, checkout of fmbench, or a Python executable; default: this fmbench.",
    show_default=False,
)
Sets = list[str] | None


def bench(
    base: Annotated[Path | None, SideArgument] = None,
    new: Annotated[Path | None, SideArgument] = None,
    suite: Annotated[Path, typer.Option("--suite", metavar="SUITE", help="Suite file.")] = Path("suites/nlp-core.yaml"),
    models: Models = None,
    tasks: Tasks = None,
    adaptations: Adaptations = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the cells that are fitted.")] = 0,
    base_python: Annotated[Path | None, typer.Option(help="Python of the base.")] = None,
    new_python: Annotated[Path | None, typer.Option(help="Python of the new side.")] = None,
    base_set: Annotated[Sets, typer.Option("--base-set", metavar="KEY=VALUE", help="Override the base.")] = None,
    new_set: Annotated[Sets, typer.Option("--new-set", metavar="KEY=VALUE", help="Override new.")] = None,
    examples: Annotated[int, typer.Option(min=1, help="Test examples in a timed pass.")] = 64,
    limit: Annotated[int | None, typer.Option(min=1, help="First N rows of each split.")] = None,
    device: Annotated[str, typer.Option(help="Timed by CPU time, cuda by its events, others by wall time.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Of each process.")] = 1,
    margin: Annotated[float | None, typer.Option(min=0.001, help="Slowdown that does not matter: 0.05 is 5 %.")] = None,
    inconclusive: Inconclusive = None,
    strict: Strict = False,
    json: JsonFile = None,
    markdown: MarkdownFile = None,
    junit: JunitFile = None,
    github: Github = False,
) -> None:
    """Measure two code revisions, environments or settings in one job; alone, `--models A,B` compares two models.

    Both sides and a second copy of the base take turns in fresh processes; more rounds while undecided.
    """
    from datetime import UTC, datetime

    from fmbench.gate.arm import SideFailed
    from fmbench.gate.bench import Bench
    from fmbench.gate.bench import bench as measured
    from fmbench.gate.bench_side import contents_of, pairs_of, sides_of
    from fmbench.gate.provenance import provenance
    from fmbench.gate.rules import rules_of
    from fmbench.gate.verdict import Check, Part, Refused, Verdict
    from fmbench.run.device import resolve_device

    started = datetime.now(UTC)
    before, after = sides_of([base, new], [base_python, new_python], suite, ["--base-python", "--new-python"])
    old = contents_of(before, base_set or [], seed, "base")
    now = contents_of(after, new_set or [], seed, "new")
    rules = rules_of(now.gate, (), inconclusive, strict)
    device = resolve_device(device)
    two = base is None and new is None
    pairs = pairs_of(old, now, names(models), names(tasks), names(adaptations), two_models=two)
    if not pairs.both:
        raise NothingMeasured(pairs.why_none())
    screen = console(stderr=True)
    settings = Bench(
        clock={"cpu": "cpu", "cuda": "device"}.get(device, "wall"),
        speed_margin=margin or rules.speed_margin,
        memory_margin=rules.memory_margin,
        threads=threads,
        cells=len(pairs.both),
        tell=lambda line: screen.print(line, markup=False, highlight=False, soft_wrap=True),
    )
    checks: list[Check] = []
    refused: list[Refused] = []
    for cells, first, second in pairs.both:
        versions = [side.versions[cell.task] for side, cell in ((old, first), (now, second))]
        if versions[0] != versions[1]:
            refused.append(Refused(str(cells), f"task version {versions[0]} in the base, {versions[1]} in new"))
            continue
        one = before.arm(_job(first, base_set, seed, examples, limit, device), old.minutes)
        other = after.arm(_job(second, new_set, seed, examples, limit, device), now.minutes)
        try:
            checks += measured(cells, one, other, settings)
        except SideFailed as error:
            refused.append(Refused(str(cells), str(error)))
    note = f"{settings.clock} time, {threads} thread, load {os.getloadavg()[0]:.1f} at the end"
    verdict = Verdict(
        now.suite,
        str(before),
        str(after),
        tuple(checks),
        tuple(refused),
        absent=tuple(Part(cells, (seed,)) for cells in pairs.only_base),
        only_new=tuple(Part(cells, (seed,)) for cells in pairs.only_new),
        notes=(note,),
        policy=rules.policy,
        started_at=started.isoformat(timespec="seconds"),
        environment=provenance(device, threads, before, after),
    )
    write(verdict, verdict.exit_code, json, markdown, junit, github, now.places)
    raise typer.Exit(verdict.exit_code)


def _job(cell: Cells, overrides: Sets, seed: int, examples: int, limit: int | None, device: str) -> dict[str, Any]:
    return {
        "overrides": overrides or [],
        "task": cell.task,
        "model": cell.model,
        "adaptation": cell.adaptation,
        "seed": seed,
        "examples": examples,
        "limit": limit,
        "device": device,
    }
