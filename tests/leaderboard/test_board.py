"""build_board: a pure function whose rows do not depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fmbench.leaderboard.board import Board, Entry, Row, build_board
from fmbench.leaderboard.render import render_html
from fmbench.registry import METRICS
from fmbench.stats.seeds import over_seeds

Make = Callable[..., Entry]
cells = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.integers(0, 2), st.sampled_from([0.0, 0.2, 0.5, 0.5, 0.9]), st.booleans()),
    min_size=1,
    max_size=10,
    unique_by=lambda cell: cell[:2],
)
few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def board(entries: Sequence[Entry]) -> Board:
    return build_board("t", "", entries, {"accuracy": METRICS["accuracy"], "macro_f1": METRICS["macro_f1"]})


def rows(entries: Sequence[Entry]) -> dict[str, Row]:
    return {row.model: row for section in board(entries).sections for row in section.rows}


def made(entry: Make, chosen: Sequence[Any]) -> list[Entry]:
    return [entry(model, right, seed, n=20, error="no luck" if bad else None) for model, seed, right, bad in chosen]


@few
@given(cells, st.randoms(use_true_random=False))
def test_order_of_entries_does_not_matter(entry: Make, chosen: list[Any], random: Any) -> None:
    entries = made(entry, chosen)
    shuffled = list(entries)
    random.shuffle(shuffled)
    assert board(entries) == board(shuffled)


@few
@given(cells)
def test_a_model_more_or_less_changes_no_other_row(entry: Make, chosen: list[Any]) -> None:
    entries = made(entry, chosen)
    whole = rows(entries)
    for left_out in whole:
        others = rows([e for e in entries if e.result.model != left_out])
        assert set(others) == set(whole) - {left_out}
        for model, row in others.items():
            assert row.__dict__ | {"rank": 0} == whole[model].__dict__ | {"rank": 0}


@few
@given(cells)
def test_ranks_follow_scores_and_ties_share_one(entry: Make, chosen: list[Any]) -> None:
    (section,) = board(made(entry, chosen)).sections
    scores = [row.value for row in section.rows]
    good = [value for value in scores if value is not None]
    assert scores == sorted(good, reverse=True) + [None] * (len(scores) - len(good))
    for row in section.rows:
        if row.value is None:
            assert (row.rank, row.low, row.problem) == (None, None, "failed: no luck")
        else:
            assert row.rank == 1 + sum(value > row.value for value in good)


def test_a_score_is_the_mean_over_seeds_with_the_interval_over_both(entry: Make) -> None:
    entries = [entry("a", right, seed) for seed, right in enumerate((0.6, 0.8, 0.9))]
    row = rows(entries)["a"]
    assert row.value == pytest.approx((0.6 + 0.8 + 0.9) / 3)
    wanted = over_seeds([e.statistics for e in entries if e.statistics is not None], METRICS["accuracy"].value)
    assert (row.low, row.high) == (wanted.low, wanted.high)
    assert row.seeds == (0, 1, 2)
    assert row.interval == "bootstrap over items, t over 3 seeds"
    assert dict(row.by_label) == {"bad": pytest.approx(row.value), "good": pytest.approx(row.value)}


def test_one_seed_says_so(entry: Make) -> None:
    assert rows([entry("a")])["a"].interval == "bootstrap over items; 1 seed, training variance unknown"


def test_clusters_are_drawn_together(entry: Make) -> None:
    alone = entry("a", right=0.5)
    joined = Entry(alone.result, alone.statistics, [str(i // 25) for i in range(50)])
    narrow, wide = rows([alone])["a"], rows([joined])["a"]
    assert wide.interval.startswith("bootstrap over clusters")
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_a_seed_that_failed_is_told_beside_the_score_of_the_others(entry: Make) -> None:
    row = rows([entry("a", 0.7, 0), entry("a", seed=1, error="out of time"), entry("a", 0.9, 2)])["a"]
    assert (row.value, row.seeds, row.problem) == (pytest.approx(0.8), (0, 2), "failed: out of time")
    assert row.rank == 1


def test_a_score_without_predictions_has_no_interval(entry: Make) -> None:
    kept, lost = entry("a", 0.7, 0), entry("a", 0.7, 1)
    row = rows([kept, Entry(lost.result)])["a"]
    assert (row.value, row.low, row.high, row.interval) == (0.7, None, None, "no stored predictions")


@pytest.mark.parametrize(
    "change", [{"fingerprint": "0" * 64}, {"task_version": 2}, {"task": "other"}, {"main_metric": "macro_f1"}]
)
def test_what_differs_never_shares_a_table(entry: Make, change: dict[str, Any]) -> None:
    one, other = entry("a"), entry("b", **change)
    found = board([one, other]).sections
    assert len(found) == 2
    assert sorted(row.model for section in found for row in section.rows) == ["a", "b"]
    assert all(len(section.rows) == 1 for section in found)


def test_lower_is_better_where_the_metric_says_so(entry: Make) -> None:
    from dataclasses import replace

    loss = replace(METRICS["accuracy"], higher_is_better=False)
    made_board = build_board("t", "", [entry("a", 0.2), entry("b", 0.6), entry("c", 0.4)], {"accuracy": loss})
    assert [(row.rank, row.model) for row in made_board.sections[0].rows] == [(1, "a"), (2, "c"), (3, "b")]


def test_nothing_gives_an_empty_board() -> None:
    assert board([]) == Board("t", "", ())


def test_an_undefined_score_is_last_and_not_zero(entry: Make) -> None:
    good = entry("a", 0.0)
    nothing = entry("b")
    undefined = [row.model_copy(update={"value": None}) for row in nothing.result.measurements]
    nothing = Entry(nothing.result.model_copy(update={"measurements": undefined}), np.zeros((50, 2, 3), np.int32))
    (section,) = board([nothing, good]).sections
    assert [(row.model, row.rank, row.value, row.problem) for row in section.rows] == [
        ("a", 1, 0.0, None),
        ("b", None, None, "no score"),
    ]


def test_correlations_have_their_interval_over_seeds_and_their_range(entry: Make) -> None:
    rng = np.random.default_rng(0)
    gold = rng.normal(size=60)
    entries = []
    for seed, noise in enumerate((0.2, 0.4)):
        made_of = entry("a", seed=seed, main_metric="spearman", kind="sentence-similarity").result
        pairs = np.stack([gold + noise * rng.normal(size=60), gold], axis=1)
        value = METRICS["spearman"].score(pairs)
        main = made_of.measurements[0].model_copy(update={"metric": "spearman", "value": value})
        entries.append(Entry(made_of.model_copy(update={"measurements": [main]}), pairs))
    (section,) = build_board("t", "", entries, {"spearman": METRICS["spearman"]}).sections
    (row,) = section.rows
    wanted = METRICS["spearman"].over_seeds([e.statistics for e in entries])
    assert section.metric_range == (-1.0, 1.0)
    assert (row.low, row.high, row.interval) == (wanted.low, wanted.high, "bootstrap over items, t over 2 seeds")
    assert row.low < row.value < row.high
    assert row.by_label == ()
    page = render_html(Board("t", "", (section,)))
    assert f'cx="{120 * (row.value + 1) / 2:.1f}"' in page
