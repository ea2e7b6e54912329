"""`finetune` of an encoder that ranks items by their texts: it starts from the probe, and the probe stays if better."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fmbench.adapt.adaptation import Fitted
from fmbench.adapt.ranking import TasteRanker, probed
from fmbench.engine.choosing import ChoiceAgainstBatch, ItemEncoder
from fmbench.engine.context import FitContext
from fmbench.engine.devices import device_of, seed_everything
from fmbench.engine.embeddings import only_reached_rows
from fmbench.engine.features import with_states
from fmbench.engine.predict import predict
from fmbench.engine.tokenize import tokenize_once
from fmbench.engine.train import TrainSettings, train
from fmbench.engine.trunks import freeze_lower, trunk_of
from fmbench.models.encoder import Encoder, weights_sha256
from fmbench.tasks.examples import Examples

if TYPE_CHECKING:
    from fmbench.adapt.finetune import Finetune


def finetune_ranking(
    model: Encoder, data: Examples, settings: Finetune.Settings, own: TrainSettings, context: FitContext
) -> Fitted:
    """Train the encoder of the items that are offered, and the taste, from the probe on; see engine/choosing.py.

    The histories are read off the frozen vectors of the probe, which is one of the last layer. After each epoch the
    validation rows are ranked; the best epoch is kept, or the probe as it was if no epoch is better.

    Args:
        own: `settings` with the precision resolved.

    Raises:
        CellFailed: what the probe raises, more frozen layers than the model has, or what training raises.
    """
    from fmbench.adapt.probe import Probe

    device = device_of(context.device)
    start = probed(model, data, Probe.Settings(layers=[-1]), context)
    rng = seed_everything(context.seed)
    trunk = trunk_of(model.network, settings.dropout, device.static_shapes).to(device.place)
    sequences = tokenize_once(start.encoder.tokenize, start.texts, context.cache)
    reached = sequences.batch(np.flatnonzero(start.taken)).input_ids.numpy()
    k = settings.frozen_layers
    if k and freeze_lower(trunk, k):
        sequences = with_states(trunk, weights_sha256(model.folder), k, context.device, context.cache, sequences)
    frozen = start.predictor
    network = ItemEncoder(trunk, model.settings.pooling, start.space, frozen.taste).to(device.place)
    real = np.array([bool(text.strip()) for text in start.texts])
    exclude_seen = frozen.ranker.exclude_seen
    objective = ChoiceAgainstBatch(sequences, real, frozen.items, start.choices, exclude_seen, rng)
    validation = data.inputs(data.validation)
    precision = device.predict_precision(own.precision)

    def ranker() -> TasteRanker:
        offered = predict(network, sequences, context.device, precision) * real[:, None]
        return replace(frozen, taste=network.taste(), offered=offered)

    notes = start.notes | {"precision": own.precision}
    if len(data.validation):
        notes["validation_frozen"] = context.validate(frozen.predict(validation))
    else:
        later = itertools.count() if context.higher_is_better else itertools.count(0, -1)
        context = replace(context, validate=lambda rankings: float(next(later)))
    with only_reached_rows(model.network, reached):
        history = train(network, objective, lambda: ranker().predict(validation), own, context, rng)
    gain = history.validation[history.best_epoch - 1] - notes.get("validation_frozen", 0)
    keep = not len(data.validation) or (gain > 0 if context.higher_is_better else gain < 0)
    notes |= {"best_epoch": history.best_epoch, "kept": "trained" if keep else "frozen"}
    parameters = start.encoder.parameters + frozen.taste.parameters
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    curves = {"train_loss": history.loss, "validation": history.validation}
    return Fitted(ranker() if keep else frozen, parameters, trainable, curves, notes)
