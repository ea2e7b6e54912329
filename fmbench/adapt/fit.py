"""`fit`: baselines fit themselves; networks without pretraining are trained from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.tasks.examples import Examples


class Fit:
    """The one adaptation of models that bring no pretraining; their settings are the model's."""

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"baseline", "network"})
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "text-classification",
            "token-classification",
            "sentence-similarity",
            "text-regression",
            "multi-label-classification",
            "multiple-choice",
        }
    )

    class Settings(Spec):
        pass

    @staticmethod
    def fit(model: Any, data: Examples, settings: Fit.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.adaptation import Fitted

        if hasattr(model, "build"):
            return _from_scratch(model, data, context)
        fitted = model.fit(data, context.seed)
        return Fitted(fitted, fitted.parameters, fitted.parameters)


def _from_scratch(model: Any, data: Examples, context: FitContext) -> Fitted:
    from fmbench.adapt.trained import fit_network
    from fmbench.engine.devices import seed_everything
    from fmbench.engine.tokenize import word_tokenizer
    from fmbench.engine.train import TrainSettings

    rng = seed_everything(context.seed)
    tokenizer, trunk = model.build()
    own = model.settings
    tokenize = word_tokenizer(tokenizer, data.kind.readout, own.max_length)
    training = TrainSettings(own.epochs, own.batch_size, own.learning_rate)
    crf = own.crf and data.kind.readout == "token"
    return fit_network(trunk, tokenize, data, training, context, rng, dropout=own.dropout, pooling=own.pooling, crf=crf)
