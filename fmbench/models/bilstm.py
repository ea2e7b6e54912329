"""Loader of the BiLSTM that is trained from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from fmbench.models.loader import Identity
from fmbench.suite.schema import Model, Spec

if TYPE_CHECKING:
    from fmbench.models.nets.bilstm import BiLSTMTrunk
    from fmbench.models.nets.words import WordTokenizer


class BiLSTM:
    """A bidirectional LSTM over hashed character n-grams of words; learns everything from the training rows."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["network"]] = "network"
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "text-classification",
            "token-classification",
            "text-regression",
            "multi-label-classification",
            "multiple-choice",
            "tabular-classification",
            "tabular-regression",
        }
    )

    class Settings(Spec):
        embedding_size: int = Field(default=64, ge=1)
        hidden_size: int = Field(default=96, ge=1, description="of each direction")
        buckets: int = Field(default=8192, ge=16, description="hash buckets of character n-grams")
        epochs: int = Field(default=3, ge=1)
        batch_size: int = Field(default=16, ge=1)
        learning_rate: float = Field(default=1e-2, gt=0)
        dropout: float = Field(default=0.2, ge=0, lt=1)
        max_length: int = Field(default=512, ge=1, description="words; longer inputs are cut or split")

    def __init__(self, settings: BiLSTM.Settings) -> None:
        self.settings = settings

    @staticmethod
    def check(model: Model) -> list[str]:
        return []

    @staticmethod
    def identity(model: Model) -> Identity:
        return Identity("fmbench")

    @staticmethod
    def load(model: Model) -> BiLSTM:
        return BiLSTM(model.settings)

    def build(self) -> tuple[WordTokenizer, BiLSTMTrunk]:
        """An untrained trunk and its tokenizer; torch's random state decides the weights."""
        from fmbench.models.nets.bilstm import BiLSTMTrunk
        from fmbench.models.nets.words import WordTokenizer

        tokenizer = WordTokenizer(self.settings.buckets)
        trunk = BiLSTMTrunk(tokenizer, self.settings.embedding_size, self.settings.hidden_size, self.settings.dropout)
        return tokenizer, trunk
