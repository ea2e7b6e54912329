"""`zero-shot`: a pretrained encoder as it is; nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.models.encoder import Encoder
    from fmbench.tasks.examples import Examples


class ZeroShot:
    """The cosine of the two texts' vectors, pooled over the last layer as the model's settings say."""

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"encoder"})
    kinds: ClassVar[frozenset[str]] = frozenset({"sentence-similarity"})

    class Settings(Spec):
        pass

    @staticmethod
    def fit(model: Encoder, data: Examples, settings: ZeroShot.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.adaptation import Fitted
        from fmbench.adapt.frozen import FeaturesOnce, FrozenPredictor
        from fmbench.engine.features import FrozenEncoder
        from fmbench.engine.predict import pair_cosines

        encoder = FrozenEncoder(model, data.kind.readout, context.device)
        notes = {"execution": encoder.path, "layer": encoder.n_layers}
        predictor = FrozenPredictor(encoder, encoder.n_layers, pair_cosines)
        return Fitted(predictor, encoder.parameters, 0, {}, notes, FeaturesOnce(predictor, context.cache))
