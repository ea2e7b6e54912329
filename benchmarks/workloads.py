"""The work that both sides do: MiniLM-L6 on SST-2 sentences and CoNLL-2003 words, from $FMBENCH_DATA."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fmbench.adapt.finetune import Finetune
from fmbench.data.dataset import Dataset, load_dataset
from fmbench.engine.context import FitContext
from fmbench.models.encoder import PretrainedEncoder
from fmbench.registry import KINDS
from fmbench.suite.loader import load_model, load_suite
from fmbench.tasks.examples import Examples

ROOT = Path(__file__).parent.parent
BATCH = 32


def public_data_present() -> bool:
    return Path(os.environ.get("FMBENCH_DATA", "")).joinpath("sst2").is_dir() and "FMBENCH_DATA" in os.environ


@cache
def dataset(name: str) -> Dataset:
    """One of the public suites' data."""
    return load_dataset(load_suite(ROOT / "suites" / "public" / f"{name}.yaml").tasks[0])


def minilm() -> Any:
    return PretrainedEncoder.load(load_model(ROOT / "fmbench/catalog/models/minilm-l6.yaml"))


def part(name: str, split: str, n: int, seed: int = 0) -> Any:
    """`n` random rows of a split, as an Arrow table."""
    table = dataset(name).splits[split]
    return table.take(np.random.default_rng(seed).permutation(len(table))[:n])


@dataclass(frozen=True)
class Inference:
    """Sentences to class probabilities, by an untrained head on MiniLM."""

    texts: list[str]

    def ours(self) -> Callable[[], object]:
        from fmbench.adapt.trained import TrainedPredictor
        from fmbench.engine.classifier import Classifier, trunk_of
        from fmbench.engine.tokenize import model_tokenizer

        model = minilm()
        classifier = Classifier(trunk_of(model.network, 0.0), 2).eval()
        predictor = TrainedPredictor(classifier, model_tokenizer(model, "sequence"), "cpu")
        return lambda: predictor.predict(self.texts)

    def transformers_dynamic_padding(self) -> Callable[[], object]:
        """AutoModelForSequenceClassification, batches of 32 in the given order, padded to the longest."""
        import torch

        tokenizer, model = _sequence_classifier()

        def work() -> None:
            with torch.inference_mode():
                for start in range(0, len(self.texts), BATCH):
                    batch = tokenizer(
                        self.texts[start : start + BATCH], padding=True, truncation=True, return_tensors="pt"
                    )
                    model(**batch).logits.softmax(-1).numpy()

        return work

    def transformers_pipeline(self) -> Callable[[], object]:
        """pipeline("text-classification") as it comes."""
        from transformers import pipeline

        tokenizer, model = _sequence_classifier()
        classify = pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
        return lambda: classify(self.texts)

    def sentence_transformers(self) -> Callable[[], object]:
        """SentenceTransformer.encode, batch 32, with its own sorting by length."""
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(minilm().folder), device="cpu")
        return lambda: model.encode(self.texts, batch_size=BATCH, show_progress_bar=False)


def _sequence_classifier() -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = minilm().folder
    return AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder).eval()


@dataclass(frozen=True)
class Training:
    """One epoch of full fine-tuning, batch 32, on `n` rows; no evaluation but one pass over a few validation rows."""

    task: str
    n: int
    dropout: float = 0.1

    def ours(self) -> Callable[[], object]:
        data = dataset(self.task)
        kind = KINDS["token-classification" if self.task == "conll2003" else "text-classification"]
        examples = Examples(kind, data.labels, part(self.task, "train", self.n), part(self.task, "validation", 8))
        settings = Finetune.Settings(epochs=1, batch_size=BATCH, learning_rate=1e-4, dropout=self.dropout)
        return lambda: Finetune.fit(minilm(), examples, settings, FitContext(0, "cpu", lambda scores: 0.0))

    def trainer(self) -> Callable[[], object]:
        """transformers' Trainer with dynamic padding, as run_glue.py and run_ner.py can do."""
        from benchmarks.trainer import fine_tune

        rows = part(self.task, "train", self.n)
        return lambda: fine_tune(minilm().folder, rows, dataset(self.task).labels, self.dropout)
