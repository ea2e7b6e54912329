"""TiDE: a residual MLP that forecasts a series from its past and from what is known of the steps to come."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class TideSizes:
    """How large a network is.

    Args:
        members: networks side by side, with different first weights.
        context, horizon: steps known and to forecast.
        known: numbers that are known of each step to forecast.
        series: how many series have a vector of their own, of `series_size` numbers; 0 for none.
        hidden, layers: width and residual blocks of the encoder, and of the decoder.
        projected: numbers that the known ones of a step become; decoded: numbers a step that the decoder ends in.
    """

    members: int
    context: int
    horizon: int
    known: int
    series: int
    hidden: int
    layers: int
    dropout: float
    projected: int = 8
    decoded: int = 16
    series_size: int = 8


class Linears(nn.Module):
    """A linear layer for each member: [members, n, n_in] -> [members, n, n_out], first weights as in nn.Linear."""

    def __init__(self, members: int, n_in: int, n_out: int) -> None:
        super().__init__()
        bound = 1 / math.sqrt(n_in)
        self.weight = nn.Parameter(torch.empty(members, n_in, n_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(members * n_out).uniform_(-bound, bound))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias.view(len(self.weight), 1, -1), x, self.weight)


class ResidualBlocks(nn.Module):
    """Linear, ReLU, linear, dropout, with a linear way around them; layer norm of the sum unless it is an answer."""

    def __init__(self, sizes: TideSizes, n_in: int, n_out: int, norm: bool = True) -> None:
        super().__init__()
        self.first = Linears(sizes.members, n_in, sizes.hidden)
        self.second = Linears(sizes.members, sizes.hidden, n_out)
        self.around = Linears(sizes.members, n_in, n_out)
        self.dropout = nn.Dropout(sizes.dropout)
        self.gain = nn.Parameter(torch.ones(sizes.members * n_out)) if norm else None
        self.shift = nn.Parameter(torch.zeros(sizes.members * n_out)) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        out = self.dropout(self.second(F.relu(self.first(x)))) + self.around(x)
        if self.gain is None or self.shift is None:
            return out
        normal = F.layer_norm(out, out.shape[2:])
        return normal * self.gain.view(len(out), 1, -1) + self.shift.view(len(out), 1, -1)


class TideNetwork(nn.Module):
    """Das et al. 2023 (2304.08424), figure 2: past and covariates into one vector, that into a vector a step.

    Each step is read with its own covariates again, and the past has a linear way around everything. The series itself
    (a learned vector) and two numbers that say what normalising has taken away are its static attributes, which the
    steps are read with too.
    """

    def __init__(self, sizes: TideSizes) -> None:
        super().__init__()
        own, self.sizes = sizes, sizes
        projected, static = (own.projected if own.known else 0), 2 + (own.series_size if own.series else 0)
        self.project = ResidualBlocks(own, own.known, projected) if own.known else None
        self.series = nn.Parameter(torch.randn(own.members, own.series + 1, own.series_size)) if own.series else None
        widths = [own.context + own.horizon * projected + static, *[own.hidden] * (2 * own.layers - 1)]
        outs = [*widths[1:], own.horizon * own.decoded]
        self.blocks = nn.Sequential(*[ResidualBlocks(own, n, m) for n, m in zip(widths, outs, strict=True)])
        self.step = ResidualBlocks(own, own.decoded + projected + static, 1, norm=False)
        self.around = Linears(own.members, own.context, own.horizon)

    def forward(self, past: Tensor, known: Tensor, series: Tensor, level: Tensor) -> Tensor:
        """Forecasts of each member; the ensemble's is their mean.

        Args:
            past: normalised, [n, context].
            known: [n, horizon, known].
            series: int64 [n], 0 for a new one.
            level: [n, 2].

        Returns:
            Normalised, [members, n, horizon].
        """
        n, members, horizon = len(past), self.sizes.members, self.sizes.horizon
        past, static = past.expand(members, -1, -1), level.expand(members, -1, -1)
        if self.series is not None:
            static = torch.cat([static, self.series[:, series]], dim=2)
        parts, of_step = [past, static], [static[:, :, None].expand(-1, -1, horizon, -1)]
        if self.project is not None:
            covariates = self.project(known.flatten(0, 1).expand(members, -1, -1))
            parts.append(covariates.reshape(members, n, -1))
            of_step.append(covariates.view(members, n, horizon, -1))
        decoded = self.blocks(torch.cat(parts, dim=2)).view(members, n, horizon, -1)
        steps = torch.cat([decoded, *of_step], dim=3).flatten(1, 2)
        found: Tensor = self.step(steps).view(members, n, horizon) + self.around(past)
        return found
