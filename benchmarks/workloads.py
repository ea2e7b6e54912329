"""The data and the model of every bar: MiniLM-L6 on SST-2 sentences and CoNLL-2003 words, from $FMBENCH_DATA."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.sizes import BATCH
from fmbench.data.dataset import Dataset, load_dataset
from fmbench.engine.cache import ArrayCache
from fmbench.measure.quality import score
from fmbench.models.encoder import Encoder, PretrainedEncoder, resolve
from fmbench.registry import KINDS, METRICS
from fmbench.suite.loader import load_model, load_suite
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import predictions_table

ROOT = Path(__file__).parent.parent
MINILM = ROOT / "fmbench/catalog/models/minilm-l6.yaml"
FOLDERS = {"sst2": "sst2", "conll2003": "conll2003-en", "flores200": "flores200", "dialogsum": "dialogsum"}
KIND_OF = {"sst2": "text-classification", "conll2003": "token-classification"}


def missing_data(name: str) -> str | None:
    """Why a data set cannot be read, or None."""
    named = os.environ.get("FMBENCH_DATA")
    if named and Path(named, FOLDERS[name]).is_dir():
        return None
    return f"no {FOLDERS[name]} under $FMBENCH_DATA"


@cache
def dataset(name: str) -> Dataset:
    """One of the public suites' data."""
    return load_dataset(load_suite(ROOT / "suites" / "public" / f"{name}.yaml").tasks[0])


def minilm() -> Encoder:
    """A fresh copy of the network, with its settings."""
    return PretrainedEncoder.load(load_model(MINILM))


def minilm_folder() -> Path:
    """Where its files are."""
    return resolve(load_model(MINILM))


def part(name: str, split: str, n: int, seed: int = 0) -> Any:
    """`n` random rows of a split (all if there are fewer), as an Arrow table."""
    table = dataset(name).splits[split]
    return table.take(np.random.default_rng(seed).permutation(len(table))[:n])


def examples(name: str, n_train: int, n_validation: int) -> Examples:
    """Random training and validation rows, seen through the task's kind."""
    return Examples(
        KINDS[KIND_OF[name]],
        dataset(name).labels,
        part(name, "train", n_train),
        part(name, "validation", n_validation),
    )


def validator(data: Examples) -> Callable[[np.ndarray], float]:
    """Probabilities on the validation rows -> the kind's main metric."""
    metric = METRICS[data.kind.metrics[0]]
    return lambda scores: score(metric, predictions_table(data.kind, data.validation, scores, data.labels), data.labels)


def batch_order(n: int, epochs: int, seed: int) -> np.ndarray:
    """The rows that the engine trains on, in its order, int64 [epochs * n]; its batches are runs of BATCH of them.

    Raises:
        ValueError: the last batch of an epoch would be smaller.
    """
    if n % BATCH:
        raise ValueError(f"{n} rows are no multiple of the batch size {BATCH}")
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.permutation(n) for _ in range(epochs)])


@contextmanager
def fresh_cache() -> Iterator[ArrayCache]:
    """A cache that holds nothing yet."""
    with TemporaryDirectory(prefix="fmbench-bench-") as folder:
        yield ArrayCache(Path(folder))
