"""`zero-shot`: a pretrained encoder or language model as it is; nothing is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.tasks.examples import Examples


class ZeroShot:
    """Cosines of texts' vectors, pooled over the last layer as the model's settings say.

    The similarity of a pair is its cosine; the options of a question share the softmax of their cosines with it over a
    temperature of 0.05. In retrieval a query meets every document; in recommendation the mean of the history's texts
    meets every item's, which also ranks items that nobody took yet. Models that are recommenders rank as they were
    trained. A language model answers with what is likelier: the one of two sentences, or the option after its question;
    where texts are asked for it writes them, greedily.
    """

    version: ClassVar[int] = 1
    needs: ClassVar[frozenset[str]] = frozenset({"encoder", "ranker", "lm"})
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "sentence-similarity",
            "multiple-choice",
            "minimal-pairs",
            "sequential-recommendation",
            "sampled-recommendation",
            "retrieval",
            "text-generation",
        }
    )

    class Settings(Spec):
        pass

    @staticmethod
    def fit(model: Any, data: Examples, settings: ZeroShot.Settings, context: FitContext) -> Fitted:
        from fmbench.adapt.adaptation import Fitted
        from fmbench.adapt.frozen import FeaturesOnce, FrozenPredictor
        from fmbench.adapt.ranking import zero_shot_ranking
        from fmbench.engine.features import FrozenEncoder
        from fmbench.engine.predict import pair_cosines
        from fmbench.models.language import LanguageModel

        if data.kind.target == "text":
            return _writer(model, data, context)
        if isinstance(model, LanguageModel):
            from fmbench.engine.likelihood import LikelierOption

            shared = getattr(data.options, "tokens", "all") == "shared"
            options = LikelierOption(model, len(data.outputs), context.device, shared, data.kind.readout == "choice")
            scored = "shared tokens" if shared and model.masked else "all tokens"
            how = {"objective": "masked" if model.masked else "causal", "scored": scored}
            return Fitted(options, model.parameters, 0, {}, how)
        if data.kind.readout == "choice":
            from fmbench.adapt.choices import CosineChoice

            texts = FrozenEncoder(model, "sequence", context.device)
            chooser = CosineChoice(texts, len(data.outputs))
            return Fitted(chooser, texts.parameters, 0, {}, {"execution": texts.path, "layer": texts.n_layers})
        if hasattr(model, "ranker"):
            fitted = model.ranker(data)
            return Fitted(fitted, fitted.parameters, 0)
        if data.kind.target == "ranking":
            return zero_shot_ranking(model, data, context)
        encoder = FrozenEncoder(model, data.kind.readout, context.device)
        notes = {"execution": encoder.path, "layer": encoder.n_layers}
        predictor = FrozenPredictor(encoder, encoder.n_layers, pair_cosines)
        return Fitted(predictor, encoder.parameters, 0, {}, notes, FeaturesOnce(predictor, context.cache))


def _writer(model: Any, data: Examples, context: FitContext) -> Fitted:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.generate import Generator

    own: Any = data.options or data.kind.Options()
    cut = own.too_long == "cut"
    writer = Generator(model, own.prompt, own.max_new_tokens, own.stop, cut, context.device, context.check_time)
    return Fitted(writer, writer.parameters, 0, {}, writer.notes)
