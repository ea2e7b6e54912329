"""The training loop: AdamW, warm-up and linear decay, clipping, the best epoch kept."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fmbench.engine.classifier import Classifier, run_batches, softmax
from fmbench.engine.context import FitContext, Step
from fmbench.engine.sequences import Sequences, shuffled_batches
from fmbench.errors import CellFailed
from fmbench.tasks.kind import IGNORED

MICRO_BATCH_TOKENS = 8192


@dataclass(frozen=True)
class TrainSettings:
    """How to train; `warmup` is the share of steps over which the learning rate rises from 0."""

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip_norm: float = 1.0
    patience: int | None = None
    class_weights: bool = False


@dataclass
class History:
    """One entry an epoch: mean training loss, and the main metric on the validation rows."""

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best_epoch: int = 0


def train(
    model: Classifier,
    data: Sequences,
    targets: np.ndarray,
    validation: Sequences,
    settings: TrainSettings,
    context: FitContext,
    rng: np.random.Generator,
) -> History:
    """Train `model` in place and leave it with the weights of its best epoch on the validation rows.

    Args:
        data: training sequences; `targets` int64 [data.n_targets] are their classes, IGNORED ones do not count.
        rng: orders the batches.

    Raises:
        CellFailed: the loss is not finite, or time is up.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(_groups(model, settings.weight_decay), lr=settings.learning_rate, fused=True)
    steps_per_epoch = math.ceil(len(data) / settings.batch_size)
    steps = settings.epochs * steps_per_epoch
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _linear(steps, settings.warmup))
    weights = _class_weights(targets, model.head.out_features, context.device) if settings.class_weights else None
    history, best, step = History(), None, 0
    for epoch in range(1, settings.epochs + 1):
        model.train()
        losses = []
        for index in shuffled_batches(len(data), settings.batch_size, rng):
            context.check_time()
            loss = _step(model, data, targets, index, weights, context.device)
            step += 1
            if not math.isfinite(loss):
                rate = schedule.get_last_lr()[0]
                raise CellFailed(f"the loss is {loss} at step {step} of {steps}, learning rate {rate:.3g}")
            nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            schedule.step()
            losses.append(loss)
            context.on_step(Step(epoch, settings.epochs, step, steps, loss))
        history.loss.append(float(np.mean(losses)))
        history.validation.append(context.validate(predict(model, validation, context.device)))
        best = _keep_best(model, history, best, context.higher_is_better)
        if settings.patience is not None and epoch - history.best_epoch >= settings.patience:
            break
    if best is not None:
        model.load_state_dict(best)
    model.eval()
    return history


def predict(model: Classifier, sequences: Sequences, device: str) -> np.ndarray:
    """Probabilities, float64 [n_targets, n_outputs]. Raises CellFailed if the model gives anything but numbers."""
    model.eval()
    logits = run_batches(model, sequences, model.head.out_features, device)
    if not np.isfinite(logits).all():
        raise CellFailed("the model's scores are not finite: its training has diverged")
    return softmax(logits)


def _step(
    model: Classifier, data: Sequences, targets: np.ndarray, index: np.ndarray, weights: Tensor | None, device: str
) -> float:
    """Gradients of the mean loss over the batch's targets, in pieces if it is large; returns the loss."""
    wanted = targets[data.targets_of(index)]
    total = _weight(wanted, weights)
    loss_sum = 0.0
    for part in _pieces(data, index):
        classes = torch.from_numpy(targets[data.targets_of(part)]).to(device)
        logits = model(data.batch(part, device))
        loss = F.cross_entropy(logits.float(), classes, weights, ignore_index=IGNORED, reduction="sum") / total
        loss.backward()
        loss_sum += float(loss.detach())
    return loss_sum


def _pieces(data: Sequences, index: np.ndarray) -> Iterator[np.ndarray]:
    ends = np.cumsum(data.lengths[index])
    piece = ends // (MICRO_BATCH_TOKENS + 1)
    for number in np.unique(piece):
        yield index[piece == number]


def _weight(targets: np.ndarray, weights: Tensor | None) -> float:
    counted = targets[targets != IGNORED]
    if weights is None:
        return float(max(len(counted), 1))
    return float(weights.cpu()[torch.from_numpy(counted)].sum()) or 1.0


def _class_weights(targets: np.ndarray, n_outputs: int, device: str) -> Tensor:
    """Inverse class frequency with mean 1 over the classes that occur; absent classes get 1."""
    counts = np.bincount(targets[targets != IGNORED], minlength=n_outputs).astype(np.float64)
    inverse = np.where(counts > 0, 1 / np.maximum(counts, 1), np.nan)
    return torch.from_numpy(np.nan_to_num(inverse / np.nanmean(inverse), nan=1.0)).float().to(device)


def _groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Weight decay for matrices only, not for biases and norms."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def _linear(steps: int, warmup: float) -> Callable[[int], float]:
    rising = max(1, round(steps * warmup))
    return lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising + 1)))


def _keep_best(
    model: nn.Module, history: History, best: dict[str, Tensor] | None, higher_is_better: bool
) -> dict[str, Tensor]:
    """The weights of the best epoch so far; the earliest wins a tie, an undefined score never wins."""
    scores = np.array(history.validation) * (1 if higher_is_better else -1)
    scores = np.where(np.isnan(scores), -np.inf, scores)
    history.best_epoch = int(scores.argmax()) + 1
    if best is None or history.best_epoch == len(scores):
        return copy.deepcopy(model.state_dict())
    return best
