"""Loaders of the networks that predict the next item and are trained from scratch: GRU4Rec and SASRec."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from fmbench.models.classical.recommenders import RECOMMENDATION
from fmbench.models.loader import OwnModel
from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from torch import nn


class NextItemSettings(Spec):
    """Size and training of a next-item network."""

    hidden_size: int = Field(default=64, ge=2)
    max_length: int = Field(default=50, ge=2, description="the last items of a history that are read")
    dropout: float = Field(default=0.3, ge=0, lt=1)
    epochs: int = Field(default=30, ge=1, description="at most")
    patience: int = Field(default=3, ge=1, description="epochs without a better validation score before training ends")
    batch_size: int = Field(default=256, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    negatives: int = Field(default=1024, ge=0, description="items drawn against the right ones of a batch; 0 for all")


class NextItem(OwnModel):
    """What both loaders share."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["network"]] = "network"
    kinds: ClassVar[frozenset[str]] = RECOMMENDATION
    Settings: ClassVar[type[NextItemSettings]] = NextItemSettings


class GRU4Rec(NextItem):
    """A GRU over the items of a history (Hidasi et al. 2016, 1511.06939), with a sampled softmax."""

    class Settings(NextItemSettings):
        epochs: int = Field(default=40, ge=1, description="at most")
        patience: int = Field(default=5, ge=1, description="epochs without a better validation score before it ends")
        batch_size: int = Field(default=64, ge=1)

    def build(self, n_items: int) -> nn.Module:
        """An untrained network; torch's random state decides the weights."""
        from fmbench.models.nets.next_item import GRUNetwork

        return GRUNetwork(n_items, self.settings.hidden_size, self.settings.dropout)


class SASRec(NextItem):
    """Causal self-attention over the items of a history (Kang and McAuley 2018, 1808.09781), with a sampled softmax."""

    class Settings(NextItemSettings):
        layers: int = Field(default=2, ge=1)
        heads: int = Field(default=1, ge=1)

    def build(self, n_items: int) -> nn.Module:
        """An untrained network; torch's random state decides the weights."""
        from fmbench.models.nets.next_item import AttentionNetwork

        own = self.settings
        return AttentionNetwork(n_items, own.hidden_size, own.dropout, own.max_length, own.layers, own.heads)
