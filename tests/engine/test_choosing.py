"""Choices against the items of their batch: the estimate is that of the softmax over all items."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fmbench.engine import choosing
from fmbench.engine.choosing import ChoiceAgainstBatch
from fmbench.engine.devices import CPU
from fmbench.engine.sequences import Batch, Sequences
from fmbench.engine.taste import choices_of

N, K = 12, 3


class Table(nn.Module):
    """Reads an item's number off its only token, and keeps what it was asked for."""

    def __init__(self, items: np.ndarray) -> None:
        super().__init__()
        self.items = torch.from_numpy(items)
        self.asked: list[list[int]] = []

    def forward(self, batch: Batch) -> Tensor:
        self.asked.append(batch.input_ids.tolist())
        return self.items[batch.input_ids]

    def wanted(self, users: Tensor) -> Tensor:
        return users


def objective(
    items: np.ndarray, rows: list[list[int]], real: Any = None, exclude_seen: bool = True, seed: int = 0
) -> Any:
    texts = Sequences(np.arange(N), np.arange(N + 1))
    real = np.ones(N, dtype=bool) if real is None else real
    rng = np.random.default_rng(seed)
    return ChoiceAgainstBatch(texts, real, items, choices_of(rows, exclude_seen, 1000), exclude_seen, rng)


def some(rng: np.random.Generator, n: int) -> list[list[int]]:
    """Popular items first; the last two are never taken."""
    chances = 1 / np.arange(1, N - 1)
    return [rng.choice(N - 2, 4, replace=False, p=chances / chances.sum()).tolist() for _ in range(n)]


def test_each_item_of_a_batch_is_read_once_and_those_that_nobody_took_never(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(N, K)).astype(np.float32)
    table, rows = Table(items), some(rng, 20)
    monkeypatch.setattr(choosing, "FILLED", 12)
    against = objective(items, rows)
    against.loss(table, np.arange(4), CPU)
    against.loss(table, np.arange(40), CPU)
    few, many = table.asked
    assert few == sorted(set(few))
    assert len(few) >= 8, "filled up with eight that are drawn"
    assert set(many) == {*against.choices.taken[:40].tolist()}
    assert max(few + many) < N - 2


def test_a_batch_estimates_the_softmax_over_all_items(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    items = rng.normal(size=(N, K)).astype(np.float32)
    rows = some(rng, 400)
    monkeypatch.setattr(choosing, "FILLED", 20)
    against = objective(items, rows, exclude_seen=False)
    n = len(against.choices.taken)
    logits = against.users @ items[: N - 2].T
    exact = float(np.mean(np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(n), against.choices.taken]))
    drawn = [against.loss(Table(items), rng.permutation(n)[:16], CPU).item() / 16 for _ in range(300)]
    assert np.mean(drawn) == pytest.approx(exact, abs=0.05)
    against.presence = lambda offered, size: np.ones(len(offered))
    raw = [against.loss(Table(items), rng.permutation(n)[:16], CPU).item() / 16 for _ in range(300)]
    assert np.mean(raw) < exact - 0.1


def test_what_was_seen_does_not_count_unless_it_can_be_taken_again() -> None:
    items = np.eye(N, K, dtype=np.float32)
    rows = [[0, 1], [2, 0]]
    index = np.array([1])
    found = {}
    for exclude in (True, False):
        against = objective(items, rows, exclude_seen=exclude)
        assert (against.choices.taken[1], against.choices.before[1]) == (1, (0,))
        found[exclude] = against.loss(Table(items), index, CPU).item()
    assert found[True] == pytest.approx(np.log(2)), "1 against 2"
    assert found[False] == pytest.approx(np.log(2 + np.e)), "1 against 2, and 0, which its user looks for"


def test_an_item_without_text_is_no_text_wherever_the_encoder_puts_it() -> None:
    items = np.full((N, K), 5, dtype=np.float32)
    against = objective(items, [[0, 1], [2, 0]], real=np.arange(N) != 1)
    assert against.loss(Table(items), np.array([1]), CPU).item() == pytest.approx(75, abs=0.01)
