"""The common end of every adaptation that trains a network by gradients."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np

from fmbench.adapt.adaptation import Fitted
from fmbench.engine.classifier import Classifier, execution_path
from fmbench.engine.context import FitContext
from fmbench.engine.embeddings import only_reached_rows
from fmbench.engine.tokenize import Tokenize
from fmbench.engine.train import TrainSettings, predict, train
from fmbench.tasks.examples import Examples


class TrainedPredictor:
    """A trained classifier with its tokenizer: from inputs to probabilities."""

    def __init__(self, model: Classifier, tokenize: Tokenize, device: str) -> None:
        self.model, self.tokenize, self.device = model, tokenize, device

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return predict(self.model, self.tokenize(inputs), self.device)


def fit_classifier(
    model: Classifier,
    tokenize: Tokenize,
    data: Examples,
    settings: TrainSettings,
    context: FitContext,
    rng: np.random.Generator,
    network: Any = None,
) -> Fitted:
    """Tokenise, train, and wrap what came out.

    Args:
        network: the pretrained network inside `model`, if there is one; its embeddings are trained where data reach.
    """
    model.to(context.device)
    parameters = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    sequences = tokenize(data.inputs(data.train))
    validation = tokenize(data.inputs(data.validation))
    targets = data.targets(data.train)
    with only_reached_rows(network, sequences.ids) if network is not None else nullcontext():
        history = train(model, sequences, targets, validation, settings, context, rng)
    notes = {"execution": execution_path(model.trunk), "best_epoch": history.best_epoch}
    if sequences.cut or validation.cut:
        notes["texts_cut_at_max_length"] = sequences.cut + validation.cut
    return Fitted(
        TrainedPredictor(model, tokenize, context.device),
        parameters,
        trainable,
        {"train_loss": history.loss, "validation": history.validation},
        notes,
    )
