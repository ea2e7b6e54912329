"""build_board: a pure function whose rows do not depend on each other."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fmbench.leaderboard.board import Board, Row
from fmbench.leaderboard.build_board import build_board
from fmbench.leaderboard.entry import Entry, Number, Perturbed, Task, TaskKey
from fmbench.leaderboard.pairs import exact_covariance
from fmbench.leaderboard.spec import BoardFile, DomainSpec
from fmbench.registry import METRICS
from fmbench.stats.intervals import covariance_of_means
from fmbench.stats.ranks import pairwise

Make = Callable[..., Entry]


def key(task: str, version: int = 1, fingerprint: str = "f", suite: str = "s") -> TaskKey:
    return TaskKey(suite, task, version, fingerprint, "accuracy")


def task(name: str, domain: str = "d", **changes: Any) -> Task:
    return replace(Task(key(name), domain, chance=0.5, ceiling=1.0, item_scores=True), **changes)


def cell(name: str, model: str, scores: np.ndarray, seed: int = 0, **changes: Any) -> Entry:
    given_ = Entry(key(name), model, "fit", seed, float(scores.mean()), scores.astype(np.float64), len(scores))
    return replace(given_, **changes)


def spec(**changes: Any) -> BoardFile:
    return BoardFile(**({"board": "b", "title": "T", "suites": ["s"]} | changes))


def build(tasks: Sequence[Task], entries: Sequence[Entry], **changes: Any) -> Board:
    return build_board(spec(**changes), tasks, entries)


def by_name(board: Board) -> dict[str, Row]:
    return {row.model: row for row in board.rows}


def simulated(seed: int, models: int, tasks: int = 3, items: int = 40, runs: int = 2) -> list[Entry]:
    """Right or wrong answers on shared items; model m is right with probability 0.5 + 0.04 m."""
    rng = np.random.default_rng(seed)
    entries = []
    for t in range(tasks):
        hard = rng.normal(size=items)
        for m in range(models):
            for run in range(runs):
                right = hard + rng.normal(size=items) < 0.2 * m + 0.1 * rng.normal()
                entries.append(cell(f"t{t}", f"m{m}", right, run))
    return entries


TASKS = [task("t0", "a"), task("t1", "a"), task("t2", "b"), task("t3", "b")]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 7), st.data())
def test_a_model_more_or_less_changes_nothing_of_the_others(seed: int, models: int, data: st.DataObject) -> None:
    entries = [
        entry if data.draw(st.integers(0, 9)) else replace(entry, value=None, contributions=None, problem="failed: x")
        for entry in simulated(seed, models, tasks=4)
    ]
    whole = build(TASKS, entries)
    left_out = data.draw(st.sampled_from([f"m{m}" for m in range(models)]))
    fewer = build(TASKS, [entry for entry in entries if entry.model != left_out])
    mine, theirs = by_name(fewer), by_name(whole)
    assert set(mine) == set(theirs) - {left_out}
    for model, row in mine.items():
        other = theirs[model]
        assert (row.headline, row.over_tasks, row.domains) == (other.headline, other.over_tasks, other.domains)
        assert (row.extras, row.measured, row.curves) == (other.extras, other.measured, other.curves)
        assert [(s.estimate, s.scaled) for s in row.scores] == [(s.estimate, s.scaled) for s in other.scores]
    assert fewer.pairs is not None and whole.pairs is not None
    at = {row.model: i for i, row in enumerate(whole.rows)}
    kept = [at[row.model] for row in fewer.rows]
    for small, large in zip(fewer.pairs, whole.pairs, strict=True):
        part = large.taken(kept)
        for a, b in ((small.difference, part.difference), (small.variance, part.variance), (small.p(), part.p())):
            assert a.tobytes() == b.tobytes()
        assert (small.won is None) == (part.won is None)
    ranked = [row.model for row in fewer.rows if row.headline]
    if fewer.lead is not None and whole.lead is not None:
        order = [row.model for row in whole.rows if row.headline]
        part = whole.lead.taken([order.index(model) for model in ranked])
        assert fewer.lead.p().tobytes() == part.p().tobytes()


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 5), st.randoms(use_true_random=False))
def test_the_order_of_entries_and_tasks_does_not_matter(seed: int, models: int, lot: random.Random) -> None:
    entries, tasks = simulated(seed, models), TASKS[:3]
    shuffled, turned = list(entries), list(tasks)
    lot.shuffle(shuffled)
    lot.shuffle(turned)
    assert build(tasks, entries) == build(turned, shuffled)


def test_the_headline_is_the_mean_over_domains_of_the_mean_over_tasks() -> None:
    tasks = [task("t0", "a"), task("t1", "a"), task("t2", "b", chance=0.25)]
    shares = {"t0": 1.0, "t1": 0.75, "t2": 0.0}
    entries = [cell(name, "m", np.arange(40) < 40 * share) for name, share in shares.items()]
    (row,) = build(tasks, entries).rows
    a, b = (1.0 + 0.5) / 2, -0.25 / 0.75
    assert [d.value for d in row.domains if d] == [pytest.approx(a), pytest.approx(b)]
    assert row.headline is not None and row.headline.value == pytest.approx((a + b) / 2)
    (row,) = build(tasks, entries, domains={"a": DomainSpec(weight=3.0)}).rows
    assert row.headline is not None and row.headline.value == pytest.approx((3 * a + b) / 4)
    (row,) = build(tasks, entries, aggregate="tasks").rows
    assert row.headline is not None and row.headline.value == pytest.approx((1.0 + 0.5 + b) / 3)


def test_errors_are_turned_round_by_their_trivial_level() -> None:
    mae = Task(TaskKey("s", "t", 1, "f", "mae"), "d", higher_is_better=False, range=(0.0, float("inf")), chance=2.0,
               ceiling=0.0)  # fmt: skip
    off = {"good": 0.5, "bad": 3.0}
    entries = [
        Entry(mae.key, name, "fit", 0, value, np.full(30, value) + np.linspace(-0.1, 0.1, 30))
        for name, value in off.items()
    ]
    board = build([mae], entries)
    assert [(row.model, row.headline.value) for row in board.rows if row.headline] == [("good", 0.75), ("bad", -0.5)]
    for row in board.rows:
        (score,) = row.scores
        assert score.scaled is not None and score.scaled.low is not None and score.scaled.high is not None
        assert score.scaled.low < score.scaled.value < score.scaled.high


def test_one_task_of_one_seed_is_the_paired_t_test() -> None:
    rng = np.random.default_rng(0)
    answers = {name: rng.random(80) < share for name, share in (("a", 0.9), ("b", 0.6), ("c", 0.55))}
    board = build([task("t0")], [cell("t0", name, right) for name, right in answers.items()])
    wanted = pairwise(np.stack([answers[row.model] for row in board.rows]))
    assert board.lead is not None and board.pairs is not None
    assert board.lead.p() == pytest.approx(wanted.p, abs=1e-9)
    assert board.pairs[0].won is not None
    first, second = (answers[row.model] for row in board.rows[:2])
    assert board.pairs[0].won[0, 1] == (first & ~second).sum()
    assert board.pairs[0].won[1, 0] == (second & ~first).sum()


def test_the_exact_covariance_is_the_usual_one() -> None:
    rows = np.random.default_rng(1).normal(size=(5, 300)) * np.array([[1.0], [1e-6], [1e6], [3.0], [0.0]])
    assert exact_covariance(rows) == pytest.approx(covariance_of_means(rows), rel=1e-4, abs=1e-9)


def test_seeds_add_their_variance() -> None:
    def interval(spread: float) -> float:
        runs = [np.arange(60) < 60 * (0.7 + d) for d in (-spread, 0.0, spread)]
        (row,) = build([task("t0")], [cell("t0", "m", right, seed) for seed, right in enumerate(runs)]).rows
        estimate = row.scores[0].estimate
        assert estimate is not None and estimate.low is not None and estimate.high is not None
        assert row.scores[0].seeds == (0, 1, 2)
        return estimate.high - estimate.low

    assert interval(0.2) > 1.5 * interval(0.0)


def test_a_missing_task_gives_coverage_and_a_reason_and_never_zero() -> None:
    right = np.arange(40) < 30
    entries = [
        cell("t0", "whole", right), cell("t1", "whole", right),
        cell("t0", "part", right),
        cell("t1", "part", right, value=None, contributions=None, problem="failed: out of memory"),
        cell("t0", "idle", right), cell("t0", "other", right),
    ]  # fmt: skip
    planned = {("s", t, m, "fit") for t in ("t0", "t1") for m in ("whole", "part", "idle")} | {
        ("s", "t0", "never", "fit")
    }
    board = build_board(spec(), TASKS[:2], entries, planned)
    rows = by_name(board)
    assert rows["whole"].headline is not None and rows["whole"].rank is not None
    reasons = {name: rows[name].scores[1].problem for name in ("part", "idle", "other", "never")}
    assert reasons == {
        "part": "failed: out of memory",
        "idle": "not run",
        "other": "unsupported",
        "never": "unsupported",
    }
    for name in reasons:
        assert (rows[name].headline, rows[name].rank, rows[name].scores[1].estimate) == (None, None, None)
    assert [rows[name].measured for name in ("whole", "part", "never")] == [2, 1, 0]
    assert board.rows[0].model == "whole"


def test_a_seed_that_failed_is_told_beside_the_others() -> None:
    good = np.arange(40) < 30
    bad = cell("t0", "m", good, 1, value=None, contributions=None, problem="failed: out of time")
    (row,) = build([task("t0")], [cell("t0", "m", good, 0), bad]).rows
    assert (row.scores[0].seeds, row.scores[0].problem) == ((0,), "failed: out of time")


def test_without_predictions_there_is_a_score_and_no_claim() -> None:
    entries = [cell("t0", name, np.arange(40) < n, contributions=None) for name, n in (("a", 39), ("b", 1))]
    board = build([task("t0")], entries)
    assert [(row.rank.low, row.rank.high) for row in board.rows if row.rank] == [(1, 2), (1, 2)]
    assert all(row.headline and row.headline.low is None for row in board.rows)


@pytest.mark.parametrize("change", [{"version": 2}, {"fingerprint": "other"}, {"suite": "z"}])
def test_what_differs_never_shares_a_column(change: dict[str, Any]) -> None:
    other = task("t0", current=False, key=key("t0", **change))
    right = np.arange(40) < 30
    entries = [cell("t0", "a", right), replace(cell("t0", "b", right), task=other.key)]
    board = build([task("t0"), other], entries)
    assert len(board.tasks) == 2
    rows = by_name(board)
    assert [s.estimate is None for s in rows["a"].scores] == [False, True]
    assert [s.estimate is None for s in rows["b"].scores] == [True, False]
    assert rows["a"].headline is not None and rows["b"].headline is None


def test_speed_of_two_machines_is_two_columns_and_can_be_selected() -> None:
    right = np.arange(40) < 30
    speed = {"examples_per_s": Number(10.0, 9.0, 11.0, "1/s", True), "brier": Number(0.2, None, None, "", False)}
    entries = [cell("t0", name, right, machine=name, numbers=speed) for name in ("A100", "H100")]
    board = build([task("t0")], entries)
    assert [(e.metric, e.machine) for e in board.extras] == [
        ("brier", None), ("examples_per_s", "A100"), ("examples_per_s", "H100"),
    ]  # fmt: skip
    assert by_name(board)["A100"].extras[2] == "not measured"
    assert [e.machine for e in build([task("t0")], entries, hardware="h100").extras] == [None, "H100"]
    assert [e.metric for e in build([task("t0")], entries, columns=["brier"]).extras] == ["brier"]


def test_a_measure_on_some_tasks_only_has_no_mean() -> None:
    right = np.arange(40) < 30
    entries = [cell("t0", "m", right, numbers={"brier": Number(0.2, None, None, "", False)}), cell("t1", "m", right)]
    (row,) = build(TASKS[:2], entries).rows
    assert row.extras == ("on 1 of 2 tasks",)


def test_the_drop_under_perturbation_is_in_rescaled_points() -> None:
    right = np.arange(40) < 40 * 0.9
    perturbed = (Perturbed("typos", 1, 0.8), Perturbed("typos", 3, 0.7))
    (row,) = build([task("t0")], [cell("t0", "m", right, perturbed=perturbed)]).rows
    (drop,) = row.extras
    assert not isinstance(drop, str) and drop.value == pytest.approx(0.3)
    (curve,) = row.curves
    assert curve.points == ((0, pytest.approx(0.8)), (1, pytest.approx(0.6)), (3, pytest.approx(0.4)))


def test_only_the_adaptations_that_compete_have_rows() -> None:
    right = np.arange(40) < 30
    entries = [cell("t0", "m", right), cell("t0", "m", right, adaptation="probe")]
    assert [row.adaptation for row in build([task("t0")], entries, adaptations=["probe"]).rows] == ["probe"]


def test_tasks_as_the_sample_need_two_in_every_domain() -> None:
    entries = simulated(0, 4, tasks=4)
    board = build(TASKS, entries)
    assert board.over_tasks_problem is None
    assert all(row.over_tasks and row.rank_over_tasks for row in board.rows)
    alone = build(TASKS[:3], [entry for entry in entries if entry.task.task != "t3"])
    assert alone.over_tasks_problem is not None and all(row.over_tasks is None for row in alone.rows)
    pooled = build(TASKS[:3], [entry for entry in entries if entry.task.task != "t3"], aggregate="tasks")
    assert pooled.over_tasks_problem is None


def test_correlations_are_ranked_too(entry: Make) -> None:
    from fmbench.measure.contributions import contributions

    rng = np.random.default_rng(0)
    gold = rng.normal(size=300)
    pairs = TaskKey("s", "t", 1, "f", "spearman")
    entries = []
    for name, noise in (("close", 0.2), ("far", 2.0)):
        statistics = np.stack([gold + noise * rng.normal(size=300), gold], axis=1)
        value = METRICS["spearman"].score(statistics)
        entries.append(Entry(pairs, name, "fit", 0, value, contributions(METRICS["spearman"], statistics)))
    board = build([Task(pairs, "d", range=(-1.0, 1.0), chance=0.0, ceiling=1.0)], entries)
    assert [(row.model, row.rank and row.rank[:]) for row in board.rows] == [("close", (1, 1, 1)), ("far", (2, 2, 2))]


def test_rank_sets_hold_the_truth_in_94_percent_of_1000() -> None:
    """Six models, two of them equal, on three tasks with two seeds: what the board claims of ranks is true."""
    true = np.array([0.0, 0.0, 0.15, 0.3, 0.3, 0.6])
    rng = np.random.default_rng(0)
    tasks, items, runs = TASKS[:3], 60, 2
    held = claims = 0
    for _ in range(1000):
        entries = []
        for one in tasks:
            hard = rng.normal(size=items)
            for m, level in enumerate(true):
                for run in range(runs):
                    right = hard + rng.normal(size=items) < level + 0.1 * rng.normal()
                    entries.append(cell(one.name, f"m{m}", right, run))
        ranks = {row.model: row.rank for row in build(tasks, entries).rows}
        low = [1 + int((true > level).sum()) for level in true]
        high = [len(true) - int((true < level).sum()) for level in true]
        found = [ranks[f"m{m}"] for m in range(len(true))]
        held += np.mean(
            [r is not None and r.low <= a and r.high >= b for r, a, b in zip(found, low, high, strict=True)]
        )
        claims += sum(r is not None and r.high - r.low < len(true) - 1 for r in found)
    assert held / 1000 >= 0.94
    assert claims / 6000 > 0.3


def test_nothing_gives_an_empty_board() -> None:
    board = build([], [])
    assert (board.rows, board.tasks, board.domains) == ((), (), ())
