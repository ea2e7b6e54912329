"""Sentences to answers: our predictor beside three usual ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.pairs import Pair, Side
from benchmarks.sizes import BATCH, Size
from benchmarks.workloads import minilm, minilm_folder, part

Work = Callable[[Any], object]


def beside(peer: Callable[[list[str]], Work]) -> Callable[[Size], Pair]:
    """The bar of one peer; both sides get the same raw test sentences of SST-2 in the same random order."""

    def build(size: Size) -> Pair:
        texts = sentences(size)
        return Pair(Side(ours(texts)), Side(peer(texts)))

    return build


def sentences(size: Size) -> list[str]:
    return list(part("sst2", "test", size.sentences)["text"].to_pylist())


def ours(texts: list[str]) -> Work:
    """Class probabilities by an untrained head on MiniLM."""
    from fmbench.adapt.trained import TrainedPredictor
    from fmbench.engine.classifier import Classifier
    from fmbench.engine.predict import softmax
    from fmbench.engine.tokenize import model_tokenizer
    from fmbench.engine.trunks import trunk_of

    model = minilm()
    classifier = Classifier(trunk_of(model.network, 0.0), 2).eval()
    decode = lambda found, sequences: softmax(found)  # noqa: E731
    predictor = TrainedPredictor(classifier, model_tokenizer(model, "sequence"), "cpu", "fp32", decode)
    return lambda _: predictor.predict(texts)


def dynamic_padding(texts: list[str]) -> Work:
    """AutoModelForSequenceClassification, batches of 32 in the given order, padded to the longest."""
    import torch

    tokenizer, model = _sequence_classifier()

    def work(_: Any) -> None:
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                batch = tokenizer(texts[start : start + BATCH], padding=True, truncation=True, return_tensors="pt")
                model(**batch).logits.softmax(-1).numpy()

    return work


def pipeline(texts: list[str]) -> Work:
    """pipeline("text-classification") as it comes: one sentence at a time."""
    import transformers

    tokenizer, model = _sequence_classifier()
    classify = transformers.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu")
    return lambda _: classify(texts)


def sentence_transformers(texts: list[str]) -> Work:
    """SentenceTransformer.encode, batch 32, with its own sorting by length."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(minilm_folder()), device="cpu")
    return lambda _: model.encode(texts, batch_size=BATCH, show_progress_bar=False)


def _sequence_classifier() -> tuple[Any, Any]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    folder = minilm_folder()
    return AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder).eval()
