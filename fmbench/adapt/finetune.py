"""`finetune`: the weights of a pretrained encoder, or of its upper layers, and a new head, trained together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from fmbench.suite.schema import Spec

if TYPE_CHECKING:
    from fmbench.adapt.adaptation import Fitted
    from fmbench.engine.context import FitContext
    from fmbench.models.encoder import Encoder
    from fmbench.tasks.examples import Examples


class Finetune:
    """AdamW with warm-up and linear decay; the epoch with the best validation score is kept.

    Classes of texts and tokens by cross-entropy; pairs of sentences by the squared error of their vectors' cosine.
    What a user takes next by cross-entropy against the items of the batch, from the head of `probe` on; the encoder
    of the items that are offered is trained, the history's stays frozen, and the probe stays if no epoch is better.
    Frozen lower layers run once for a model and its data, whatever the seeds and settings.
    """

    version: ClassVar[int] = 2
    needs: ClassVar[frozenset[str]] = frozenset({"encoder"})
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "text-classification",
            "token-classification",
            "sentence-similarity",
            "text-regression",
            "multi-label-classification",
            "multiple-choice",
            "tabular-classification",
            "tabular-regression",
            "sequential-recommendation",
            "sampled-recommendation",
        }
    )
    unsupported: ClassVar[Mapping[str, frozenset[str]]] = {"ranking": frozenset({"class_weights", "crf"})}

    class Settings(Spec):
        epochs: int = Field(default=3, ge=1)
        learning_rate: float = Field(default=1e-4, gt=0)
        batch_size: int = Field(default=32, ge=1, description="examples an optimiser step")
        weight_decay: float = Field(default=0.01, ge=0)
        warmup: float = Field(default=0.1, ge=0, lt=1, description="share of the steps with a rising learning rate")
        clip_norm: float = Field(default=1.0, gt=0, description="largest norm of the gradient")
        dropout: float = Field(default=0.1, ge=0, lt=1, description="on hidden states; attention has none")
        patience: int | None = Field(default=None, ge=1, description="epochs without improvement before stopping")
        max_steps: int | None = Field(
            default=None, ge=1, description="optimiser steps at the most, whatever the epochs"
        )
        class_weights: bool = Field(default=False, description="weigh classes by their inverse frequency")
        crf: bool = Field(default=False, description="tags of a sentence by a linear-chain CRF instead of one by one")
        frozen_layers: int = Field(default=0, ge=0, description="lowest layers, and embeddings, that are not trained")
        precision: Literal["auto", "fp32", "bf16"] = Field(
            default="auto", description="of training; auto: bf16 where the hardware computes in it, else fp32"
        )

    @staticmethod
    def fit(model: Encoder, data: Examples, settings: Finetune.Settings, context: FitContext) -> Fitted:
        from dataclasses import fields
        from functools import partial

        from fmbench.adapt.ranking_trained import finetune_ranking
        from fmbench.adapt.trained import fit_network
        from fmbench.engine.devices import device_of, seed_everything
        from fmbench.engine.features import with_states
        from fmbench.engine.tokenize import model_tokenizer
        from fmbench.engine.train import TrainSettings
        from fmbench.engine.trunks import freeze_lower, trunk_of
        from fmbench.models.encoder import weights_sha256

        rng = seed_everything(context.seed)
        device = device_of(context.device)
        own = {field.name: getattr(settings, field.name) for field in fields(TrainSettings)}
        training = TrainSettings(**own | {"precision": device.precision(settings.precision)})
        if data.kind.target == "ranking":
            return finetune_ranking(model, data, settings, training, context)
        trunk = trunk_of(model.network, settings.dropout, device.static_shapes).to(device.place)
        k, enter = settings.frozen_layers, None
        if k and freeze_lower(trunk, k):
            enter = partial(with_states, trunk, weights_sha256(model.folder), k, context.device, context.cache)
        return fit_network(
            trunk,
            model_tokenizer(model, data.kind.readout),
            data,
            training,
            context,
            rng,
            dropout=settings.dropout,
            pooling=model.settings.pooling,
            class_weights=settings.class_weights,
            crf=settings.crf and data.kind.readout == "token",
            network=model.network,
            enter=enter,
        )
