"""The training loop on a model of a few numbers, where everything can be recomputed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fmbench.engine import train as module
from fmbench.engine.classifier import Classifier, SentenceEmbedder
from fmbench.engine.context import FitContext, Step
from fmbench.engine.devices import CPU, seed_everything
from fmbench.engine.objective import CosineError, CrossEntropy, inverse_frequencies
from fmbench.engine.predict import predict, softmax
from fmbench.engine.sequences import Sequences, pieces
from fmbench.engine.train import Gradients, History, TrainSettings, train
from fmbench.errors import CellFailed
from fmbench.tasks.kind import IGNORED

SETTINGS = TrainSettings(epochs=5, batch_size=8, learning_rate=0.05)


class Bag(nn.Module):
    """Token embeddings and nothing more."""

    hidden_size = 6

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, self.hidden_size)
        self.dropout = nn.Dropout(0.2)

    def forward(self, input_ids: Tensor, lengths: Tensor, reads: Tensor | None = None) -> Tensor:
        return self.dropout(self.embedding(input_ids if reads is None else input_ids[reads]))


def data(n: int = 40, tokens: bool = False) -> tuple[Sequences, np.ndarray]:
    """Texts of class c hold tokens of the c-th half of the vocabulary; or the same for every token."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, n)
    classes = np.arange(n) % 2
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = rng.integers(0, 10, offsets[-1]) + 10 * np.repeat(classes, lengths)
    if not tokens:
        return Sequences(ids, offsets), classes
    ids = rng.integers(0, 20, offsets[-1])
    return Sequences(ids, offsets, np.arange(offsets[-1]), offsets), ids // 10


def context(validate: Callable[[np.ndarray], float] = lambda scores: 0.0, **changes: Any) -> FitContext:
    return replace(FitContext(0, "cpu", validate), **changes)


def fit(
    settings: TrainSettings = SETTINGS,
    seed: int = 0,
    tokens: bool = False,
    about: FitContext | None = None,
    targets: np.ndarray | None = None,
    class_weights: np.ndarray | None = None,
) -> tuple[Classifier, History]:
    rng = seed_everything(seed)
    model = Classifier(Bag(), 2)
    sequences, classes = data(tokens=tokens)
    objective = CrossEntropy(sequences, classes if targets is None else targets, class_weights)
    history = train(model, objective, lambda: scores_of(model, sequences), settings, about or context(), rng)
    return model, history


def scores_of(model: Classifier, sequences: Sequences) -> np.ndarray:
    return softmax(predict(model, sequences, "cpu"))


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("tokens", [False, True])
def test_the_loss_falls_and_the_task_is_learned(tokens: bool) -> None:
    last = replace(SETTINGS, epochs=10)
    scores = iter(range(10))
    model, history = fit(last, tokens=tokens, about=context(lambda found: float(next(scores))))
    assert len(history.loss) == len(history.validation) == history.best_epoch == 10
    assert history.loss[-1] < 0.2 * history.loss[0]
    assert not model.training
    sequences, classes = data(tokens=tokens)
    found = scores_of(model, sequences)
    assert found.dtype == np.float64
    assert found.sum(axis=1) == pytest.approx(np.ones(len(classes)))
    assert (found.argmax(axis=1) == classes).all()


def test_a_seed_decides_every_bit_and_another_seed_others() -> None:
    (first, one), (second, two), (third, other) = fit(seed=3), fit(seed=3), fit(seed=4)
    assert one == two
    assert same(weights(first), weights(second))
    assert one.loss != other.loss
    assert not same(weights(first), weights(third))


def test_every_step_is_told() -> None:
    steps: list[Step] = []
    _, history = fit(about=context(on_step=steps.append))
    assert [step.step for step in steps] == list(range(1, 26))
    assert {(step.epochs, step.steps) for step in steps} == {(5, 25)}
    assert [step.epoch for step in steps] == [epoch for epoch in range(1, 6) for _ in range(5)]
    assert np.reshape([step.loss for step in steps], (5, 5)).mean(axis=1) == pytest.approx(history.loss)


@pytest.mark.parametrize(
    ("scores", "higher", "best"),
    [
        ([0.1, 0.5, 0.9, 0.2, 0.9], True, 3),
        ([0.1, 0.5, 0.9, 0.2, 0.05], False, 5),
        ([float("nan"), 0.2, float("nan"), 0.1, 0.1], True, 2),
        ([float("nan")] * 5, True, 1),
        ([0.3] * 5, True, 1),
    ],
)
def test_the_best_epoch_is_kept_and_the_earliest_wins(scores: list[float], higher: bool, best: int) -> None:
    snapshots: list[np.ndarray] = []
    ahead = iter(scores)

    def validate(found: np.ndarray) -> float:
        snapshots.append(found)
        return next(ahead)

    model, history = fit(about=context(validate, higher_is_better=higher))
    assert history.best_epoch == best
    np.testing.assert_array_equal(scores_of(model, data()[0]), snapshots[best - 1])
    assert len({found.tobytes() for found in snapshots}) == 5


@pytest.mark.parametrize(("patience", "epochs"), [(1, 3), (2, 4), (3, 8), (None, 8)])
def test_patience_stops_after_so_many_epochs_without_a_better_one(patience: int | None, epochs: int) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.3, 0.6, 0.1, 0.1, 0.1])
    _, history = fit(replace(SETTINGS, epochs=8, patience=patience), about=context(lambda found: next(scores)))
    assert len(history.validation) == epochs


@pytest.mark.parametrize(("max_steps", "steps", "examples"), [(1, 1, 8), (5, 5, 40), (12, 12, 96), (99, 25, 200)])
def test_training_ends_after_so_many_steps_with_a_schedule_of_that_length(
    max_steps: int, steps: int, examples: int
) -> None:
    """40 examples make 5 steps an epoch; 5 epochs were asked for."""
    seen: list[Step] = []
    _, history = fit(replace(SETTINGS, max_steps=max_steps), about=context(on_step=seen.append))
    assert [step.step for step in seen] == list(range(1, steps + 1))
    assert {(step.steps, step.epochs) for step in seen} == {(steps, -(-steps // 5))}
    assert len(history.validation) == -(-steps // 5)
    assert history.examples == examples


def test_a_loss_that_is_not_finite_fails_the_cell_and_says_where(monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = Gradients.__call__, iter(range(100))
    monkeypatch.setattr(Gradients, "__call__", lambda *given: float("nan") if next(calls) == 6 else real(*given))
    with pytest.raises(CellFailed, match=r"^the loss is nan at step 7 of 25, learning rate 0\.0396$"):
        fit()


def test_a_run_that_diverges_fails_the_cell() -> None:
    with pytest.raises(CellFailed, match=r"the loss is (nan|inf) at step \d+ of 25, learning rate|not finite"):
        fit(replace(SETTINGS, learning_rate=1e38))


def test_a_run_that_diverges_in_its_last_step_fails_the_cell() -> None:
    with pytest.raises(CellFailed, match="not finite"):
        fit(replace(SETTINGS, learning_rate=3e38, epochs=1, batch_size=40))


def test_time_is_up() -> None:
    steps: list[Step] = []
    with pytest.raises(CellFailed, match="out of time"):
        fit(about=context(on_step=steps.append, deadline=time.monotonic() - 1))
    assert steps == []


@pytest.mark.parametrize("tokens", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_small_pieces_give_the_gradients_of_the_whole_batch(tokens: bool, weighted: bool) -> None:
    sequences, classes = data(tokens=tokens)
    classes = np.where(np.arange(len(classes)) % 7 == 3, IGNORED, classes)
    torch.manual_seed(0)
    model = Classifier(Bag(), 2, dropout=0.0).eval()
    index = np.random.default_rng(1).permutation(len(sequences))[:20]
    by_class = np.array([0.3, 1.7], dtype=np.float32) if weighted else None
    whole = F.cross_entropy(
        model(sequences.batch(index)), torch.from_numpy(classes[sequences.targets_of(index)]),
        None if by_class is None else torch.from_numpy(by_class), ignore_index=IGNORED,
    )  # fmt: skip
    whole.backward()
    wanted = [p.grad.clone() for p in model.parameters()]
    gradients = Gradients(model, CrossEntropy(sequences, classes, by_class), CPU, "fp32")
    for budget in (8192, 20, 1):
        gradients.budget = budget
        parts = list(pieces(sequences.lengths, index, budget))
        assert np.concatenate(parts).tolist() == index.tolist()
        assert len(parts) > (budget < 100)
        assert all(len(part) == 1 or sequences.lengths[part].sum() <= budget for part in parts)
        model.zero_grad()
        assert gradients(index) == pytest.approx(float(whole.detach()), rel=1e-5)
        for parameter, gradient in zip(model.parameters(), wanted, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, atol=1e-6, rtol=1e-5)


class Full:
    """An objective on a device that holds `room` tokens at a time."""

    def __init__(self, inner: CrossEntropy, room: int) -> None:
        self.inner, self.room, self.sizes = inner, room, []
        self.sequences, self.lengths, self.weight = inner.sequences, inner.lengths, inner.weight

    def loss(self, model: Any, index: np.ndarray, device: Any) -> Tensor:
        self.sizes.append(int(self.lengths[index].sum()))
        loss = self.inner.loss(model, index, device)
        if self.sizes[-1] > self.room:
            loss.backward(retain_graph=True)  # what was accumulated before memory ran out must not stay
            raise torch.OutOfMemoryError("full")
        return loss


def test_when_memory_runs_out_the_budget_is_halved_and_the_step_is_the_same() -> None:
    sequences, classes = data()
    torch.manual_seed(0)
    model = Classifier(Bag(), 2, dropout=0.0).eval()
    index = np.arange(30)
    plain, full = CrossEntropy(sequences, classes), Full(CrossEntropy(sequences, classes), 40)
    loss = Gradients(model, plain, CPU, "fp32")(index)
    wanted = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    gradients = Gradients(model, full, CPU, "fp32")
    assert gradients(index) == pytest.approx(loss, rel=1e-5)
    for parameter, gradient in zip(model.parameters(), wanted, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, atol=1e-6, rtol=1e-5)
    assert full.sizes[0] > 40 >= gradients.budget
    failures = sum(size > 40 for size in full.sizes)
    model.zero_grad()
    gradients(index)
    assert sum(size > 40 for size in full.sizes) == failures


def test_an_example_that_does_not_fit_fails_the_cell_and_other_errors_pass() -> None:
    sequences, classes = data()
    model = Classifier(Bag(), 2).eval()
    with pytest.raises(CellFailed, match=r"^out of memory in training, with a single example of 8 tokens$"):
        Gradients(model, Full(CrossEntropy(sequences, classes), 0), CPU, "fp32")(np.arange(20))  # type: ignore[arg-type]
    broken = CrossEntropy(sequences, classes[:3])
    with pytest.raises(IndexError):
        Gradients(model, broken, CPU, "fp32")(np.arange(20))


def test_the_result_says_how_much_was_trained() -> None:
    _, history = fit()
    assert (history.examples, history.piece_tokens) == (200, CPU.train_tokens)
    assert history.seconds > 0


def test_ignored_targets_do_not_count() -> None:
    sequences, classes = data()
    some = np.where(np.arange(len(classes)) % 3 == 0, IGNORED, classes)
    torch.manual_seed(0)
    model = Classifier(Bag(), 2).eval()
    index = np.arange(12)
    kept = index[some[index] != IGNORED]
    found = []
    for rows, targets in ((index, some), (kept, classes)):
        model.zero_grad()
        Gradients(model, CrossEntropy(sequences, targets), CPU, "fp32")(rows)
        found.append(model.head.weight.grad.clone())
    torch.testing.assert_close(found[0], found[1])
    model.zero_grad()
    nothing = CrossEntropy(sequences, np.full(len(classes), IGNORED))
    assert Gradients(model, nothing, CPU, "fp32")(index) == 0
    assert float(model.head.weight.grad.abs().sum()) == 0


def test_pairs_are_trained_to_the_cosine_of_their_vectors() -> None:
    sequences, _ = data(40)
    rng = seed_everything(0)
    targets = np.linspace(0, 1, 20)
    model = SentenceEmbedder(Bag())
    objective = CosineError(sequences, targets)
    assert objective.lengths.tolist() == [int(a + b) for a, b in sequences.lengths.reshape(-1, 2)]
    index = np.array([3, 11, 0])
    both = [6, 7, 22, 23, 0, 1]
    vectors = model.eval()(sequences.batch(np.array(both)))
    cosine = F.cosine_similarity(vectors[::2], vectors[1::2])
    wanted = (cosine - torch.tensor(targets[index], dtype=torch.float32)).square().sum()
    torch.testing.assert_close(objective.loss(model, index, CPU), wanted)
    history = train(
        model, objective, lambda: predict(model, sequences, "cpu"), replace(SETTINGS, epochs=40), context(), rng
    )
    assert history.loss[-1] < 0.3 * history.loss[0]


def test_class_weights_are_inverse_frequencies_with_mean_one() -> None:
    found = inverse_frequencies(np.array([0, 0, 0, 1, IGNORED]), 3)
    assert found.tolist() == pytest.approx([0.5, 1.5, 1.0])


def test_class_weights_help_the_rare_class() -> None:
    _, classes = data()
    rare = np.where(np.arange(len(classes)) % 10 == 1, 1, 0)
    sequences = data()[0]
    means = []
    for weigh in (False, True):
        by_class = inverse_frequencies(rare, 2) if weigh else None
        model, _ = fit(replace(SETTINGS, epochs=2), targets=rare, class_weights=by_class)
        means.append(scores_of(model, sequences)[:, 1].mean())
    assert means[1] > means[0] + 0.1


def test_the_learning_rate_rises_and_falls_in_lines() -> None:
    rate = module.linear_schedule(100, 0.1)
    rates = [rate(step) for step in range(101)]
    assert rates[:10] == pytest.approx(np.arange(1, 11) / 10)
    assert max(rates) == rates[9] == 1
    assert (np.diff(rates[10:]) < 0).all()
    assert rates[99] == pytest.approx(1 / 91)
    assert rates[100] == 0
    assert module.linear_schedule(1, 0.0)(0) == 1


def test_biases_and_norms_do_not_decay() -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.LayerNorm(3), nn.Linear(3, 2))
    model[0].weight.requires_grad = False
    decay, plain = module._groups([p for p in model.parameters() if p.requires_grad], 0.1)
    assert [p is model[2].weight for p in decay["params"]] == [True]
    assert (decay["weight_decay"], plain["weight_decay"], len(plain["params"])) == (0.1, 0.0, 4)


def test_frozen_parameters_stay() -> None:
    rng = seed_everything(0)
    model = Classifier(Bag(), 2)
    model.trunk.requires_grad_(False)
    before = weights(model)
    sequences, classes = data()
    objective = CrossEntropy(sequences, classes)
    train(model, objective, lambda: scores_of(model, sequences), SETTINGS, context(), rng)
    assert torch.equal(model.trunk.embedding.weight, before["trunk.embedding.weight"])
    assert not torch.equal(model.head.weight, before["head.weight"])
