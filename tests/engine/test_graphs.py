"""Small batches from graphs equal the model; the capture here keeps the computation and runs it anew on its tensors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import transformers
from torch import Tensor

from fmbench.engine.classifier import Classifier
from fmbench.engine.devices import CPU
from fmbench.engine.graphs import SEQUENCES, TOKENS, GraphedClassifier, Replay, with_graphs
from fmbench.engine.sequences import Batch
from fmbench.engine.trunks import trunk_of

captures: list[int] = []


def ragged(q: Tensor, k: Tensor, v: Tensor, bounds: Tensor, _: Tensor, longest: int, __: int) -> Tensor:
    """The ragged kernel in plain torch; sequences may be empty, and `longest` is only an upper bound."""
    assert int(bounds.diff().max()) <= longest and int(bounds[-1]) == len(q)
    parts = []
    for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        one = [x[start:end].transpose(0, 1) for x in (q, k, v)]
        parts.append(torch.nn.functional.scaled_dot_product_attention(*one).transpose(0, 1))
    return torch.cat(parts)


def capture(work: Callable[[], Tensor]) -> Replay:
    """Writes each replay to the same tensor, as a graph does."""
    captures.append(1)
    output = work()

    def replay() -> Tensor:
        output.copy_(work())
        return output

    return replay


@pytest.fixture(params=["bert", "roberta"])
def model(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Classifier:
    monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", ragged)
    captures.clear()
    torch.manual_seed(0)
    sizes = {"vocab_size": 50, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = {
        "bert": transformers.BertConfig(**sizes, intermediate_size=32),
        "roberta": transformers.RobertaConfig(**sizes, intermediate_size=32, pad_token_id=1),
    }[request.param]
    return Classifier(trunk_of(transformers.AutoModel.from_config(config).eval(), 0.0), 3).eval()


def batch(lengths: list[int], reads: list[int] | None = None, seed: int = 0) -> Batch:
    ids = torch.randint(2, 50, (sum(lengths),), generator=torch.Generator().manual_seed(seed))
    return Batch(ids, torch.tensor(lengths), None if reads is None else torch.tensor(reads))


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_small_batches_equal_the_model_and_share_graphs(model: Classifier, pooling: str) -> None:
    model.pooling = pooling  # type: ignore[assignment]
    graphed = GraphedClassifier(model, CPU, capture)
    with torch.inference_mode():
        for seed, lengths in enumerate([[7], [32], [1, 5, 20], [9], [64], [40, 2], [1] * SEQUENCES]):
            for reads in (None, [0, len(lengths) - 1, 0]):
                given = batch(lengths, reads, seed)
                torch.testing.assert_close(graphed(given), model(given), atol=1e-5, rtol=0)
    assert len(captures) == 2


def test_large_batches_run_as_they_are(model: Classifier) -> None:
    graphed = GraphedClassifier(model, CPU, capture)
    with torch.inference_mode():
        for lengths in ([500, 500, 25], [1] * (SEQUENCES + 1)):
            given = batch(lengths)
            torch.testing.assert_close(graphed(given), model(given))
        full = batch([400, 400, 224])
        torch.testing.assert_close(graphed(full), model(full), atol=1e-5, rtol=0)
    assert sum(full.lengths.tolist()) == TOKENS[-1]
    assert len(captures) == 1


def test_graphs_are_only_for_cuda_and_only_when_asked(model: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    assert with_graphs(model, CPU) is model
    monkeypatch.setenv("FMBENCH_CUDA_GRAPHS", "1")
    assert with_graphs(model, CPU) is model
