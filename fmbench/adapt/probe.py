"""`probe`: a linear model on frozen features."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Annotated, ClassVar

import numpy as np
from pydantic import Field

from fmbench.suite.schema import Spec
from fmbench.tasks.kind import IGNORED

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.engine.linear import LinearHead
    from fmbench.models.encoder import Encoder
    from fmbench.models.media_encoder import MediaEncoder
    from fmbench.tasks.examples import Examples

SELECTION_TARGETS = 5_000


class Probe:
    """Pooled vectors for texts, first-subword vectors for tokens; standardised, then a linear model on them.

    Classes by multinomial logistic regression, sets of classes by one logistic regression a class, scores by ridge
    regression with the penalty 1 / C a row. What a user takes next by a conditional logit on the vectors of the items'
    texts and the mean of the history's, fitted to the choices in train; items that nobody took rank by their texts.

    The validation rows choose the layer (at the middle strength), then the strength. All layers come from one forward
    pass, shared by all seeds and settings. The regression itself has no randomness, so seeds agree and share it too;
    only the rows of the few-shot curve, and of `per_class`, are drawn by the seed.
    """

    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[str]] = frozenset({"encoder"})
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "text-classification",
            "token-classification",
            "text-regression",
            "multi-label-classification",
            "tabular-classification",
            "tabular-regression",
            "image-classification",
            "audio-classification",
            "sequential-recommendation",
            "sampled-recommendation",
        }
    )
    unsupported: ClassVar[Mapping[str, frozenset[str]]] = {"ranking": frozenset({"shots", "per_class"})}

    class Settings(Spec):
        layers: list[int] | None = Field(
            default=None, min_length=1, description="layers to choose from, 0 the embeddings, -1 the last; else all"
        )
        C: list[Annotated[float, Field(gt=0)]] = Field(
            default=[0.003, 0.03, 0.3], min_length=1, description="inverse regularisation strengths to choose from"
        )
        max_iter: int = Field(default=200, ge=1)
        shots: list[Annotated[int, Field(ge=1)]] = Field(
            default=[], description="targets a class for the few-shot curve: the validation score with that many"
        )
        per_class: int | None = Field(
            default=None, ge=1, description="targets a class that it learns from, drawn by the seed; else all of train"
        )

    @staticmethod
    def fit(model: Encoder | MediaEncoder, data: Examples, settings: Probe.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.adaptation import Fitted
        from fmbench.adapt.frozen import FeaturesOnce, choose, chosen_layers, frozen_encoder, frozen_predictor
        from fmbench.adapt.ranking import probe_ranking
        from fmbench.engine.cache import content_key
        from fmbench.engine.devices import seed_everything
        from fmbench.engine.linear import fit_linear

        seed_everything(context.seed)
        if data.kind.target == "ranking":
            return probe_ranking(model, data, settings, context)
        encoder = frozen_encoder(model, data, context.device)
        train = encoder.layers(data.inputs(data.train), context.cache)
        validation = encoder.layers(data.inputs(data.validation), context.cache)
        targets = data.targets(data.train)
        everything = np.arange(len(targets))
        if settings.per_class is not None:
            everything = few_shots(targets, settings.per_class, context.seed)
        part = everything[_selection_part(len(everything))]

        def fit(layer: int, rows: np.ndarray, strength: float) -> LinearHead:
            features = train.arrays[layer][rows], targets[rows]
            source = content_key([train.keys[layer]], rows)
            return fit_linear(data.kind.target, *features, strength, settings.max_iter, context.cache, source)

        def score(layer: int, strength: float, rows: np.ndarray = part) -> float:
            head = fit(layer, rows, strength)
            return context.validate(head.scores(validation.arrays[layer], len(data.outputs)))

        layers = chosen_layers("probe", settings.layers, len(train.arrays))
        layer, strength = choose(layers, settings.C, score, context)
        head = fit(layer, everything, strength)
        curves = {}
        if settings.shots:
            rows = [few_shots(targets, shots, context.seed) for shots in settings.shots]
            curves["few_shot"] = [score(layer, strength, some) for some in rows]
        notes = {"execution": encoder.path, "layer": layer, "C": strength, "features_from_cache": train.from_cache}
        predictor = frozen_predictor(encoder, layer, partial(head.scores, n_outputs=len(data.outputs)))
        trainable = head.parameters
        once = FeaturesOnce(predictor, context.cache)
        return Fitted(predictor, encoder.parameters + trainable, trainable, curves, notes, once)


def _selection_part(n: int) -> np.ndarray:
    """Which targets layer and strength are chosen on: all, or a fixed random part of a large set."""
    if n <= SELECTION_TARGETS:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n, SELECTION_TARGETS, replace=False))


def few_shots(targets: np.ndarray, shots: int, seed: int) -> np.ndarray:
    """The rows of `shots` random targets of every class, or of all where a class has fewer; just `shots` of scores."""
    rng = np.random.default_rng([seed, shots])
    if targets.ndim > 1 or targets.dtype.kind == "f":
        return np.sort(rng.permutation(len(targets))[:shots])
    classes = np.unique(targets[targets != IGNORED])
    chosen = [rng.permutation(np.flatnonzero(targets == one))[:shots] for one in classes]
    return np.sort(np.concatenate(chosen))
