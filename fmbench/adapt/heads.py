"""What stands on a trunk for a kind of target: the model, what it minimises, and how its output becomes scores."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from fmbench.engine.classifier import Classifier, Pooling, SentenceEmbedder
from fmbench.engine.crf import ChainLikelihood, CrfTagger, marginals
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
        decode: what the model gives, [n_sequences or n_targets, model.width], and the sequences it was given for ->
            scores, see tasks.kind.Target.
        prepare: inputs as the tokenizer wants them.
    """

    model: Any
    objective: Callable[[Sequences, np.ndarray], Objective]
    decode: Callable[[np.ndarray, Sequences], np.ndarray]
    prepare: Callable[[Sequence[Any]], Sequence[Any]] = lambda inputs: inputs


def head_for(
    trunk: Any, data: Examples, pooling: Pooling, dropout: float, class_weights: bool, crf: bool = False
) -> Head:
    """The head that fits the kind's target. Raises CellFailed if there is none."""
    n = len(data.outputs)
    target = data.kind.target
    if crf and data.kind.readout != "token":
        raise CellFailed("crf: only the tags of tokens form a chain")
    if crf:
        tagger = CrfTagger(Classifier(trunk, n, pooling, dropout), data.outputs)
        return Head(tagger, ChainLikelihood, partial(marginals, tagger))
    if target == "class":

        def entropy(sequences: Sequences, targets: np.ndarray) -> Objective:
            return CrossEntropy(sequences, targets, inverse_frequencies(targets, n) if class_weights else None)

        return Head(Classifier(trunk, n, pooling, dropout), entropy, _alone(softmax))
    if target == "classes":
        return Head(Classifier(trunk, n, pooling, dropout), BinaryCrossEntropy, _alone(sigmoid))
    if target == "choice":
        return Head(
            Classifier(trunk, 1, pooling, dropout),
            partial(ChoiceCrossEntropy, k=n),
            _alone(partial(choices_softmax, k=n)),
            partial(with_k_options, k=n),
        )
    if target != "score" or data.score_range is None:
        raise CellFailed(f"no network head for targets of the sort {target!r}")
    low, high = data.score_range
    if data.kind.readout == "pair":
        return Head(
            SentenceEmbedder(trunk, pooling),
            lambda sequences, targets: CosineError(sequences, (targets - low) / (high - low)),
            _alone(pair_cosines),
        )
    return Head(
        Classifier(trunk, 1, pooling, dropout),
        lambda sequences, targets: SquaredError(sequences, (targets - low) / (high - low)),
        _alone(lambda found: low + (high - low) * found.astype(np.float64)),
    )


def _alone(decode: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray, Sequences], np.ndarray]:
    """A decoding that needs no sequences."""
    return lambda found, sequences: decode(found)


def with_k_options(inputs: Sequence[Sequence[str]], k: int) -> list[list[str]]:
    """Questions with exactly `k` options each; missing ones are empty texts, which the kind takes away again."""
    return [[prompt, *options[:k], *[""] * (k - len(options))] for prompt, *options in inputs]
