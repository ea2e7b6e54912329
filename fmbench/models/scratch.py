"""Loaders of networks that are trained from scratch on words as bags of hashed character n-grams."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from fmbench.models.loader import OwnModel
from fmbench.suite.schema import Model, Spec

if TYPE_CHECKING:
    from fmbench.models.nets.words import WordTokenizer

Pooling = Literal["mean", "max"]


class ScratchSettings(Spec):
    """What all of them share."""

    embedding_size: int = Field(default=64, ge=1)
    buckets: int = Field(default=8192, ge=16, description="hash buckets of character n-grams")
    epochs: int = Field(default=3, ge=1)
    batch_size: int = Field(default=16, ge=1)
    learning_rate: float = Field(default=1e-2, gt=0)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    max_length: int = Field(default=512, ge=1, description="words; longer inputs are cut or split")
    pooling: Pooling = Field(default="mean", description="how the words of a text become one vector")
    crf: bool = Field(default=False, description="tags of a sentence by a linear-chain CRF instead of one by one")


class ScratchNetwork(OwnModel):
    """A network that learns everything from the training rows; `trunk` builds it."""

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

    def build(self) -> tuple[WordTokenizer, Any]:
        """A tokenizer and an untrained trunk; torch's random state decides the weights."""
        from fmbench.models.nets.words import WordTokenizer

        tokenizer = WordTokenizer(self.settings.buckets)
        return tokenizer, self.trunk(tokenizer)

    def trunk(self, tokenizer: WordTokenizer) -> Any:
        """See engine.trunks.Trunk."""
        raise NotImplementedError


class BiLSTM(ScratchNetwork):
    """One bidirectional LSTM layer (Schuster and Paliwal 1997). Its mean over words does not compare two texts."""

    version: ClassVar[int] = 2
    kinds: ClassVar[frozenset[str]] = ScratchNetwork.kinds - {"multiple-choice"}

    class Settings(ScratchSettings):
        hidden_size: int = Field(default=96, ge=1, description="of each direction")

    def trunk(self, tokenizer: WordTokenizer) -> Any:
        from fmbench.models.nets.bilstm import BiLSTMTrunk

        own = self.settings
        return BiLSTMTrunk(tokenizer, own.embedding_size, own.hidden_size, own.dropout)


class CNN(ScratchNetwork):
    """Convolutions of several widths over words, their maxima over time for a text (Kim 2014, 1408.5882)."""

    version: ClassVar[int] = 2

    class Settings(ScratchSettings):
        epochs: int = Field(default=10, ge=1)
        filters: int = Field(default=64, ge=1, description="of each width")
        widths: list[int] = Field(default=[1, 3, 5], min_length=1, description="odd numbers of words")
        learning_rate: float = Field(default=5e-3, gt=0)
        pooling: Pooling = "max"

    @staticmethod
    def check(model: Model) -> list[str]:
        even = [width for width in model.settings.widths if width < 1 or width % 2 == 0]
        return [f"widths must be odd and positive, not {even[0]}"] if even else []

    def trunk(self, tokenizer: WordTokenizer) -> Any:
        from fmbench.models.nets.cnn import CNNTrunk

        own = self.settings
        return CNNTrunk(tokenizer, own.embedding_size, own.filters, own.widths, own.dropout)


class Transformer(ScratchNetwork):
    """A small Transformer encoder with sinusoidal positions and norms before its blocks (Vaswani et al. 2017)."""

    version: ClassVar[int] = 2

    class Settings(ScratchSettings):
        embedding_size: int = Field(default=96, ge=2)
        layers: int = Field(default=2, ge=1)
        heads: int = Field(default=4, ge=1)
        learning_rate: float = Field(default=2e-3, gt=0)
        epochs: int = Field(default=6, ge=1)

    @staticmethod
    def check(model: Model) -> list[str]:
        own = model.settings
        if own.embedding_size % (2 * own.heads):
            return [f"embedding_size {own.embedding_size} is not a multiple of twice the {own.heads} heads"]
        return []

    def trunk(self, tokenizer: WordTokenizer) -> Any:
        from fmbench.models.nets.transformer import TransformerTrunk

        own = self.settings
        return TransformerTrunk(tokenizer, own.embedding_size, own.layers, own.heads, own.dropout)
