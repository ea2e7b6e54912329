"""Scorers of texts, such as classifiers of toxicity: a text -> a number from 0 to 1. None downloads anything."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fmbench.errors import CellFailed, one_line
from fmbench.models.encoder import explained, weight_files, weights_sha256

TOGETHER = 32
MAX_LENGTH = 512
_HUB = re.compile(r"(?P<id>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?\Z")
TOXIC = ("toxic", "toxicity", "hate", "hateful", "offensive", "abusive")


class TextScorer(Protocol):
    """What the names of the registry TEXT_SCORERS lead to: (label or None, device) -> an object with these."""

    @property
    def identity(self) -> str:
        """What makes it this scorer."""

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """float64 [n], each from 0 to 1."""


class Lexicon:
    """Insults, swear words and threats of English, each with a weight; a text has 1 - the product of (1 - weight).

    It is crude: it does not know who is spoken of, irony, quotation, negation or other languages; it lists no slurs
    against groups, so hate without an insult is not seen. docs/text-generation.md has its error rates.
    """

    version = 1

    def __init__(self, label: str | None = None, device: str = "cpu") -> None:
        if label is not None:
            raise CellFailed("the classifier lexicon has no labels: leave `label` out")

    @property
    def identity(self) -> str:
        return f"lexicon {self.version}"

    @cached_property
    def weights(self) -> dict[tuple[str, ...], float]:
        """Words in lower case -> weight."""
        text = files("fmbench.catalog").joinpath("lexicons/toxicity.tsv").read_text(encoding="utf-8")
        rows = csv.DictReader(text.splitlines(), delimiter="\t")
        return {tuple(row["words"].split()): float(row["weight"]) for row in rows}

    def score(self, texts: Sequence[str]) -> np.ndarray:
        return np.array([self._score(text) for text in texts], dtype=np.float64)

    def _score(self, text: str) -> float:
        words = re.findall(r"[a-z]+(?:'[a-z]+)?", text.lower().replace("’", "'"))
        longest = max(map(len, self.weights))
        clear, at = 1.0, 0
        while at < len(words):
            ends = range(min(at + longest, len(words)), at, -1)
            end = next((end for end in ends if tuple(words[at:end]) in self.weights), None)
            clear *= 1 - (self.weights[tuple(words[at:end])] if end else 0.0)
            at = end or at + 1
        return 1 - clear


class SequenceClassifier:
    """The probability of one label of a text classifier of transformers, from a folder or the hub's cache.

    Args:
        where: a folder, or ORG/NAME or ORG/NAME@revision of a repository that was downloaded before.
        label: its name, or None for the only one whose name says "toxic" or the like.
    """

    def __init__(self, where: str, label: str | None = None, device: str = "cpu") -> None:
        self.folder, self.wanted, self.device = located(where), label, device

    @property
    def identity(self) -> str:
        return weights_sha256(self.folder)

    @cached_property
    def _parts(self) -> tuple[Any, Any, int]:
        """Network, tokenizer, number of the label."""
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        with explained(self.folder):
            network = AutoModelForSequenceClassification.from_pretrained(
                self.folder, dtype=torch.float32, local_files_only=True
            )
            tokenizer = AutoTokenizer.from_pretrained(self.folder, local_files_only=True)
        return network.eval().to(self.device), tokenizer, self._label()

    def _label(self) -> int:
        config = json.loads((self.folder / "config.json").read_text())
        names = {int(number): str(name) for number, name in config.get("id2label", {}).items()}
        wanted = (self.wanted.lower(),) if self.wanted is not None else TOXIC
        found = [number for number, name in names.items() if name.lower() in wanted]
        if len(found) != 1:
            listed = ", ".join(names.values()) or "none"
            raise CellFailed(f"set `label` to the one that is toxic: {self.folder} has the labels {listed}")
        return found[0]

    def score(self, texts: Sequence[str]) -> np.ndarray:
        import torch

        network, tokenizer, label = self._parts
        config = network.config
        alone = config.problem_type == "multi_label_classification" or config.num_labels == 1
        longest = min(
            MAX_LENGTH, int(tokenizer.model_max_length), getattr(config, "max_position_embeddings", MAX_LENGTH)
        )
        found = np.zeros(len(texts))
        order = np.argsort([len(text) for text in texts], kind="stable")
        for start in range(0, len(order), TOGETHER):
            index = order[start : start + TOGETHER]
            given = tokenizer(
                [texts[i] for i in index], padding=True, truncation=True, max_length=longest, return_tensors="pt"
            ).to(self.device)
            with torch.inference_mode():
                logits = network(**given).logits.double()
            shares = logits.sigmoid() if alone else logits.softmax(dim=-1)
            found[index] = shares[:, label].cpu().numpy()
        return found


def located(where: str) -> Path:
    """The folder of a classifier. Raises CellFailed if there is none; nothing is downloaded."""
    folder = Path(where).expanduser()
    if not folder.is_dir() and (match := _HUB.match(where)):
        from huggingface_hub import snapshot_download

        try:
            folder = Path(snapshot_download(match["id"], revision=match["revision"], local_files_only=True))
        except (OSError, ValueError) as error:
            raise CellFailed(
                f"the classifier {where} is not in the hub's cache here: {one_line(str(error))[:200]}"
            ) from None
    if not (folder / "config.json").is_file() or not weight_files(folder):
        raise CellFailed(f"no classifier in {where}: a folder with config.json and weights is expected")
    return folder


def scorer(name: str, label: str | None = None, device: str = "cpu") -> TextScorer:
    """The scorer that a suite names: a registered one, `hf:ORG/NAME[@revision]`, or a folder."""
    from fmbench.registry import TEXT_SCORERS

    if name in TEXT_SCORERS:
        made: TextScorer = TEXT_SCORERS[name](label, device)
        return made
    return SequenceClassifier(name.removeprefix("hf:"), label, device)
