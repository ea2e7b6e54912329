"""`finetune`: all weights of a pretrained encoder and a new linear layer, trained together."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.models.encoder import Encoder
    from fmbench.tasks.examples import Examples


class Finetune:
    """AdamW with warm-up and linear decay; the epoch with the best validation score is kept."""

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"encoder"})
    kinds: ClassVar[frozenset[str]] = frozenset({"text-classification", "token-classification"})

    class Settings(Spec):
        epochs: int = Field(default=3, ge=1)
        learning_rate: float = Field(default=1e-4, gt=0)
        batch_size: int = Field(default=32, ge=1, description="examples an optimiser step")
        weight_decay: float = Field(default=0.01, ge=0)
        warmup: float = Field(default=0.1, ge=0, lt=1, description="share of the steps with a rising learning rate")
        clip_norm: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
        dropout: float = Field(default=0.1, ge=0, lt=1, description="on hidden states; attention has none")
        patience: int | None = Field(default=None, ge=1, description="epochs without improvement before stopping")
        class_weights: bool = Field(default=False, description="weigh classes by their inverse frequency")

    @staticmethod
    def fit(model: Encoder, data: Examples, settings: Finetune.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.trained import fit_classifier
        from fmbench.engine.classifier import Classifier, trunk_of
        from fmbench.engine.devices import seed_everything
        from fmbench.engine.tokenize import model_tokenizer
        from fmbench.engine.train import TrainSettings

        rng = seed_everything(context.seed)
        tokenize = model_tokenizer(model, data.kind.readout)
        classifier = Classifier(
            trunk_of(model.network, settings.dropout), len(data.outputs), model.settings.pooling, settings.dropout
        )
        fields = {name: getattr(settings, name) for name in type(settings).model_fields if name != "dropout"}
        return fit_classifier(classifier, tokenize, data, TrainSettings(**fields), context, rng, model.network)
