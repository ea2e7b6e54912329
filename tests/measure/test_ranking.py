"""Ranking metrics against the definitions of trec_eval and scikit-learn, worked by hand or computed another way."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from fmbench.measure.metric import Sample
from fmbench.measure.quality import score
from fmbench.registry import METRICS


def table(rankings: list[list[int]], gold: list[dict[int, int]]) -> pa.Table:
    judged = [[{"document": d, "relevance": r} for d, r in one.items()] for one in gold]
    kind = pa.list_(pa.struct([("document", pa.int64()), ("relevance", pa.int64())]))
    lists = pa.array(rankings, pa.list_(pa.int32()))
    return pa.table({"prediction": lists, "gold": pa.array(judged, kind)})


def trec(ranking: list[int], qrels: dict[int, int], k: int) -> tuple[float, float, float]:
    """ndcg_cut_k, recall_k and recip_rank as m_ndcg_cut.c, m_recall.c and m_recip_rank.c compute them."""
    gains = [max(0, qrels.get(d, 0)) for d in ranking]
    ideal = sorted((max(0, r) for r in qrels.values()), reverse=True)
    dcg = sum(g / math.log2(i + 2) for i, g in enumerate(gains[:k]))
    best = sum(g / math.log2(i + 2) for i, g in enumerate(ideal[:k]))
    relevant = sum(r > 0 for r in qrels.values())
    first = next((i + 1 for i, g in enumerate(gains) if g > 0), None)
    return (
        dcg / best if best else 0.0,
        sum(g > 0 for g in gains[:k]) / relevant if relevant else 0.0,
        1 / first if first else 0.0,
    )


rankings_and_gold = st.lists(
    st.tuples(
        st.lists(st.integers(0, 40), unique=True, max_size=30),
        st.dictionaries(st.integers(0, 40), st.integers(-1, 3), min_size=1, max_size=15),
    ),
    min_size=1,
    max_size=6,
)


@given(rankings_and_gold)
def test_they_are_those_of_trec_eval(rows: list[tuple[list[int], dict[int, int]]]) -> None:
    predictions = table([ranking for ranking, _ in rows], [gold for _, gold in rows])
    wanted = np.mean([trec(ranking, gold, 10) for ranking, gold in rows], axis=0)
    found = [score(METRICS[name], predictions, ()) for name in ("ndcg@10", "recall@10", "mrr")]
    assert found == pytest.approx(wanted.tolist(), abs=1e-12)


def test_graded_ndcg_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    relevance, scores = rng.integers(0, 4, (20, 30)), rng.random((20, 30))
    rankings = np.argsort(-scores, axis=1).tolist()
    predictions = table(rankings, [dict(enumerate(row.tolist())) for row in relevance])
    assert score(METRICS["ndcg@10"], predictions, ()) == pytest.approx(ndcg_score(relevance, scores, k=10))


def test_one_item_to_find() -> None:
    predictions = pa.table({"gold": [7, 7, 7], "prediction": [[7, 1], [1, 2, 3, 4, 5, 7], [1, 2]]})
    assert score(METRICS["hr@1"], predictions, ()) == pytest.approx(1 / 3)
    assert score(METRICS["hr@5"], predictions, ()) == pytest.approx(1 / 3)
    assert score(METRICS["hr@10"], predictions, ()) == pytest.approx(2 / 3)
    assert score(METRICS["ndcg@10"], predictions, ()) == pytest.approx((1 + 1 / math.log2(7)) / 3)
    assert score(METRICS["mrr"], predictions, ()) == pytest.approx((1 + 1 / 6) / 3)


def test_an_item_named_twice_counts_once() -> None:
    predictions = table([[5, 5, 5]], [{5: 1, 6: 1}])
    assert score(METRICS["recall@10"], predictions, ()) == 0.5
    assert score(METRICS["ndcg@10"], predictions, ()) == pytest.approx(1 / (1 + 1 / math.log2(3)))


def test_coverage_counts_items_once_and_its_interval_is_the_jackknifes() -> None:
    predictions = pa.table({"prediction": [[0, 1], [1, 2], [1, 3], [1, 4]], "catalogue": [10, 10, 10, 10]})
    metric = METRICS["coverage@10"]
    value, interval, n = metric.measure(Sample(predictions, ()))
    assert (value, n) == (0.5, 4)
    assert (interval.low, interval.high) == (0.5, 0.5), "each user brings one item of their own"
    predictions = pa.table({"prediction": [[0, 1, 2], [1], [1], [1]], "catalogue": [10] * 4})
    leave_one = np.array([0.1, 0.3, 0.3, 0.3])
    error = math.sqrt(3 / 4 * ((leave_one - leave_one.mean()) ** 2).sum())
    value, interval, _ = metric.measure(Sample(predictions, ()))
    assert interval.high - value == pytest.approx(1.959964 * error)
    runs = [metric.statistics(predictions, ())] * 3
    assert metric.over_seeds(runs).high == pytest.approx(interval.high, abs=0.01)


def test_novelty_and_popularity_are_means_over_what_is_recommended() -> None:
    predictions = pa.table({"self_information": [[1.0, 2.0], [6.0]], "popularity": [[0.5, 0.5], [1.0]]})
    assert score(METRICS["novelty@10"], predictions, ()) == 3.0
    assert score(METRICS["popularity_bias@10"], predictions, ()) == pytest.approx(2 / 3)


def test_errors_of_ratings_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import mean_absolute_error, root_mean_squared_error

    rng = np.random.default_rng(1)
    gold, guess = rng.uniform(1, 5, 50), rng.uniform(1, 5, 50)
    predictions = pa.table({"gold": gold, "prediction": guess})
    assert score(METRICS["mae"], predictions, ()) == pytest.approx(mean_absolute_error(gold, guess))
    assert score(METRICS["rmse"], predictions, ()) == pytest.approx(root_mean_squared_error(gold, guess))
