"""How much each word of a text speaks for the class that a model predicts; one function a method."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from zlib import crc32

import numpy as np

from fmbench.measure.evidence import Predictor
from fmbench.models.nets.words import ALONE

Span = tuple[int, int]
Attributions = list[np.ndarray]
"""Of each text one number a word: how much it speaks for the class explained."""
_WORD = re.compile(rf"[{ALONE}]|[^\s{ALONE}]+")
EPSILON = 1e-12


def words_of(text: str) -> list[Span]:
    """Spans of the words of a text: what stands between spaces, and every Chinese or Japanese character."""
    return [match.span() for match in _WORD.finditer(text)]


def without(text: str, words: Sequence[Span], gone: np.ndarray) -> str:
    """The text without some of its words, each with the space after it; `gone` is bool [n_words]."""
    ends = [start for start, _ in words[1:]] + [len(text)]
    kept = [text[start:end] for (start, _), end, drop in zip(words, ends, gone, strict=True) if not drop]
    return "".join(kept).strip()


class Memory:
    """A predictor that is asked about every text only once, and about many at a time."""

    def __init__(self, predictor: Predictor) -> None:
        self.predictor = predictor
        self._known: dict[str, np.ndarray] = {}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities float64 [n, n_outputs]."""
        new = list(dict.fromkeys(text for text in texts if text not in self._known))
        if new:
            self._known.update(zip(new, np.asarray(self.predictor.predict(new), dtype=np.float64), strict=True))
        return np.stack([self._known[text] for text in texts])


@dataclass(frozen=True)
class Subject:
    """What is explained.

    Args:
        words: of each text its words, two at least.
        classes: int [n], the class that is predicted and explained.
    """

    ids: Sequence[str]
    texts: Sequence[str]
    words: Sequence[Sequence[Span]]
    classes: np.ndarray
    ask: Memory
    predictor: Predictor
    device: str = "cpu"
    errors: dict[str, np.ndarray] = field(default_factory=dict)


def centred(probabilities: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Log-probability of a class minus the mean over all classes, [n]: of a softmax it is linear in the logits."""
    logs = np.log(np.maximum(probabilities, EPSILON))
    return np.asarray(logs[np.arange(len(logs)), classes] - logs.mean(axis=1))


def occlusion(subject: Subject) -> Attributions:
    """How far the centred log-probability falls when the word is left out; works with any predictor."""
    shorter = [
        without(text, words, np.arange(len(words)) == i)
        for text, words in zip(subject.texts, subject.words, strict=True)
        for i in range(len(words))
    ]
    counts = [len(words) for words in subject.words]
    whole = centred(subject.ask(subject.texts), subject.classes)
    less = centred(subject.ask(shorter), np.repeat(subject.classes, counts))
    return np.split(np.repeat(whole, counts) - less, np.cumsum(counts)[:-1])


def random(subject: Subject, seed: int = 1) -> Attributions:
    """Random numbers, which depend on nothing but the example's id: the control."""
    return [
        np.random.default_rng([seed, crc32(example_id.encode())]).random(len(words))
        for example_id, words in zip(subject.ids, subject.words, strict=True)
    ]


def gradient_x_input(subject: Subject) -> Attributions:
    """Gradient of the centred logit times the embedding, summed over the pieces of a word."""
    return _gradients(subject, 0, "gradient-x-input")


def integrated_gradients(subject: Subject, steps: int = 20) -> Attributions:
    """Gradients integrated from embeddings of zero, summed over the pieces of a word."""
    return _gradients(subject, steps, "integrated-gradients")


def _gradients(subject: Subject, steps: int, name: str) -> Attributions:
    from fmbench.engine import attribution

    predictor, texts = subject.predictor, list(subject.texts)
    sequences = predictor.encode(texts)  # type: ignore[attr-defined]
    words = attribution.token_words(predictor, texts, subject.words)
    model = predictor.model  # type: ignore[attr-defined]
    found, differences = attribution.integrated_gradients(
        model, sequences, subject.classes, words >= 0, subject.device, steps
    )
    sums = []
    for i, own in enumerate(subject.words):
        tokens = slice(sequences.offsets[i], sequences.offsets[i + 1])
        inside = words[tokens] >= 0
        weights = found[tokens][inside]
        sums.append(np.bincount(words[tokens][inside], weights, minlength=len(own)).astype(np.float64))
    if steps:
        subject.errors[name] = np.abs(np.array([one.sum() for one in sums]) - differences)
    return sums


METHODS: dict[str, Callable[[Subject], Attributions]] = {
    "occlusion": occlusion,
    "gradient-x-input": gradient_x_input,
    "integrated-gradients": integrated_gradients,
    "random": random,
}
BY_GRADIENT = frozenset({"gradient-x-input", "integrated-gradients"})


def refusal(method: str, predictor: Predictor) -> str | None:
    """Why a method cannot explain this predictor, or None."""
    if method not in BY_GRADIENT:
        return None
    from fmbench.engine.attribution import embedding_of

    model = getattr(predictor, "model", None)
    if model is None or not hasattr(predictor, "encode") or embedding_of(model) is None:
        return "needs a trained network with embeddings of tokens; occlusion explains any predictor"
    return None
