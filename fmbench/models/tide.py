"""Loader of TiDE, the network for series that is trained from scratch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from fmbench.models.loader import OwnModel
from fmbench.models.windows import Normalise, WindowReader
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class UntrainedForecaster:
    """A network with new weights, [members, n, horizon] from `Windows.take(index)`, and what reads windows for it."""

    network: nn.Module
    reader: WindowReader


class Tide(OwnModel):
    """A residual MLP over the past and what is known of the steps to come (Das et al. 2023, TiDE, 2304.08424).

    The mean of a few networks with different first weights, as in N-BEATS (Oreshkin et al. 2020, 1905.10437). The
    defaults were chosen on the validation windows of traffic-flow and regime-forecast.
    """

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["network"]] = "network"
    kinds: ClassVar[frozenset[str]] = frozenset({"time-series-forecasting"})

    class Settings(Spec):
        hidden_size: int = Field(default=64, ge=1)
        layers: int = Field(default=1, ge=1, description="residual blocks of the encoder, and of the decoder")
        dropout: float = Field(default=0.2, ge=0, lt=1)
        members: int = Field(default=8, ge=1, description="networks whose mean is the forecast")
        normalise: Normalise = Field(
            default="series", description="by the series' training values, or by each window's"
        )
        hide: float = Field(default=0.1, ge=0, lt=1, description="in training, chance that a covariate is missing")
        epochs: int = Field(default=60, ge=1, description="at most")
        patience: int | None = Field(default=15, ge=1, description="epochs without improvement before stopping")
        batch_size: int = Field(default=128, ge=1)
        learning_rate: float = Field(default=3e-3, gt=0)

    def build_for(self, data: Examples) -> UntrainedForecaster:
        """torch's random state decides the weights."""
        from fmbench.models.nets.tide import TideNetwork, TideSizes

        own = self.settings
        train = data.inputs(data.train)
        reader = WindowReader(train, data.inputs(data.validation), own.normalise)
        sizes = TideSizes(
            members=own.members,
            context=len(train[0].past),
            horizon=len(data.outputs),
            known=reader.n_known,
            series=len(reader.series),
            hidden=own.hidden_size,
            layers=own.layers,
            dropout=own.dropout,
        )
        return UntrainedForecaster(TideNetwork(sizes), reader)
