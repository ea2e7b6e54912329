"""Two sides -> the pairs that may be compared, and why the others may not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fmbench.errors import InputError, NothingMeasured, Problem
from fmbench.gate.foreign import coded
from fmbench.gate.quality import Pair, judge
from fmbench.gate.rules import Rules
from fmbench.gate.side import Cell, Side
from fmbench.gate.verdict import Cells, Check, Flip, Part, Refused, Verdict
from fmbench.measure.foreign import Foreign
from fmbench.registry import METRICS

Selection = Sequence[str] | None


@dataclass(frozen=True)
class Common:
    """The cells of one task x model x adaptation that both sides have, by seed: (base, new)."""

    cells: Cells
    seeds: tuple[tuple[Cell, Cell], ...]


@dataclass(frozen=True)
class Matched:
    """Two sides beside each other, in their own order.

    Args:
        both: what is compared.
        absent: finished in the base, not run in new.
        base_failed: failed in the base.
        only_new: not in the base.
    """

    both: tuple[Common, ...]
    absent: tuple[Part, ...]
    base_failed: tuple[Part, ...]
    only_new: tuple[Part, ...]


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
        InputError: the sides are of different suites or suite versions, or have no cell in common; a margin that was
            asked for is of a metric that no task has.
        NothingMeasured: the selection leaves nothing, or all that both sides have failed in the base.
    """
    _refuse_other_suite(base, new)
    wanted = _selected((*base.cells, *new.cells), models, tasks)
    before, after = ([cell for cell in side.cells if cell.cells in wanted] for side in (base, new))
    rules.refuse_unused({(cell.main, cell.kind) for cell in (*before, *after)})
    matched = match(before, after)
    both = matched.both
    if not both:
        sides = f"{base.path} and {new.path}"
        if {(cell.cells, cell.seed) for cell in before} & {(cell.cells, cell.seed) for cell in after}:
            first = f"{matched.base_failed[0]}: {matched.base_failed[0].why}"
            raise NothingMeasured(f"nothing to compare: what {sides} have in common failed in the base ({first})")
        raise InputError(f"{sides} have no cell in common (task, model, adaptation and seed)")
    pairs: list[Pair] = []
    refused: list[Refused] = []
    for one in both:
        why = refusals(one)
        refused += [Refused(str(one.cells), reason) for reason in why]
        pairs += [] if why else _pairs(one, rules, refused)
    checks = [_with_answers(check, both) for check in judge(pairs, rules.alpha, family)]
    return Verdict(
        suite=new.suite,
        base=str(base.path),
        new=str(new.path),
        checks=tuple(checks),
        refused=tuple(refused),
        absent=matched.absent,
        base_failed=matched.base_failed,
        only_new=matched.only_new,
        notes=(speed_note(both),),
        policy=rules.policy,
    )


def match(base: Sequence[Cell], new: Sequence[Cell]) -> Matched:
    """The cells that both sides have, seed by seed, and those that only one of them can show."""
    ours, theirs = ({(cell.cells, cell.seed): cell for cell in side} for side in (base, new))
    found: dict[Cells, list[tuple[Cell, Cell]]] = {}
    for key, cell in ours.items():
        if cell.error is None and key in theirs:
            found.setdefault(cell.cells, []).append((cell, theirs[key]))
    finished = [cell for cell in base if cell.error is None]
    return Matched(
        both=tuple(Common(cells, tuple(seeds)) for cells, seeds in found.items()),
        absent=_parts([cell for cell in finished if (cell.cells, cell.seed) not in theirs], finished),
        base_failed=_parts([cell for cell in base if cell.error is not None], base),
        only_new=_parts([cell for cell in new if (cell.cells, cell.seed) not in ours], new),
    )


def _parts(some: Sequence[Cell], side: Sequence[Cell]) -> tuple[Part, ...]:
    """Some cells of a side as tasks x models x adaptations with their seeds."""
    every = Counter(cell.cells for cell in side)
    found: dict[Cells, list[Cell]] = {}
    for cell in some:
        found.setdefault(cell.cells, []).append(cell)
    return tuple(
        Part(cells, tuple(cell.seed for cell in group), len(group) == every[cells], group[0].error or "")
        for cells, group in found.items()
    )


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
