"""fmbench run: a suite file to results and a leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fmbench.cli.options import (
    Adaptations,
    Json,
    Models,
    Overrides,
    Seeds,
    SuiteArgument,
    Tasks,
    Workers,
    console,
    names,
    numbers,
)
from fmbench.errors import InputError


def run(
    suite: SuiteArgument,
    models: Models = None,
    tasks: Tasks = None,
    adaptations: Adaptations = None,
    seeds: Seeds = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, mps or tpu.")] = "auto",
    out: Annotated[Path, typer.Option(help="Where the report folder goes.")] = Path("reports"),
    limit: Annotated[int | None, typer.Option(min=1, help="First N rows of each split; own report folder.")] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute even what is there already.")] = False,
    workers: Workers = "1",
    overrides: Overrides = None,
    json: Json = False,
) -> None:
    """Run a suite: what is there already is not computed again, what is missing is."""
    from fmbench.cli.tables import plan_table, result_table
    from fmbench.leaderboard.build import build_suite_board
    from fmbench.run.check import check_suite
    from fmbench.run.device import DEVICES, resolve_device
    from fmbench.run.execute import execute
    from fmbench.run.progress import Silent, display
    from fmbench.run.store import Store
    from fmbench.run.workers import worker_count
    from fmbench.suite.loader import load_suite
    from fmbench.suite.plan import Selection, plan

    if device not in DEVICES:
        raise InputError(f"--device {device}: not one of {', '.join(DEVICES)}")
    loaded = load_suite(suite, overrides or ())
    selection = Selection(names(models), names(tasks), names(adaptations), numbers(seeds))
    cells = plan(loaded, selection)
    datasets = check_suite(loaded, limit)
    device = resolve_device(device)
    count = worker_count(workers, device)
    store = Store(out / (loaded.name if limit is None else f"{loaded.name}-limit-{limit}"))
    screen = console(stderr=True)
    if not json:
        screen.print(plan_table(loaded, cells, datasets))
    progress = Silent() if json else display(screen)
    try:
        outcome = execute(loaded, cells, store, datasets, progress, device, fresh, limit, count)
    except KeyboardInterrupt:
        done = sum(store.result(cell.folder) is not None for cell in cells)
        screen.print(f"interrupted: {done} of {len(cells)} cells are stored; the same command goes on from there")
        raise typer.Exit(130) from None
    page = build_suite_board(store, store.folder / "leaderboard.html")
    results = [result for _, result in outcome.results]
    if json:
        typer.echo("[" + ",\n".join(result.model_dump_json(by_alias=True) for result in results) + "]")
    else:
        console().print(result_table(results))
        kept = len(results) - outcome.computed
        typer.echo(f"{outcome.computed} cells computed, {kept} taken from earlier runs, {outcome.failures} failed")
        typer.echo(f"results: {store.folder}")
        typer.echo(f"leaderboard: {page}")
    if outcome.failures:
        raise typer.Exit(1)
