"""Greedy generation with a causal language model and its cache of keys and values, in batches of similar length.

Prompts are padded on the left and padding is masked, so what a batch holds changes no text beyond rounding; of equal
logits the lowest token wins.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fmbench.engine.devices import device_of
from fmbench.engine.sequences import token_budget_batches
from fmbench.errors import CellFailed
from fmbench.models.language import LanguageModel

BATCH_TOKENS = 8192


class Generator:
    """Texts -> answers: what the model writes after the prompt.

    Args:
        prompt: what is read, with {text} in it.
        max_new_tokens: of an answer.
        stop: an answer ends before the first of these.
        cut: whether texts that are too long for the model lose their end; else they fail the cell.
        check_time: called before every batch; raises once time is up.

    Attributes:
        notes: facts for the result: how it writes, and how many different texts were cut so far.
    """

    def __init__(
        self,
        model: LanguageModel,
        prompt: str,
        max_new_tokens: int,
        stop: Sequence[str],
        cut: bool,
        device: str,
        check_time: Callable[[], None] = lambda: None,
    ) -> None:
        if model.masked or model.decode is None:
            raise CellFailed("a masked language model does not write texts: text-generation needs a causal one")
        self.model, self.prompt, self.stop, self.cut = model, prompt, tuple(stop), cut
        self.device, self.check_time = device_of(device), check_time
        self.room = model.max_length - max_new_tokens
        self.max_new_tokens = max_new_tokens
        self.notes: dict[str, Any] = {"decoding": "greedy"}
        self._cut: set[str] = set()
        if self.room < 1:
            raise CellFailed(f"max_new_tokens is {max_new_tokens}, but the model takes {model.max_length} in all")

    @property
    def parameters(self) -> int:
        return self.model.parameters

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Objects [n, 1]; equal texts are answered once."""
        unique = list(dict.fromkeys(map(str, inputs)))
        rows = self._rows(unique)
        answers: dict[str, str] = {}
        lengths = np.array([len(row) + self.max_new_tokens for row in rows], dtype=np.int64)
        for index in token_budget_batches(lengths, BATCH_TOKENS):
            self.check_time()
            chosen = [rows[i] for i in index.tolist()]
            for i, text in zip(index.tolist(), self._answers(chosen), strict=True):
                answers[unique[i]] = text
        found = np.empty((len(inputs), 1), dtype=object)
        found[:, 0] = [answers[str(text)] for text in inputs]
        return found

    def _rows(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of the prompts."""
        prompts = [self.prompt.replace("{text}", text) for text in texts]
        rows = [[*self.model.prefix, *ids] for ids in self.model.encode(prompts)]
        for i, text in enumerate(texts):
            if len(rows[i]) > self.room:
                if not self.cut:
                    raise CellFailed(
                        f"a prompt has {len(rows[i])} tokens, the model has room for {self.room} and "
                        f"{self.max_new_tokens} new ones; `options: {{too_long: cut}}` shortens the text"
                    )
                rows[i] = self._shortened(text)
        if not all(rows):
            raise CellFailed("a prompt has no tokens")
        return rows

    def _shortened(self, text: str) -> list[int]:
        """The prompt with as much of the beginning of the text as there is room for."""
        self._cut.add(text)
        self.notes["texts_cut"] = len(self._cut)

        def row(length: int) -> list[int]:
            return [*self.model.prefix, *self.model.encode([self.prompt.replace("{text}", text[:length])])[0]]

        low, high = 0, len(text)
        if len(row(0)) > self.room:
            raise CellFailed(f"the prompt without a text has {len(row(0))} tokens, the model has room for {self.room}")
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if len(row(middle)) <= self.room else (low, middle)
        return row(low)

    def _answers(self, rows: Sequence[list[int]]) -> list[str]:
        before = [self._text(row) for row in rows]
        written: list[list[int]] = [[] for _ in rows]
        texts = [""] * len(rows)

        def finished(i: int, token: int) -> bool:
            if token in self.model.ends:
                return True
            written[i].append(token)
            if self.stop:
                texts[i] = self._after(before[i], [*rows[i], *written[i]])
                return any(end in texts[i] for end in self.stop)
            return False

        write(self.model, rows, self.max_new_tokens, finished, self.device.place)
        return [self._until_stop(self._after(*pair)) for pair in self._wholes(before, rows, written)]

    @staticmethod
    def _wholes(before: list[str], rows: Sequence[list[int]], written: list[list[int]]) -> list[tuple[str, list[int]]]:
        return [(text, [*row, *own]) for text, row, own in zip(before, rows, written, strict=True)]

    def _after(self, before: str, ids: list[int]) -> str:
        """The text of `ids` after that of the prompt."""
        return self._text(ids)[len(before) :]

    def _text(self, ids: list[int]) -> str:
        assert self.model.decode is not None
        return self.model.decode(ids[len(self.model.prefix) :])

    def _until_stop(self, text: str) -> str:
        ends = [at for end in self.stop if (at := text.find(end)) >= 0]
        return text[: min(ends, default=len(text))].strip()


def write(
    model: LanguageModel,
    rows: Sequence[list[int]],
    most: int,
    finished: Callable[[int, int], bool],
    place: torch.device,
) -> None:
    """Write up to `most` tokens after each row, the likeliest each time.

    Args:
        rows: token ids of the prompts, none empty.
        finished: (row, new token) -> whether nothing is to follow; called for every new token.
    """
    network = model.network.to(place).eval()
    takes = inspect.signature(network.forward).parameters
    longest = max(map(len, rows))
    ids = torch.tensor([[*[model.pad] * (longest - len(row)), *row] for row in rows], device=place)
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows], device=place)
    alive = list(range(len(rows)))
    past: Any = None
    with torch.inference_mode():
        for left in range(most, 0, -1):
            logits, past = _step(network, takes, ids, mask, past)
            tokens = logits.argmax(dim=-1)
            kept = [
                k for k, (i, token) in enumerate(zip(alive, tokens.tolist(), strict=True)) if not finished(i, token)
            ]
            if not kept or left == 1:
                return
            if len(kept) < len(alive):
                index = torch.tensor(kept, device=place)
                past.batch_select_indices(index)
                mask, tokens, alive = mask[index], tokens[index], [alive[k] for k in kept]
            ids = tokens[:, None]
            mask = torch.cat([mask, mask.new_ones(len(alive), 1)], dim=1)


def _step(network: Any, takes: Any, ids: Tensor, mask: Tensor, past: Any) -> tuple[Tensor, Any]:
    """Logits [n, vocabulary] after the last token, and the cache."""
    given: dict[str, Any] = {"input_ids": ids, "attention_mask": mask, "past_key_values": past, "use_cache": True}
    if "position_ids" in takes:
        given["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    if "logits_to_keep" in takes:
        given["logits_to_keep"] = 1
    out = network(**given)
    found = getattr(out, "past_key_values", None)
    if found is None or not hasattr(found, "batch_select_indices"):
        raise CellFailed("this language model keeps no cache of keys and values, so it cannot write texts here")
    return out.logits[:, -1].float(), found
