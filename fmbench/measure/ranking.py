"""Metrics of rankings: what stands where in the best items, and what kind of items a recommender likes.

A ranking is `prediction`, a list of numbers, best first. `gold` is the one item to find, or a list of judged documents
with their relevance. nDCG, recall and MRR are those of trec_eval (ndcg_cut, recall, recip_rank): gains are the
relevance itself, discounts log2(rank + 1), the ideal order is that of all judged documents, documents without judgement
are not relevant, and a query without relevant documents counts as 0. Ties are the ranker's: `models.ranking` breaks
those of retrieval as trec_eval does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import NormalDist

import numpy as np
import pyarrow as pa

from fmbench.measure.measurement import Measurement
from fmbench.measure.metric import Sample, Scored
from fmbench.measure.summed import SummedMetric
from fmbench.stats.bootstrap import DRAWS
from fmbench.stats.clusters import cluster_index
from fmbench.stats.intervals import Interval
from fmbench.stats.seeds import across_seeds

FULL = frozenset({"sequential-recommendation"})
SAMPLED = frozenset({"sampled-recommendation"})
RETRIEVAL = frozenset({"retrieval"})
AT = 10
INFINITY = float("inf")


def padded(column: pa.ChunkedArray, width: int | None = None) -> np.ndarray:
    """A column of lists of numbers -> [n, width], shorter lists filled with -1 (int64) or NaN (float64)."""
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    lengths = np.asarray([0 if n is None else n for n in lists.value_lengths().to_pylist()], dtype=np.int64)
    row = np.repeat(np.arange(len(lists)), lengths)
    place = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    width = int(lengths.max(initial=1)) if width is None else width
    floating = pa.types.is_floating(lists.type.value_type)
    found = np.full((len(lists), width), np.nan) if floating else np.full((len(lists), width), -1, dtype=np.int64)
    kept = place < width
    found[row[kept], place[kept]] = flat[kept]
    return found


def relevances(predictions: pa.Table) -> tuple[np.ndarray, np.ndarray]:
    """Relevance at each place of each ranking [n, k], and of the judged items in falling order [n, most], 0 at its end.

    Relevance below 1 is none. An item that stands in a ranking twice counts at its first place only.
    """
    rankings = padded(predictions["prediction"])
    gold = predictions["gold"].combine_chunks()
    if pa.types.is_list(gold.type):
        judged = gold.flatten()
        items = judged.field("document").to_numpy(zero_copy_only=False).astype(np.int64)
        grades = np.maximum(judged.field("relevance").to_numpy(zero_copy_only=False).astype(np.float64), 0)
        owner = np.repeat(np.arange(len(gold)), np.asarray(gold.value_lengths().to_pylist(), dtype=np.int64))
    else:
        items = gold.to_numpy(zero_copy_only=False).astype(np.int64)
        grades, owner = np.ones(len(gold)), np.arange(len(gold))
    base = int(max(rankings.max(initial=0), items.max(initial=0))) + 1
    keys = owner * base + items
    order = np.argsort(keys)
    asked = np.arange(len(rankings))[:, None] * base + rankings
    spot = np.minimum(np.searchsorted(keys[order], asked), len(keys) - 1)
    found = np.where((rankings >= 0) & (keys[order][spot] == asked), grades[order][spot], 0.0)
    found[~_first(asked)] = 0
    by_grade = np.lexsort((-grades, owner))
    place = np.arange(len(owner)) - np.searchsorted(owner[by_grade], owner[by_grade])
    ideal = np.zeros((len(rankings), int(place.max(initial=0)) + 1))
    ideal[owner[by_grade], place] = grades[by_grade]
    return found, ideal


def _first(keys: np.ndarray) -> np.ndarray:
    """Whether each entry of [n, k] is the first of its value in its row."""
    order = np.argsort(keys, axis=1, kind="stable")
    ordered = np.take_along_axis(keys, order, axis=1)
    new = np.ones(keys.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first = np.empty_like(new)
    np.put_along_axis(first, order, new, axis=1)
    return first


def _dcg(gains: np.ndarray, k: int) -> np.ndarray:
    cut = gains[:, :k]
    return np.asarray(cut @ (1 / np.log2(np.arange(2, cut.shape[1] + 2))))


RECALLS, NDCGS = (1, 5, 10, 20, 100), (5, 10)


def ranking_items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """Of each ranking float64 [n, 9], so that all metrics share one bootstrap.

    The share of the relevant among the first k, for k in RECALLS (with one relevant item the hit rate); the discounted
    gain over the best possible one, for k in NDCGS (Järvelin and Kekäläinen 2002, with linear gains); 1 / rank of the
    first relevant item, 0 if it is not in the ranking of 100; and 1.
    """
    found, ideal = relevances(predictions)
    relevant = np.maximum((ideal >= 1).sum(axis=1), 1)
    hits = found >= 1
    columns = [hits[:, :k].sum(axis=1) / relevant for k in RECALLS]
    for k in NDCGS:
        best = _dcg(ideal, k)
        columns.append(np.where(best > 0, _dcg(found, k) / np.where(best > 0, best, 1), 0.0))
    columns.append(np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0))
    return np.stack([*columns, np.ones(len(found))], axis=1)


def liking_items(predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """Sums of `self_information` and `popularity` over the first ten items, and the number of these: [n, 3]."""
    bits, popular = (padded(predictions[name], AT) for name in ("self_information", "popularity"))
    return np.stack([np.nansum(bits, axis=1), np.nansum(popular, axis=1), np.isfinite(bits).sum(axis=1)], axis=1)


def _ratio(sums: np.ndarray, column: int) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[..., -1] > 0, sums[..., column] / sums[..., -1], np.nan)


def _recall(name: str, kinds: frozenset[str], k: int) -> SummedMetric:
    return SummedMetric(name, kinds, ranking_items, partial(_ratio, column=RECALLS.index(k)))


def _ndcg(name: str, kinds: frozenset[str], k: int) -> SummedMetric:
    return SummedMetric(name, kinds, ranking_items, partial(_ratio, column=len(RECALLS) + NDCGS.index(k)))


def _mrr(name: str, kinds: frozenset[str]) -> SummedMetric:
    return SummedMetric(name, kinds, ranking_items, partial(_ratio, column=-2))


hr_at_1, hr_at_5 = _recall("hr@1", FULL, 1), _recall("hr@5", FULL, 5)
hr_at_10, hr_at_20 = _recall("hr@10", FULL, 10), _recall("hr@20", FULL, 20)
recall_at_10, recall_at_100 = _recall("recall@10", RETRIEVAL, 10), _recall("recall@100", RETRIEVAL, 100)
ndcg_at_5, ndcg_at_10 = _ndcg("ndcg@5", FULL | RETRIEVAL, 5), _ndcg("ndcg@10", FULL | RETRIEVAL, 10)
mrr = _mrr("mrr", FULL | RETRIEVAL)
sampled_hr_at_10 = _recall("sampled_hr@10", SAMPLED, 10)
sampled_ndcg_at_10 = _ndcg("sampled_ndcg@10", SAMPLED, 10)
sampled_mrr = _mrr("sampled_mrr", SAMPLED)
novelty_at_10 = SummedMetric(
    "novelty@10", FULL, liking_items, partial(_ratio, column=0), unit="bit", range=(0.0, INFINITY)
)
popularity_bias_at_10 = SummedMetric(
    "popularity_bias@10", FULL, liking_items, partial(_ratio, column=1), higher_is_better=False
)


@dataclass(frozen=True)
class Coverage:
    """Share of the catalogue that is among the first ten items of anyone; its statistics are int64 [n_users, 1 + 10].

    The share is no function of sums, and a bootstrap of it is biased, as users drawn twice bring nothing new. So the
    interval is the delete-one jackknife's (Efron and Stein 1981): without one user, or cluster of users, the items are
    missing that are recommended to nobody else.
    """

    name: str
    kinds: frozenset[str]
    higher_is_better: bool = True
    unit: str = ""
    range: tuple[float, float] = (0.0, 1.0)

    def chance(self, n_labels: int) -> float:
        return float("nan")

    def statistics(self, predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        """Size of the catalogue, then the items, -1 where there are no more."""
        sizes = np.asarray(predictions["catalogue"].to_numpy(), dtype=np.int64)
        return np.concatenate([sizes[:, None], padded(predictions["prediction"], AT)], axis=1)

    def score(self, statistics: np.ndarray) -> float:
        items = statistics[:, 1:]
        return float(len(np.unique(items[items >= 0])) / statistics[0, 0])

    def measure(self, sample: Sample) -> Scored:
        statistics = self.statistics(sample.predictions, sample.labels)
        value, error = self.score(statistics), self._standard_error(statistics, sample.clusters)
        half = NormalDist().inv_cdf(0.975) * error
        interval = Interval(max(0.0, value - half), min(1.0, value + half), "jackknife")
        return Scored(value, interval, len(statistics))

    def beside(self, sample: Sample) -> list[Measurement]:
        return []

    def over_seeds(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> Interval:
        """As if every seed missed by the same draws of users, which is the widest that it can be."""
        draws = np.array([NormalDist().inv_cdf(p) for p in (np.arange(DRAWS) + 0.5) / DRAWS])
        scores = [self.score(run) for run in runs]
        errors = [self._standard_error(run, clusters) for run in runs]
        resampled = [score + error * draws for score, error in zip(scores, errors, strict=True)]
        return across_seeds(scores, resampled, clusters is not None)

    @staticmethod
    def _standard_error(statistics: np.ndarray, clusters: Sequence[object] | None) -> float:
        owner = np.arange(len(statistics)) if clusters is None else cluster_index(clusters)
        n = int(owner.max()) + 1
        items = statistics[:, 1:]
        pairs = np.unique(
            np.stack([np.broadcast_to(owner[:, None], items.shape)[items >= 0], items[items >= 0]]), axis=1
        )
        _, index, counts = np.unique(pairs[1], return_index=True, return_counts=True)
        lost = np.bincount(pairs[0][index[counts == 1]], minlength=n) / statistics[0, 0]
        return float(np.sqrt((n - 1) / n * ((lost - lost.mean()) ** 2).sum()))


coverage_at_10 = Coverage("coverage@10", FULL)
