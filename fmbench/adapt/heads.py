"""What stands on a trunk for a kind of target: the model, what it minimises, and how its output becomes scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fmbench.engine.classifier import Classifier, Pooling, SentenceEmbedder
from fmbench.engine.objective import (
    BinaryCrossEntropy,
    ChoiceCrossEntropy,
    CosineError,
    CrossEntropy,
    Objective,
    SquaredError,
    inverse_frequencies,
)
from fmbench.engine.predict import choices_softmax, pair_cosines, sigmoid, softmax
from fmbench.engine.sequences import Sequences
from fmbench.errors import CellFailed
from fmbench.tasks.examples import Examples


@dataclass(frozen=True)
class Head:
    """One way to end a network.

    Args:
        model: trunk and head.
        objective: training sequences and targets -> what is minimised.
        decode: what the model gives, [n_sequences or n_targets, model.width] -> scores, see tasks.kind.Target.
        prepare: inputs as the tokenizer wants them.
    """

    model: Any
    objective: Callable[[Sequences, np.ndarray], Objective]
    decode: Callable[[np.ndarray], np.ndarray]
    prepare: Callable[[Sequence[Any]], Sequence[Any]] = lambda inputs: inputs


def head_for(trunk: Any, data: Examples, pooling: Pooling, dropout: float, class_weights: bool) -> Head:
    """The head that fits the kind's target. Raises CellFailed if there is none."""
    n = len(data.outputs)
    target = data.kind.target
    if target == "class":

        def entropy(sequences: Sequences, targets: np.ndarray) -> Objective:
            return CrossEntropy(sequences, targets, inverse_frequencies(targets, n) if class_weights else None)

        return Head(Classifier(trunk, n, pooling, dropout), entropy, softmax)
    if target == "classes":
        return Head(Classifier(trunk, n, pooling, dropout), BinaryCrossEntropy, sigmoid)
    if target == "choice":
        return Head(
            Classifier(trunk, 1, pooling, dropout),
            partial(ChoiceCrossEntropy, k=n),
            partial(choices_softmax, k=n),
            partial(with_k_options, k=n),
        )
    if target != "score" or data.score_range is None:
        raise CellFailed(f"no network head for targets of the sort {target!r}")
    low, high = data.score_range
    if data.kind.readout == "pair":
        return Head(
            SentenceEmbedder(trunk, pooling),
            lambda sequences, targets: CosineError(sequences, (targets - low) / (high - low)),
            pair_cosines,
        )
    return Head(
        Classifier(trunk, 1, pooling, dropout),
        lambda sequences, targets: SquaredError(sequences, (targets - low) / (high - low)),
        lambda found: low + (high - low) * found.astype(np.float64),
    )


def with_k_options(inputs: Sequence[Sequence[str]], k: int) -> list[list[str]]:
    """Questions with exactly `k` options each; missing ones are empty texts, which the kind takes away again."""
    return [[prompt, *options[:k], *[""] * (k - len(options))] for prompt, *options in inputs]
