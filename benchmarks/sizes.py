"""How much work a bar does."""

from __future__ import annotations

from dataclasses import dataclass

BATCH = 32


@dataclass(frozen=True)
class Size:
    """Rows of every sort of work; those for training are multiples of BATCH.

    Args:
        sentences: of inference.
        train_rows: of a timed fine-tune of one epoch.
        quality_rows, quality_epochs: of the longer run whose scores are compared.
        validation_rows: that those scores are about, at most.
        frozen_rows: of a timed fine-tune with frozen layers, three epochs.
        probe_rows: training rows of the probe; half as many for validation and for test.
        suite_rows: of each split in the run of nlp-core, None for all.
        suite_models: of that run, None for all.
        file_bytes: of the file whose reading is measured.
    """

    sentences: int = 512
    train_rows: int = 192
    quality_rows: int = 1280
    quality_epochs: int = 1
    validation_rows: int = 872
    frozen_rows: int = 128
    probe_rows: int = 1536
    suite_rows: int | None = 64
    suite_models: str | None = None
    file_bytes: int = 2_000_000_000


DEFAULT = Size()
QUICK = Size(
    sentences=48,
    train_rows=64,
    quality_rows=64,
    validation_rows=64,
    frozen_rows=64,
    probe_rows=48,
    suite_rows=16,
    suite_models="majority,tfidf-logreg",
    file_bytes=80_000_000,
)
LONG = Size(
    sentences=1821,
    train_rows=512,
    quality_rows=6912,
    quality_epochs=2,
    validation_rows=3250,
    frozen_rows=512,
    probe_rows=2048,
    suite_rows=None,
)
SIZES = {"default": DEFAULT, "quick": QUICK, "long": LONG}
