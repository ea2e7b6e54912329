"""Training of networks that predict the next item, and their scores of the whole catalogue in blocks."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fmbench.engine.context import FitContext, Step
from fmbench.engine.devices import device_of, seed_everything
from fmbench.errors import CellFailed
from fmbench.models.ranking import Ranker, item_ranker, n_items, sequences
from fmbench.tasks.examples import Examples

ROWS = 256


@dataclass(frozen=True)
class NextItemPredictor:
    """A trained network: inputs [user, history] -> rankings."""

    network: nn.Module
    ranker: Ranker
    max_length: int
    device: str

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """int64 [n, 100]."""
        return self.ranker.rank(self.score, inputs)

    def score(self, inputs: Sequence[Any]) -> np.ndarray:
        """float32 [n, n_items]; a user without history has the vector 0, and all items the same score."""
        place = device_of(self.device).place
        self.network.eval()
        table: Tensor = self.network.items.weight[1:]  # type: ignore[union-attr,index]
        parts = []
        with torch.inference_mode():
            for start in range(0, len(inputs), ROWS):
                batch = _padded([one[1][-self.max_length :] for one in inputs[start : start + ROWS]]).to(place)
                lengths = (batch > 0).sum(dim=1)
                states = self.network(batch)[torch.arange(len(batch), device=place), (lengths - 1).clamp(min=0)]
                parts.append((states * (lengths > 0)[:, None] @ table.T).float().cpu().numpy())
        return np.concatenate(parts)


@dataclass(frozen=True)
class Training:
    """What a training left: mean loss and validation score of each epoch, and the epoch whose weights were kept."""

    losses: list[float]
    scores: list[float]
    best_epoch: int


def fit_next_item(model: Any, data: Examples, context: FitContext) -> tuple[NextItemPredictor, Training]:
    """Train until the validation score has not risen for `patience` epochs; the best epoch's weights are kept.

    The loss is the cross-entropy of the right next item at every place against `negatives` items, drawn uniformly for
    each batch and common to all its places (a drawn item that is the right one does not count against itself).

    Raises:
        CellFailed: out of time, or the loss is not finite.
    """
    rng = seed_everything(context.seed)
    own, place = model.settings, device_of(context.device).place
    histories = [np.asarray(one[-own.max_length - 1 :]) + 1 for one in sequences(data) if len(one) > 1]
    if not histories:
        raise CellFailed("no user of the train split has two items, so there is no next one to learn")
    size = n_items(data)
    network = model.build(size).to(place)
    predictor = NextItemPredictor(network, item_ranker(data), own.max_length, context.device)
    optimizer = torch.optim.Adam(network.parameters(), lr=own.learning_rate, betas=(0.9, 0.98))
    inputs = data.inputs(data.validation) if len(data.validation) else []
    training, kept = Training([], [], 0), copy.deepcopy(network.state_dict())
    best = -np.inf
    for epoch in range(1, own.epochs + 1):
        network.train()
        batches = list(_batches(histories, own.batch_size, rng))
        total = 0.0
        for step, index in enumerate(batches, 1):
            context.check_time()
            batch = _padded([histories[i] - 1 for i in index]).to(place)
            loss = _loss(network, batch, size, own.negatives, rng)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach())
            context.on_step(Step(epoch, own.epochs, step, len(batches), float(loss.detach())))
        training.losses.append(total / len(batches))
        if not np.isfinite(total):
            raise CellFailed("the loss is not finite: the training has diverged; lower learning_rate")
        found = context.validate(predictor.predict(inputs)) if len(inputs) else float(epoch)
        training.scores.append(found)
        gain = found if context.higher_is_better else -found
        if gain > best:
            best, kept = gain, copy.deepcopy(network.state_dict())
            training = Training(training.losses, training.scores, epoch)
        elif epoch - training.best_epoch >= own.patience:
            break
    network.load_state_dict(kept)
    return predictor, training


def _loss(network: nn.Module, batch: Tensor, size: int, negatives: int, rng: np.random.Generator) -> Tensor:
    """Of the items after each place; `batch` holds numbers from 1, 0 for padding at the end."""
    real = batch[:, 1:] > 0
    states, right = network(batch[:, :-1])[real], batch[:, 1:][real]
    table: Tensor = network.items.weight  # type: ignore[union-attr,assignment]
    if not 0 < negatives < size:
        return cross_entropy(states @ table[1:].T, right - 1)
    drawn = torch.from_numpy(rng.integers(1, size + 1, negatives)).to(batch.device)
    against = (states @ table[drawn].T).masked_fill(right[:, None] == drawn, float("-inf"))
    scores = torch.cat([(states * table[right]).sum(dim=1, keepdim=True), against], dim=1)
    return cross_entropy(scores, torch.zeros(len(scores), dtype=torch.long, device=batch.device))


def _batches(histories: Sequence[np.ndarray], size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Random batches whose histories are about as long: sorted within groups of sixteen batches."""
    order = rng.permutation(len(histories))
    lengths = np.array([len(one) for one in histories])
    batches: list[np.ndarray] = []
    for start in range(0, len(order), 16 * size):
        group = order[start : start + 16 * size]
        group = group[np.argsort(lengths[group], kind="stable")]
        batches += [group[i : i + size] for i in range(0, len(group), size)]
    for i in rng.permutation(len(batches)):
        yield batches[i]


def _padded(histories: Sequence[Any]) -> Tensor:
    """Numbers from 0 -> int64 [n, longest], one higher, with 0 at the end of shorter ones."""
    longest = max((len(one) for one in histories), default=0)
    found = np.zeros((len(histories), max(1, longest)), dtype=np.int64)
    for row, history in zip(found, histories, strict=True):
        row[: len(history)] = np.asarray(history, dtype=np.int64) + 1
    return torch.from_numpy(found)
