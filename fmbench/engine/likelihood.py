"""Log-likelihoods of texts under a language model, in batches of similar length within a budget of logits.

Causal models: the sum of log P(token | tokens before). Masked models: the pseudo-log-likelihood, the sum of
log P(token | all others) with one token masked at a time (Salazar et al. 2020, ACL, equation 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import torch
from torch import Tensor

from fmbench.engine.devices import device_of
from fmbench.engine.predict import softmax
from fmbench.engine.sequences import token_budget_batches
from fmbench.errors import CellFailed
from fmbench.models.language import LanguageModel

LOGITS = 2**25
"""Logits of a batch, so that they take some 128 MB whatever the vocabulary is."""
MOST_TOKENS = 8192


def loglikelihood(model: LanguageModel, texts: Sequence[str], device: str = "cpu") -> np.ndarray:
    """Summed log-likelihood of each text in nats, float64 [n]. Raises CellFailed for a text that is too long."""
    rows = _rows(model, texts)
    if model.masked:
        inside = [range(len(model.prefix), len(row) - len(model.suffix)) for row in rows]
        return _masked(model, rows, inside, device)
    return _causal(model, rows, device)


def pair_loglikelihoods(
    model: LanguageModel, pairs: Sequence[Sequence[str]], device: str = "cpu", shared: bool = False
) -> np.ndarray:
    """Log-likelihoods of both sentences of each pair, float64 [n, 2].

    Args:
        shared: score only the tokens that both sentences have, given the others, as CrowS-Pairs does (Nangia et al.
            2020, EMNLP, equation 1); a causal model always scores all tokens.
    """
    if not shared or not model.masked:
        return loglikelihood(model, [text for pair in pairs for text in pair], device).reshape(-1, 2)
    rows = _rows(model, [text for pair in pairs for text in pair])
    places: list[list[int]] = []
    for first, second in zip(rows[::2], rows[1::2], strict=True):
        places += shared_places(first, second, len(model.prefix), len(model.suffix))
    return _masked(model, rows, places, device).reshape(-1, 2)


def shared_places(first: list[int], second: list[int], prefix: int, suffix: int) -> tuple[list[int], list[int]]:
    """Where tokens stand that both sequences have in the same order, without special tokens."""
    blocks = SequenceMatcher(None, first, second).get_matching_blocks()
    places = [(block.a + i, block.b + i) for block in blocks for i in range(block.size)]
    kept = [(a, b) for a, b in places if prefix <= a < len(first) - suffix and prefix <= b < len(second) - suffix]
    return [a for a, _ in kept], [b for _, b in kept]


class LikelierOption:
    """Inputs with a few texts each -> the softmax of their log-likelihoods.

    Args:
        n_outputs: options of a question; pairs have two.
        choice: inputs are [question, option, ...], and an option is read after its question.
    """

    def __init__(self, model: LanguageModel, n_outputs: int, device: str, shared: bool, choice: bool) -> None:
        self.model, self.n_outputs, self.device, self.shared, self.choice = model, n_outputs, device, shared, choice

    def predict(self, inputs: Sequence[Sequence[str]]) -> np.ndarray:
        """Probabilities float64 [n, n_outputs]; 0 where a question has no such option."""
        if not self.choice:
            return softmax(pair_loglikelihoods(self.model, inputs, self.device, self.shared))
        texts = [f"{prompt} {option}" for prompt, *options in inputs for option in options[: self.n_outputs]]
        found = iter(loglikelihood(self.model, texts, self.device))
        scores = np.full((len(inputs), self.n_outputs), -np.inf)
        for row, (_, *options) in zip(scores, inputs, strict=True):
            for i in range(min(len(options), self.n_outputs)):
                row[i] = next(found)
        return softmax(scores)


def _rows(model: LanguageModel, texts: Sequence[str]) -> list[list[int]]:
    rows = [[*model.prefix, *ids, *model.suffix] for ids in model.encode(texts)]
    longest = max((len(row) for row in rows), default=0)
    if longest > model.max_length:
        raise CellFailed(f"a text has {longest} tokens, the model takes {model.max_length}")
    return rows


def _causal(model: LanguageModel, rows: list[list[int]], device: str) -> np.ndarray:
    on = device_of(device)
    network = model.network.to(on.place).eval()
    sums = np.zeros(len(rows))
    for index in token_budget_batches(np.array([len(row) for row in rows]), _budget(model)):
        ids, mask = _padded([rows[i] for i in index], model.pad)
        ids, mask = ids.to(on.place), mask.to(on.place)
        with torch.inference_mode():
            logits = network(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
            found = torch.log_softmax(logits, dim=-1).gather(2, ids[:, 1:, None])[..., 0]
            sums[index] = (found.double() * mask[:, 1:]).sum(dim=1).cpu().numpy()
    return sums


def _masked(model: LanguageModel, rows: list[list[int]], places: Sequence[Sequence[int]], device: str) -> np.ndarray:
    if model.mask is None:
        raise CellFailed("the tokenizer of this model has no mask token")
    on = device_of(device)
    network = model.network.to(on.place).eval()
    jobs = np.array([(i, place) for i, own in enumerate(places) for place in own], dtype=np.int64).reshape(-1, 2)
    sums = np.zeros(len(rows))
    lengths = np.array([len(rows[i]) for i in jobs[:, 0]], dtype=np.int64)
    for index in token_budget_batches(lengths, _budget(model)) if len(jobs) else ():
        owners, hidden = jobs[index].T
        ids, mask = _padded([rows[i] for i in owners], model.pad)
        at = torch.arange(len(index)), torch.from_numpy(hidden)
        right = ids[at].clone()
        ids[at] = model.mask
        with torch.inference_mode():
            logits = network(input_ids=ids.to(on.place), attention_mask=mask.to(on.place)).logits[at].float()
            found = torch.log_softmax(logits, dim=-1).cpu().gather(1, right[:, None])[:, 0]
        np.add.at(sums, owners, found.double().numpy())
    return sums


def _budget(model: LanguageModel) -> int:
    return max(1, min(MOST_TOKENS, LOGITS // int(model.network.config.vocab_size)))


def _padded(rows: Sequence[Sequence[int]], pad: int) -> tuple[Tensor, Tensor]:
    """ids and attention mask, int64 [n, longest]."""
    longest = max(len(row) for row in rows)
    ids = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, mask
