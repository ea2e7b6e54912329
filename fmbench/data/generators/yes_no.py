"""What the generators of yes-or-no labels share: sizes, splits, and the ceiling from the true probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from fmbench.data.generator import Columns, Generated
from fmbench.data.rows import SPLITS
from fmbench.suite.schema import Seed, Spec


class Sizes(Spec):
    """Seed and number of rows."""

    seed: Seed = 0
    train: int = Field(default=3000, ge=20)
    validation: int = Field(default=500, ge=10)
    test: int = Field(default=1000, ge=20)

    @property
    def total(self) -> int:
        return self.train + self.validation + self.test


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Probabilities, rounded to nine places so that the last bits of a platform's `exp` decide nothing."""
    return np.round(1 / (1 + np.exp(-logits)), 9)


def macro_f1_of_top(probabilities: np.ndarray) -> np.ndarray:
    """Macro F1 [n + 1] of saying yes to the k rows of highest probability, k = 0 to n, with expected counts for counts.

    For every k these are the best k rows, so that the highest entry is the best score that can be expected (Lewis 1995,
    SIGIR), but for the spread of the counts, which is of the order 1 / n.
    """
    ordered = np.sort(probabilities)[::-1]
    n, yes = len(ordered), ordered.sum()
    hits = np.concatenate([[0.0], np.cumsum(ordered)])
    said = np.arange(n + 1)
    no_hits = (n - said) - (yes - hits)
    return np.asarray(
        (2 * hits / np.maximum(said + yes, 1e-12) + 2 * no_hits / np.maximum(2 * n - said - yes, 1e-12)) / 2
    )


def ceiling(probabilities: np.ndarray) -> dict[str, float]:
    """The best expected score of each metric on rows whose label is yes with these probabilities [n].

    Accuracy is Bayes' rule, mean of max(p, 1 - p). The areas are those of ordering by p, with expected counts for
    counts (Clemencon, Lugosi and Vayatis 2008, Ann. Statist. 36). Labels as drawn scatter about all of them, as any
    sample does.
    """
    ordered = np.sort(probabilities)[::-1]
    yes, pairs = ordered.sum(), ordered.sum() * (1 - ordered).sum() - (ordered * (1 - ordered)).sum()
    found, places = np.cumsum(ordered), np.arange(1, len(ordered) + 1)
    best = {
        "accuracy": np.maximum(ordered, 1 - ordered).mean(),
        "macro_f1": macro_f1_of_top(ordered).max(),
        "auroc": ((found - ordered) * (1 - ordered)).sum() / pairs,
        "average_precision": (ordered * (found - ordered + 1) / places).sum() / yes,
    }
    return {name: round(float(value), 6) for name, value in best.items()}


def oracle_choice(probabilities: np.ndarray, metric: str) -> np.ndarray:
    """The answers bool [n] that reach the ceiling of `metric` in expectation."""
    if metric == "accuracy":
        return np.asarray(probabilities > 0.5)
    yes = np.zeros(len(probabilities), dtype=bool)
    yes[np.argsort(-probabilities, kind="stable")[: int(macro_f1_of_top(probabilities).argmax())]] = True
    return yes


def labelled(
    inputs: Mapping[str, Sequence[Any]],
    probabilities: np.ndarray,
    yes: np.ndarray,
    names: tuple[str, str],
    sizes: Sizes,
) -> Generated:
    """Rows of `inputs` and `label`, the first `sizes.train` of them train and so on, with the ceiling of test.

    Args:
        inputs: column -> values [n].
        probabilities: of yes, given all that the inputs say [n].
        yes: the labels bool [n].
        names: the label of no and of yes.
    """
    columns: Columns = {name: list(values) for name, values in inputs.items()}
    columns["label"] = [names[int(one)] for one in yes]
    ends = np.cumsum([0, sizes.train, sizes.validation, sizes.test])
    splits = {
        split: {name: values[ends[i] : ends[i + 1]] for name, values in columns.items()}
        for i, split in enumerate(SPLITS)
    }
    return Generated(splits, ceiling=ceiling(probabilities[ends[2] :]))
