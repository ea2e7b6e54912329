"""Two sides -> the pairs that may be compared, and why the others may not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fmbench.errors import InputError, NothingMeasured, Problem
from fmbench.gate.foreign import coded
from fmbench.gate.quality import Pair, judge
from fmbench.gate.rules import Rules
from fmbench.gate.side import Cell, Side
from fmbench.gate.verdict import Cells, Check, Flip, Refused, Verdict
from fmbench.measure.foreign import Foreign
from fmbench.registry import METRICS

Selection = Sequence[str] | None


@dataclass(frozen=True)
class Common:
    """The cells of one task x model x adaptation that both sides have, by seed: (base, new)."""

    cells: Cells
    seeds: tuple[tuple[Cell, Cell], ...]


def gate(
    base: Side,
    new: Side,
    rules: Rules,
    models: Selection = None,
    tasks: Selection = None,
    family: int | None = None,
) -> Verdict:
    """The verdict on quality, and a note on why speed is not in it.

    Args:
        family: how many metrics are gated in all, where only some of them are judged here.

    Raises:
        InputError: the sides are of different suites or suite versions, or have no cell in common.
        NothingMeasured: the selection leaves nothing.
    """
    both, absent = common(base, new, models, tasks)
    pairs: list[Pair] = []
    refused: list[Refused] = []
    for one in both:
        why = refusals(one)
        refused += [Refused(str(one.cells), reason) for reason in why]
        pairs += [] if why else _pairs(one, rules, refused)
    checks = [_with_answers(check, both) for check in judge(pairs, rules.alpha, family)]
    notes = [speed_note(both)]
    return Verdict(new.suite, str(base.path), str(new.path), tuple(checks), tuple(refused), tuple(absent), tuple(notes))


def common(
    base: Side, new: Side, models: Selection = None, tasks: Selection = None
) -> tuple[list[Common], list[Cells]]:
    """What both sides have, in the order of the base; and what only the base has. Raises as `gate` does."""
    _refuse_other_suite(base, new)
    wanted = _selected((*base.cells, *new.cells), models, tasks)
    theirs = {(cell.cells, cell.seed): cell for cell in new.cells}
    found: dict[Cells, list[tuple[Cell, Cell]]] = {}
    for cell in base.cells:
        if cell.cells in wanted and cell.error is None:
            found.setdefault(cell.cells, [])
            if (cell.cells, cell.seed) in theirs:
                found[cell.cells].append((cell, theirs[cell.cells, cell.seed]))
    both = [Common(cells, tuple(seeds)) for cells, seeds in found.items() if seeds]
    if not both:
        raise InputError(f"{base.path} and {new.path} have no cell in common (task, model, adaptation and seed)")
    return both, [cells for cells, seeds in found.items() if not seeds]


def _refuse_other_suite(base: Side, new: Side) -> None:
    if base.suite != new.suite:
        raise InputError(f"{base.path} is of the suite {base.suite!r}, {new.path} of {new.suite!r}: not comparable")
    if base.suite_version != new.suite_version:
        versions = f"version {base.suite_version} of {base.suite}, {new.path} of version {new.suite_version}"
        raise InputError(f"{base.path} is of {versions}: not comparable, save the baseline again")


def _selected(cells: Sequence[Cell], models: Selection, tasks: Selection) -> set[Cells]:
    known = {cell.cells for cell in cells}
    problems = [
        Problem(f"{what} {name!r} is in neither report")
        for what, asked in (("model", models), ("task", tasks))
        for name in asked or ()
        if name not in {getattr(one, what) for one in known}
    ]
    if problems:
        raise InputError(problems)
    kept = {one for one in known if (models is None or one.model in models) and (tasks is None or one.task in tasks)}
    if not kept:
        raise NothingMeasured("nothing to compare: the selection leaves no cell")
    return kept


def refusals(one: Common) -> list[str]:
    """Why these cells must not be compared; empty if they may."""
    reasons: dict[str, None] = {}
    for base, new in one.seeds:
        if new.error is not None:
            reasons[f"seed {new.seed} failed in the new report: {new.error}"] = None
        elif base.task_version != new.task_version:
            versions = f"version {base.task_version} in the base, {new.task_version} in the new report"
            reasons[f"the task is of {versions}: scores of different task versions are not comparable"] = None
        elif base.data != new.data:
            prints = f"fingerprint {_short(base.data)} in the base, {_short(new.data)} in the new report"
            reasons[f"the data rows differ ({prints}): scores on different data are not comparable"] = None
        elif base.ids is None or new.ids is None or sorted(base.ids) != sorted(new.ids):
            reasons["the example ids of both sides are not the same"] = None
    return list(reasons)


def _short(fingerprint: str | None) -> str:
    return "none" if fingerprint is None else fingerprint.removeprefix("sha256:")[:12]


def _pairs(one: Common, rules: Rules, refused: list[Refused]) -> list[Pair]:
    first, latest = one.seeds[0]
    pairs = []
    for name in rules.gated(latest.main, latest.kind):
        metric = METRICS[name]
        try:
            base = [cell.statistics(name) for cell, _ in one.seeds]
        except KeyError:
            refused.append(Refused(f"{one.cells}/{name}", f"the baseline was saved without {name}: save it again"))
            continue
        orders = [_order(cell.ids or (), other.ids or ()) for cell, other in one.seeds]
        firsts = [_order(first.ids or (), cell.ids or ()) for cell, _ in one.seeds]
        new = [other.statistics(name)[order] for (_, other), order in zip(one.seeds, orders, strict=True)]
        base = [run[order] for run, order in zip(base, firsts, strict=True)]
        new = [run[order] for run, order in zip(new, firsts, strict=True)]
        if isinstance(metric, Foreign):
            metric, runs = coded(metric, [*base, *new])
            base, new = runs[: len(base)], runs[len(base) :]
        pairs.append(
            Pair(
                cells=one.cells,
                metric=metric,
                ids=list(first.ids or ()),
                seeds=tuple(cell.seed for cell, _ in one.seeds),
                base=tuple(base),
                new=tuple(new),
                margin=rules.of(metric, float(np.mean([metric.score(run) for run in base]))),
                clusters=first.clusters,
            )
        )
    return pairs


def _order(wanted: Sequence[str], given: Sequence[str]) -> np.ndarray:
    """Rows of `given` in the order of `wanted`."""
    if list(wanted) == list(given):
        return np.arange(len(wanted))
    rows = {name: row for row, name in enumerate(given)}
    return np.array([rows[name] for name in wanted])


def _with_answers(check: Check, both: Sequence[Common]) -> Check:
    """The check with gold and predictions of its flips, where they are stored."""
    seeds = {base.seed: (base, new) for one in both if one.cells == check.cells for base, new in one.seeds}
    return replace(check, flips=tuple(_answered(flip, *seeds[flip.seed]) for flip in check.flips))


def _answered(flip: Flip, base: Cell, new: Cell) -> Flip:
    said: list[tuple[object, object]] = []
    for cell in (base, new):
        known = cell.answers is not None and cell.ids is not None
        said.append(cell.answers(list(cell.ids).index(flip.example_id)) if known else (None, None))  # type: ignore[misc, arg-type]
    return replace(flip, gold=said[1][0] if said[1][0] is not None else said[0][0], base=said[0][1], new=said[1][1])


def speed_note(both: Sequence[Common]) -> str:
    """Why the speeds in two reports are not judged."""
    base, new = both[0].seeds[0]
    differs = [
        f"{name} {base.machine.get(name)} and {new.machine.get(name)}"
        for name in sorted({*base.machine, *new.machine})
        if base.machine.get(name) != new.machine.get(name)
    ]
    if differs:
        return f"speed not compared: the reports are of different machines ({', '.join(differs)}); use fmbench bench"
    return "speed not compared: timings of separate runs differ by more than most regressions; use fmbench bench"
