"""Metrics of other libraries by name: `sklearn:NAME` and `evaluate:NAME`, with bootstrap intervals like our own."""

from __future__ import annotations

import inspect
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.errors import InputError, one_line
from fmbench.measure.measurement import Measurement
from fmbench.measure.metric import Sample, Scored
from fmbench.registry import KINDS, UnknownName
from fmbench.stats.bootstrap import resampled_weights
from fmbench.stats.clusters import cluster_index
from fmbench.stats.intervals import Interval, percentile
from fmbench.stats.seeds import across_seeds

Function = Callable[[list[Any], list[Any], "np.ndarray | None"], float]
"""(gold, predicted, how often each counts or None for once) -> score."""
SKLEARN_DRAWS, EVALUATE_DRAWS = 1000, 200
_SCORES = re.compile(r"_(score|loss|error|corrcoef|deviance)$")
_OF_NUMBERS = re.compile(r"^d2_|^(r2|explained_variance)_score$|_(error|deviance)$|pinball")
_LOWER = re.compile(r"loss|error|deviance|perplexity|(^|_)(mse|mae|rmse|mape|smape|mase|wer|cer|ter)($|_)")


@dataclass(frozen=True)
class Foreign:
    """A function of gold and predicted labels or numbers; its statistics are objects [n_items, 2].

    Args:
        targets: sorts of target that it is for, see tasks.kind.Target; `tags` says whether lists of tags are as well.
        coded: labels are handed over as their numbers in the label space, `len(labels)` for others.
        draws: of its bootstrap.
    """

    name: str
    function: Function
    targets: frozenset[str]
    higher_is_better: bool
    draws: int
    tags: bool = False
    coded: bool = False
    unit: str = ""

    @property
    def kinds(self) -> frozenset[str]:
        fitting = (kind for kind in KINDS.values() if kind.target in self.targets)
        return frozenset(kind.name for kind in fitting if self.tags or kind.readout != "token")

    @property
    def range(self) -> tuple[float, float]:
        return (-float("inf"), 1.0) if self.higher_is_better else (0.0, float("inf"))

    def chance(self, n_labels: int) -> float:
        return float("nan")

    def statistics(self, predictions: pa.Table, labels: Sequence[str]) -> np.ndarray:
        found = np.empty((len(predictions), 2), dtype=object)
        index = {label: i for i, label in enumerate(labels)} if self.coded else {}
        for side, column in enumerate(("gold", "prediction")):
            values = predictions[column].to_pylist()
            found[:, side] = [index.get(value, len(index)) for value in values] if index else values
        return found

    def score(self, statistics: np.ndarray) -> float:
        return self.function(statistics[:, 0].tolist(), statistics[:, 1].tolist(), None)

    def measure(self, sample: Sample) -> Scored:
        statistics = self.statistics(sample.predictions, sample.labels)
        drawn = self.resampled([statistics], sample.clusters)[0]
        method = "bootstrap" if sample.clusters is None else "cluster-bootstrap"
        return Scored(self.score(statistics), percentile(drawn, 0.95, method), len(statistics))

    def beside(self, sample: Sample) -> list[Measurement]:
        return []

    def resampled(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> list[np.ndarray]:
        n = len(runs[0])
        index = np.arange(n) if clusters is None else cluster_index(clusters)
        pairs = [_distinct(run) for run in runs]
        scores: list[list[float]] = [[] for _ in runs]
        for drawn in resampled_weights(int(index.max()) + 1, self.draws, np.random.default_rng(0)):
            for weights in drawn[:, index]:
                for found, (gold, predicted, at) in zip(scores, pairs, strict=True):
                    counts = np.bincount(at, weights=weights, minlength=len(gold))
                    kept = np.flatnonzero(counts)
                    right, guess = ([side[i] for i in kept] for side in (gold, predicted))
                    found.append(self.function(right, guess, counts[kept]))
        return [np.array(found) for found in scores]

    def over_seeds(self, runs: Sequence[np.ndarray], clusters: Sequence[object] | None = None) -> Interval:
        drawn = self.resampled(runs, clusters)
        return across_seeds([self.score(run) for run in runs], drawn, clusters is not None)


def _distinct(pairs: np.ndarray) -> tuple[list[Any], list[Any], np.ndarray]:
    """The different pairs of a run, and int [n], which of them each item is: a few where targets are labels."""
    places: dict[Any, int] = {}
    at = np.array([places.setdefault((repr(a), repr(b)), len(places)) for a, b in pairs], dtype=np.int64)
    first = np.unique(at, return_index=True)[1]
    return pairs[first, 0].tolist(), pairs[first, 1].tolist(), at


def sklearn_metric(name: str) -> Foreign:
    """A function of sklearn.metrics of gold and predicted labels or numbers.

    Those that average over classes take the macro average, and count what is undefined as 0.

    Raises:
        UnknownName: there is none of this name that gives one number for labels.
    """
    import sklearn
    import sklearn.metrics as metrics

    known = [other for other in dir(metrics) if _SCORES.search(other) and _takes_labels(getattr(metrics, other))]
    if name not in known:
        raise UnknownName("function of sklearn.metrics", name, known)
    function = getattr(metrics, name)
    takes = inspect.signature(function).parameters
    fixed = {key: value for key, value in (("average", "macro"), ("zero_division", 0.0)) if key in takes}

    def of_labels(gold: list[Any], predicted: list[Any], weights: np.ndarray | None) -> float:
        with warnings.catch_warnings(), sklearn.config_context(skip_parameter_validation=True):
            warnings.simplefilter("ignore")
            if weights is None:
                return float(function(gold, predicted, **fixed))
            if "sample_weight" in takes:
                return float(function(gold, predicted, sample_weight=weights, **fixed))
            return float(function(*_repeated(gold, predicted, weights), **fixed))

    targets = frozenset({"score"} if _OF_NUMBERS.search(name) else {"class", "choice"})
    return Foreign(f"sklearn:{name}", of_labels, targets, name.endswith(("_score", "_corrcoef")), SKLEARN_DRAWS)


def _takes_labels(function: Any) -> bool:
    """Whether it is a function of gold and predicted labels; log losses call probabilities `y_pred` as well."""
    if not callable(function) or "log_loss" in function.__name__:
        return False
    takes = inspect.signature(function).parameters
    needed = [name for name, one in takes.items() if one.default is inspect.Parameter.empty]
    return needed in (["y_true", "y_pred"], ["y1", "y2"], ["labels_true", "labels_pred"])


def _repeated(gold: list[Any], predicted: list[Any], weights: np.ndarray) -> tuple[list[Any], list[Any]]:
    """Items as often as they count."""
    at = np.repeat(np.arange(len(gold)), weights.astype(np.int64))
    return [gold[i] for i in at], [predicted[i] for i in at]


def evaluate_metric(name: str) -> Foreign:
    """A module of the evaluate library: a name of its hub, or the folder or file of a module, which needs no network.

    Raises:
        InputError: the library is not installed, or the module cannot be loaded.
    """
    try:
        import evaluate
    except ImportError:
        raise InputError(f"metric 'evaluate:{name}' needs the extra: pip install 'fmbench[evaluate]'") from None
    try:
        module = evaluate.load(name)
    except Exception as error:
        what = f"{type(error).__name__}: {one_line(str(error))[:200]}"
        hint = "without network, name the folder or the file of the module"
        raise InputError(f"metric 'evaluate:{name}' cannot be loaded ({hint}): {what}") from error
    short = re.sub(r"\.py$", "", name.rstrip("/").split("/")[-1])
    takes = inspect.signature(module._compute).parameters
    fixed = {"average": "macro"} if "average" in takes else {}
    features = module.features[0] if isinstance(module.features, list) else module.features
    sort = str(getattr(features["predictions"], "dtype", "list"))

    def of_labels(gold: list[Any], predicted: list[Any], weights: np.ndarray | None) -> float:
        """The score by the public way, which writes the items to a file first; draws, hundreds of them, go past it."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if weights is None:
                found = module.compute(predictions=predicted, references=gold, **fixed)
            else:
                gold, predicted = _repeated(gold, predicted, weights)
                found = module._compute(predictions=predicted, references=gold, **fixed)
        return _one_number(found, short)

    targets = frozenset({"score"} if sort.startswith("float") else {"class", "choice"})
    better = not _LOWER.search(short)
    coded, tags = sort.startswith("int"), sort == "list"
    return Foreign(f"evaluate:{name}", of_labels, targets, better, EVALUATE_DRAWS, tags=tags, coded=coded)


def _one_number(found: Any, name: str) -> float:
    """The entry that goes by the module's name, else that of F1, else the first number."""
    numbers = {key: value for key, value in (found or {}).items() if isinstance(value, int | float | np.number)}
    chosen = [key for key in (name, "overall_f1", "f1", "score") if key in numbers] or list(numbers)
    if not chosen:
        raise InputError(f"metric 'evaluate:{name}' gives no number")
    return float(numbers[chosen[0]])
