"""Fine-tuning of MiniLM-L6: the engine beside transformers' Trainer.

A timed round trains one epoch (three with frozen layers) from a freshly loaded model; loading is outside of the time,
on both sides. WHOLE is from raw rows to the trained model: tokenizer and tokenisation are in it on both sides; on ours
also the prediction of VALIDATION_ROWS rows after every epoch, and the copy of the weights. The part "steps" is training
alone, from the end of the first step to the end of the last. Both sides end with the weights of the last epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from benchmarks.pairs import Clock, Pair, Quality, Seconds, Side
from benchmarks.quality import paired_difference
from benchmarks.sizes import BATCH, Size
from benchmarks.workloads import examples, fresh_cache, minilm, part
from fmbench.adapt.finetune import Finetune
from fmbench.engine.cache import ArrayCache
from fmbench.engine.context import FitContext
from fmbench.engine.devices import Precision
from fmbench.models.encoder import Encoder
from fmbench.tasks.examples import Examples

LEARNING_RATE = {"sst2": 2e-4, "conll2003": 3e-4}
VALIDATION_ROWS = 8
FROZEN_LAYERS, FROZEN_EPOCHS = 4, 3
SEED = 0


def full(task: str, precision: Precision = "fp32") -> Callable[[Size], Pair]:
    """All weights, one epoch; the bar is held against the steps, the whole fit stands beside."""

    def build(size: Size) -> Pair:
        data = examples(task, size.train_rows, VALIDATION_ROWS)
        settings = settings_for(task, epochs=1, precision=precision)
        return Pair(
            ours(data, settings),
            peer(data, settings),
            part="steps",
            beside=("whole",),
            quality=lambda: _quality(task, size, precision),
        )

    return build


def frozen(size: Size) -> Pair:
    """The embeddings and the lower 4 of 6 layers frozen, three epochs; the whole fit, with the one pass through them.

    Every round of our side starts with an empty cache.
    """
    data = examples("sst2", size.frozen_rows, VALIDATION_ROWS)
    settings = settings_for("sst2", epochs=FROZEN_EPOCHS, frozen_layers=FROZEN_LAYERS)
    return Pair(ours(data, settings), peer(data, settings, FROZEN_LAYERS))


def ours(data: Examples, settings: Finetune.Settings) -> Side:
    @contextmanager
    def prepare() -> Iterator[tuple[Encoder, ArrayCache]]:
        with fresh_cache() as cache:
            yield minilm(), cache

    def run(state: tuple[Encoder, ArrayCache]) -> Seconds:
        clock = Clock()
        _fit(state, data, settings, clock)
        return Seconds(steps=clock.steps)

    return Side(run, prepare)


def peer(data: Examples, settings: Finetune.Settings, frozen_layers: int = 0) -> Side:
    @contextmanager
    def prepare() -> Iterator[Any]:
        from benchmarks import trainer

        yield trainer.peer(data, settings, SEED, frozen_layers)

    return Side(lambda model: model.fit(), prepare)


def settings_for(task: str, epochs: int, **others: Any) -> Finetune.Settings:
    rate = LEARNING_RATE[task]
    return Finetune.Settings(
        **{"epochs": epochs, "batch_size": BATCH, "learning_rate": rate, "precision": "fp32"} | others
    )


def _fit(
    state: tuple[Encoder, ArrayCache], data: Examples, settings: Finetune.Settings, clock: Clock | None = None
) -> Any:
    model, cache = state
    on_step = clock.mark if clock else lambda step: None
    epoch = count()
    context = FitContext(SEED, "cpu", lambda scores: next(epoch), on_step=on_step, cache=cache)
    return Finetune.fit(model, data, settings, context).predictor


def _quality(task: str, size: Size, precision: Precision) -> Quality:
    """Both sides after the longer run, on the same validation rows."""
    from benchmarks import trainer

    data = examples(task, size.quality_rows, VALIDATION_ROWS)
    settings = settings_for(task, size.quality_epochs, precision=precision)
    judged = part(task, "validation", size.validation_rows)
    with fresh_cache() as cache:
        predictor = _fit((minilm(), cache), data, settings)
    other = trainer.peer(data, settings, SEED)
    other.fit()
    inputs = data.inputs(judged)
    return paired_difference(data, judged, predictor.predict(inputs), other.predict(inputs))
