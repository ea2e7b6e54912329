"""`knn`: the nearest training examples vote, by the cosine of frozen features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar

from pydantic import Field

from fmbench.suite.schema import Spec
from fmbench.tasks.kind import IGNORED

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.models.encoder import Encoder
    from fmbench.models.media_encoder import MediaEncoder
    from fmbench.tasks.examples import Examples


class KNN:
    """Votes of the k nearest training targets, weighted by exp(cosine / 0.07) (Wu et al. 2018, 1805.01978).

    Nothing is trained. The validation rows choose the layer (at the middle k), then k. The features are those of
    `probe`, from the same forward pass.
    """

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"encoder"})
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "text-classification",
            "token-classification",
            "tabular-classification",
            "image-classification",
            "audio-classification",
        }
    )

    class Settings(Spec):
        layers: list[int] | None = Field(
            default=None, min_length=1, description="layers to choose from, 0 the embeddings, -1 the last; else all"
        )
        k: list[Annotated[int, Field(ge=1)]] = Field(
            default=[1, 8, 32], min_length=1, description="numbers of neighbours to choose from"
        )

    @staticmethod
    def fit(model: Encoder | MediaEncoder, data: Examples, settings: KNN.Settings, context: FitContext) -> Fitted:
        from functools import lru_cache, partial

        from fmbench.adapt.adaptation import Fitted
        from fmbench.adapt.frozen import FeaturesOnce, choose, chosen_layers, frozen_encoder, frozen_predictor
        from fmbench.engine.devices import seed_everything
        from fmbench.engine.neighbours import Neighbours

        seed_everything(context.seed)
        encoder = frozen_encoder(model, data, context.device)
        train = encoder.layers(data.inputs(data.train), context.cache)
        validation = encoder.layers(data.inputs(data.validation), context.cache)
        targets = data.targets(data.train)
        kept = targets != IGNORED
        n_outputs = len(data.outputs)

        @lru_cache(maxsize=1)
        def memory(layer: int) -> Neighbours:
            return Neighbours(train.arrays[layer][kept], targets[kept], n_outputs, context.device)

        def score(layer: int, k: int) -> float:
            return context.validate(memory(layer).votes(validation.arrays[layer], k))

        layer, k = choose(chosen_layers("knn", settings.layers, len(train.arrays)), settings.k, score, context)
        predictor = frozen_predictor(encoder, layer, partial(memory(layer).votes, k=k))
        notes = {"execution": encoder.path, "layer": layer, "k": k, "features_from_cache": train.from_cache}
        return Fitted(predictor, encoder.parameters, 0, {}, notes, FeaturesOnce(predictor, context.cache))
