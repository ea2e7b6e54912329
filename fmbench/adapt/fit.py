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
    kinds: ClassVar[None] = None

    class Settings(Spec):
        pass

    @staticmethod
    def fit(model: Any, data: Examples, settings: Fit.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.adaptation import Fitted

        if hasattr(model, "build_for") and data.kind.target == "vector":
            return _forecaster(model, data, context)
        if hasattr(model, "build_for"):
            return _stacks_from_scratch(model, data, context)
        if hasattr(model, "build") and data.kind.target == "ranking":
            return _next_item(model, data, context)
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


def _stacks_from_scratch(model: Any, data: Examples, context: FitContext) -> Fitted:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.devices import device_of, seed_everything
    from fmbench.engine.stacks import StackEntropy, StackPredictor, stack_scores
    from fmbench.engine.train import TrainSettings, train

    rng = seed_everything(context.seed)
    untrained, own, device = model.build_for(data), model.settings, device_of(context.device)
    network = untrained.network.to(device.place)
    objective = StackEntropy(untrained.prepare(list(data.inputs(data.train))), data.targets(data.train))
    validation = untrained.prepare(list(data.inputs(data.validation)))
    settings = TrainSettings(own.epochs, own.batch_size, own.learning_rate, patience=own.patience)
    history = train(network, objective, lambda: stack_scores(network, validation, device), settings, context, rng)
    parameters = sum(p.numel() for p in network.parameters())
    curves = {"train_loss": history.loss, "validation": history.validation}
    notes = {"precision": settings.precision, "best_epoch": history.best_epoch}
    return Fitted(StackPredictor(network, untrained.prepare, context.device), parameters, parameters, curves, notes)


def _next_item(model: Any, data: Examples, context: FitContext) -> Fitted:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.next_item import fit_next_item

    predictor, training = fit_next_item(model, data, context)
    parameters = sum(p.numel() for p in predictor.network.parameters())
    curves = {"loss": training.losses, "validation": training.scores}
    return Fitted(predictor, parameters, parameters, curves, {"best_epoch": training.best_epoch})


def _forecaster(model: Any, data: Examples, context: FitContext) -> Fitted:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.forecasting import fit_forecaster

    predictor, history = fit_forecaster(model, data, context)
    parameters = sum(p.numel() for p in predictor.network.parameters())
    curves = {"train_loss": history.loss, "validation": history.validation}
    return Fitted(predictor, parameters, parameters, curves, {"best_epoch": history.best_epoch})
