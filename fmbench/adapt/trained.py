"""The common end of every adaptation that trains a network by gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from fmbench.adapt.adaptation import Fitted
from fmbench.adapt.heads import head_for
from fmbench.engine.cache import ArrayCache
from fmbench.engine.context import FitContext
from fmbench.engine.devices import Precision, device_of
from fmbench.engine.embeddings import only_reached_rows
from fmbench.engine.graphs import with_graphs
from fmbench.engine.objective import Objective
from fmbench.engine.predict import computed_tokens, predict
from fmbench.engine.sequences import Sequences
from fmbench.engine.tokenize import Tokenize, tokenize_once
from fmbench.engine.train import History, TrainSettings, train
from fmbench.engine.trunks import execution_path
from fmbench.engine.work import Work
from fmbench.tasks.examples import Examples

Enter = Callable[[Sequences], Sequences]


@dataclass(frozen=True)
class TrainedPredictor:
    """A trained network with its tokenizer: from inputs to scores.

    Args:
        decode: what the network gives, [n, model.width], and its sequences -> scores [n_targets, n_outputs].
        forward: computes `model(batch)` in a quicker way, once the weights no longer change.
        prepare: inputs as the tokenizer wants them.
    """

    model: Any
    tokenize: Tokenize
    device: str
    precision: Precision
    decode: Callable[[np.ndarray, Sequences], np.ndarray]
    forward: Callable[[Any], Any] | None = None
    prepare: Callable[[Sequence[Any]], Sequence[Any]] = lambda inputs: inputs

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return self.run(self.encode(inputs))

    def encode(self, inputs: Sequence[Any]) -> Sequences:
        """Tokens of `inputs`."""
        return self.tokenize(self.prepare(inputs))

    def run(self, sequences: Sequences) -> np.ndarray:
        """Scores from tokens."""
        found = predict(self.model, sequences, self.device, self.precision, self.forward)
        return self.decode(found, sequences)

    def work(self, sequences: Sequences) -> Work:
        """What `run` has to do."""
        padded = computed_tokens(self.model.trunk, sequences, self.device)
        budget = device_of(self.device).predict_tokens
        return _work(self.model, sequences, padded, min(budget, len(sequences.ids)), self.precision)


@dataclass(frozen=True)
class TokensOnce:
    """The same predictor on tokens that may come from the cache."""

    predictor: TrainedPredictor
    cache: ArrayCache

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        prepared = self.predictor.prepare(inputs)
        return self.predictor.run(tokenize_once(self.predictor.tokenize, prepared, self.cache))


def fit_network(
    trunk: Any,
    tokenize: Tokenize,
    data: Examples,
    settings: TrainSettings,
    context: FitContext,
    rng: np.random.Generator,
    *,
    dropout: float,
    pooling: Any = "mean",
    class_weights: bool = False,
    crf: bool = False,
    network: Any = None,
    enter: Enter | None = None,
) -> Fitted:
    """Put a head on `trunk`, train both, and wrap what came out.

    Args:
        dropout: before the head.
        class_weights: weigh classes by their inverse frequency.
        crf: score the tags of a sentence as a chain.
        network: the pretrained network inside `trunk`, if there is one; its embeddings are trained where data reach.
        enter: gives sequences the states of layers that are frozen and need not run again.
    """
    head = head_for(trunk, data, pooling, dropout, class_weights, crf)
    model = head.model.to(device_of(context.device).place)
    parameters = sum(p.numel() for p in model.parameters())
    trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
    sequences = tokenize_once(tokenize, head.prepare(data.inputs(data.train)), context.cache)
    validation = tokenize_once(tokenize, head.prepare(data.inputs(data.validation)), context.cache)
    if enter is not None:
        sequences, validation = enter(sequences), enter(validation)
    objective = head.objective(sequences, data.targets(data.train))
    precision = device_of(context.device).predict_precision(settings.precision)
    training = TrainedPredictor(model, tokenize, context.device, precision, head.decode, prepare=head.prepare)
    with only_reached_rows(network, sequences.ids) if network is not None else nullcontext():
        history = train(model, objective, lambda: training.run(validation), settings, context, rng)
    predictor = replace(training, forward=with_graphs(model, device_of(context.device)))
    notes = {
        "execution": execution_path(trunk),
        "precision": settings.precision,
        "best_epoch": history.best_epoch,
        "piece_tokens": history.piece_tokens,
    }
    if sequences.cut or validation.cut:
        notes["texts_cut_at_max_length"] = sequences.cut + validation.cut
    return Fitted(
        predictor,
        parameters,
        trainable,
        {"train_loss": history.loss, "validation": history.validation},
        notes,
        TokensOnce(predictor, context.cache),
        _training_work(model, sequences, objective, history, settings),
        history.seconds,
    )


def _work(model: Any, sequences: Sequences, padded_tokens: int | None, batch_tokens: int, precision: Precision) -> Work:
    """Of a forward pass, in batches of about `batch_tokens`."""
    lengths = torch.from_numpy(sequences.lengths)
    n_reads = None
    if sequences.reads is not None:
        n_reads = len(sequences.reads)
    elif model.pooling == "cls":
        n_reads = len(sequences)
    start = {"start": sequences.layer} if sequences.states is not None else {}
    flops = model.trunk.flops(lengths, n_reads=n_reads, **start)
    width = int(model.trunk.hidden_size)
    dtype = "bfloat16" if precision == "bf16" else "float32"
    return Work(int(lengths.sum()), flops, padded_tokens, (batch_tokens, width, 4 * width), dtype)


def _training_work(
    model: Any, sequences: Sequences, objective: Objective, history: History, settings: TrainSettings
) -> Work:
    """Three forward passes' worth for every example seen: one forward, two backward."""
    examples = len(objective.lengths)
    batch_tokens = round(float(objective.lengths.mean()) * min(settings.batch_size, examples))
    once = _work(model, sequences, None, max(1, batch_tokens), settings.precision)
    epochs = history.examples / examples
    return replace(once, tokens=round(once.tokens * epochs), flops=3 * once.flops * epochs)
