"""Training of and prediction with networks that forecast windows of series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fmbench.engine.context import FitContext
from fmbench.engine.devices import Device, device_of, seed_everything
from fmbench.engine.train import History, TrainSettings, train
from fmbench.models.windows import WindowReader, Windows
from fmbench.tasks.examples import Examples

CHUNK = 4096
"""Windows that are forecast at a time."""


class ForecastError:
    """Mean absolute error of each member of an ensemble, as a share of the deviation of all targets.

    Args:
        targets: float64 [n, horizon], in the unit of the series.
        column_of: int64 [k], see WindowReader.
        hide: the chance that a window is without its series, and without each covariate, so that the network has met
            what may be new or missing later.
    """

    sequences: Any = None

    def __init__(self, windows: Windows, targets: np.ndarray, column_of: np.ndarray, hide: float = 0.0) -> None:
        self.windows, self.column_of, self.hide = windows, torch.from_numpy(column_of), hide
        self.targets = windows.normalised(targets)
        self.weights = (windows.scale / (float(targets.std()) or 1.0)).astype(np.float32)
        self.lengths = np.ones(len(windows), dtype=np.int64)

    def weight(self, index: np.ndarray) -> float:
        return float(len(index) * self.targets.shape[1])

    def loss(self, model: Any, index: np.ndarray, device: Device) -> Tensor:
        past, known, series, level = _sent(self.windows, index, device)
        if self.hide and model.training:
            seen = torch.rand(len(index), 1 + len(self.column_of.unique())) >= self.hide
            series = series * seen[:, 0].to(device.place)
            known = known * seen[:, 1:][:, None, self.column_of].to(device.place)
        found = model(past, known, series, level).float()
        wrong = (found - device.send(self.targets[index])).abs() * device.send(self.weights[index])
        return wrong.mean(dim=0).sum()


def forecasts(network: nn.Module, windows: Windows, device: Device) -> np.ndarray:
    """The mean of the members, float64 [n, horizon] in the unit of the series."""
    parts = []
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(windows), CHUNK):
            index = np.arange(start, min(start + CHUNK, len(windows)))
            parts.append(network(*_sent(windows, index, device)).float().mean(dim=0).cpu().numpy())
    return windows.restored(np.concatenate(parts))


@dataclass(frozen=True)
class ForecastPredictor:
    """A trained network: windows -> float64 [n, horizon]."""

    network: nn.Module
    reader: WindowReader
    device: str

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        return forecasts(self.network, self.reader(inputs), device_of(self.device))


def fit_forecaster(model: Any, data: Examples, context: FitContext) -> tuple[ForecastPredictor, History]:
    """Train until the validation score has not improved for `patience` epochs; the best epoch's weights are kept.

    Raises:
        CellFailed: out of time, or the loss is not finite.
    """
    rng = seed_everything(context.seed)
    untrained, own, device = model.build_for(data), model.settings, device_of(context.device)
    network, reader = untrained.network.to(device.place), untrained.reader
    windows = reader(data.inputs(data.train))
    objective = ForecastError(windows, data.targets(data.train), reader.column_of, own.hide)
    validation = reader(data.inputs(data.validation))
    settings = TrainSettings(own.epochs, own.batch_size, own.learning_rate, patience=own.patience)
    history = train(network, objective, lambda: forecasts(network, validation, device), settings, context, rng)
    return ForecastPredictor(network, reader, context.device), history


def _sent(windows: Windows, index: np.ndarray, device: Device) -> list[Tensor]:
    return [device.send(array) for array in windows.take(index)]
