"""The training loop: AdamW, warm-up and linear decay, clipping, the best epoch kept."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fmbench.engine.context import FitContext, Step
from fmbench.engine.devices import Device, Precision, device_of, out_of_memory
from fmbench.engine.objective import Objective
from fmbench.engine.sequences import pieces, shuffled_batches
from fmbench.errors import CellFailed


@dataclass(frozen=True)
class TrainSettings:
    """How to train; `warmup` is the share of steps over which the learning rate rises from 0.

    `max_steps` ends training earlier, with the schedule that fits; the last epoch may then be a part of one.
    `batch_size` is examples an optimiser step. A step that holds more tokens than the device's budget runs in pieces
    whose gradients add up (gradient accumulation), so memory decides the pieces and never the result.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float = 0.01
    warmup: float = 0.1
    clip_norm: float = 1.0
    patience: int | None = None
    max_steps: int | None = None
    precision: Precision = "fp32"


@dataclass
class History:
    """One entry an epoch: mean training loss, and the main metric on the validation rows.

    Args:
        examples: seen in training, repeats counted; `seconds` is the time their steps took, validation left out.
        piece_tokens: tokens of the largest piece of a step that fitted into memory.
    """

    loss: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    best_epoch: int = 0
    examples: int = 0
    seconds: float = field(default=0.0, compare=False)
    piece_tokens: int = 0


def train(
    model: nn.Module,
    objective: Objective,
    scores: Callable[[], np.ndarray],
    settings: TrainSettings,
    context: FitContext,
    rng: np.random.Generator,
) -> History:
    """Train `model` in place and leave it with the weights of its best epoch on the validation rows.

    Args:
        objective: training examples and their loss.
        scores: the model's scores of the validation rows, as `context.validate` wants them.
        rng: orders the batches.

    Raises:
        CellFailed: the loss is not finite, time is up, or a single example does not fit into memory.
    """
    n = len(objective.lengths)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(_groups(parameters, settings.weight_decay), lr=settings.learning_rate, fused=True)
    an_epoch = math.ceil(n / settings.batch_size)
    steps = settings.epochs * an_epoch
    steps = min(steps, settings.max_steps or steps)
    epochs = math.ceil(steps / an_epoch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, linear_schedule(steps, settings.warmup))
    gradients = Gradients(model, objective, device_of(context.device), settings.precision)
    history, best, step = History(), None, 0
    for epoch in range(1, epochs + 1):
        model.train()
        losses = []
        start = context.clock()
        for index in islice(shuffled_batches(n, settings.batch_size, rng), steps - step):
            context.check_time()
            optimizer.zero_grad(set_to_none=True)
            loss = gradients(index)
            step += 1
            if not math.isfinite(loss):
                rate = schedule.get_last_lr()[0]
                raise CellFailed(f"the loss is {loss} at step {step} of {steps}, learning rate {rate:.3g}")
            nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
            optimizer.step()
            schedule.step()
            losses.append(loss)
            history.examples += len(index)
            context.on_step(Step(epoch, epochs, step, steps, loss))
        history.seconds += context.clock() - start
        history.loss.append(float(np.mean(losses)))
        history.validation.append(context.validate(scores()))
        best = _keep_best(model, history, best, context.higher_is_better)
        if settings.patience is not None and epoch - history.best_epoch >= settings.patience:
            break
    optimizer.zero_grad(set_to_none=True)
    if best is not None:
        _restore(model, best)
    model.eval()
    history.piece_tokens = gradients.budget
    return history


class Gradients:
    """Gradients of a step's mean loss, in pieces of at most `budget` tokens; it is halved when memory runs out."""

    def __init__(self, model: nn.Module, objective: Objective, device: Device, precision: Precision) -> None:
        self.model, self.objective, self.device, self.precision = model, objective, device, precision
        self.budget = device.train_tokens

    def __call__(self, index: np.ndarray) -> float:
        """Leave the gradients in the parameters, which have none before; returns the loss."""
        while True:
            try:
                return self._accumulate(index)
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                longest = int(self.objective.lengths[index].max())
                if self.budget < longest:
                    raise CellFailed(f"out of memory in training, with a single example of {longest} tokens") from error
            self.model.zero_grad(set_to_none=True)
            self.device.release_memory()
            self.budget = min(self.budget, int(self.objective.lengths[index].sum())) // 2

    def _accumulate(self, index: np.ndarray) -> float:
        total, summed = self.objective.weight(index), 0.0
        longest_first = index[np.argsort(-self.objective.lengths[index], kind="stable")]
        for part in pieces(self.objective.lengths, longest_first, self.budget):
            with self.device.autocast(self.precision):
                loss = self.objective.loss(self.model, part, self.device) / total
            loss.backward()
            summed += float(loss.detach())
        return summed


def _groups(parameters: list[nn.Parameter], weight_decay: float) -> list[dict[str, Any]]:
    """Weight decay for matrices only, not for biases and norms."""
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def linear_schedule(steps: int, warmup: float) -> Callable[[int], float]:
    """Step from 0 -> factor of the learning rate: rises over the share `warmup` of the steps, then falls to 0."""
    rising = max(1, round(steps * warmup))
    return lambda step: min((step + 1) / rising, max(0.0, (steps - step) / max(1, steps - rising + 1)))


def _keep_best(
    model: nn.Module, history: History, best: dict[str, Tensor] | None, higher_is_better: bool
) -> dict[str, Tensor]:
    """The trained weights of the best epoch so far; the earliest wins a tie, an undefined score never wins."""
    scores = np.array(history.validation) * (1 if higher_is_better else -1)
    scores = np.where(np.isnan(scores), -np.inf, scores)
    history.best_epoch = int(scores.argmax()) + 1
    if best is None or history.best_epoch == len(scores):
        return {name: p.detach().clone() for name, p in model.named_parameters() if p.requires_grad}
    return best


def _restore(model: nn.Module, weights: dict[str, Tensor]) -> None:
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for name, value in weights.items():
            parameters[name].copy_(value)
