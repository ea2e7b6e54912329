"""Language models: likelihoods against plain loops, and a real llama2.c checkpoint against llama2.c's own text."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from fmbench.adapt.zero_shot import ZeroShot
from fmbench.engine.context import FitContext
from fmbench.engine.likelihood import loglikelihood, pair_loglikelihoods, shared_places
from fmbench.errors import CellFailed, Place
from fmbench.measure.metric import Sample
from fmbench.measure.preference import preference_gap
from fmbench.models.language import LanguageModel
from fmbench.models.llama2c import Llama2c, Llama2cTokenizer, llama
from fmbench.registry import KINDS, LOADERS
from fmbench.suite.schema import Model, ModelFile, Weights
from fmbench.tasks.examples import Examples
from fmbench.tasks.kind import predictions_table

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "<s>"]
WORDS = ["the", "cat", "dog", "sat", "on", "a", "mat", "ran", "."]
PAIRS = [["the cat sat on a mat .", "the dog sat on a mat ."], ["a cat ran", "ran a cat"], ["the", "the cat"]]
SHARED = Path(__file__).parents[3] / "shared" / "data"
STORIES = Path(os.environ.get("FMBENCH_DATA", SHARED)).parent / "models" / "stories260K"


def tokenizer(**names: str) -> PreTrainedTokenizerFast:
    vocabulary = {word: i for i, word in enumerate([*SPECIAL, *WORDS])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=32, unk_token="[UNK]", **names)


@pytest.fixture
def save(tmp_path: Path) -> Callable[[str], Path]:
    """A folder with a tiny random model and its tokenizer, by sort."""

    def saved(sort: str) -> Path:
        torch.manual_seed(1)
        sizes = {"vocab_size": len(SPECIAL) + len(WORDS), "hidden_size": 16, "num_hidden_layers": 2}
        bert = BertConfig(**sizes, num_attention_heads=2, intermediate_size=32, initializer_range=0.5)
        gpt2 = GPT2Config(
            vocab_size=sizes["vocab_size"], n_embd=16, n_layer=2, n_head=2, n_positions=32, initializer_range=0.5
        )
        network = {
            "masked": lambda: BertForMaskedLM(bert),
            "causal": lambda: GPT2LMHeadModel(gpt2),
            "encoder": lambda: BertModel(bert),
        }[sort]()
        network.save_pretrained(tmp_path / sort)
        names = {"bos_token": "<s>"} if sort == "causal" else {}
        if sort != "causal":
            names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
        tokenizer(**names).save_pretrained(tmp_path / sort)
        return tmp_path / sort

    return saved


def load(folder: Path, loader: str = "language-model", **settings: object) -> LanguageModel:
    owner = LOADERS[loader]
    spec = ModelFile(name="lm", loader=loader, weights=Weights(folder=str(folder)))
    model = Model(spec, owner.Settings(**settings), Path(), Place("here"))
    assert owner.check(model) == []
    assert owner.identity(model).weights_sha256
    return owner.load(model)


def test_causal_likelihood_is_that_of_one_text_after_the_other(save: Callable[[str], Path]) -> None:
    model = load(save("causal"))
    assert not model.masked
    texts = [text for pair in PAIRS for text in pair]
    expected = []
    for text in texts:
        ids = torch.tensor([[5, *model.encode([text])[0]]])
        with torch.no_grad():
            loss = model.network(input_ids=ids, labels=ids).loss
        expected.append(-float(loss) * (ids.shape[1] - 1))
    np.testing.assert_allclose(loglikelihood(model, texts), expected, rtol=1e-4)


def masked_by_hand(model: LanguageModel, text: str, places: list[int] | None = None) -> float:
    ids = [2, *model.encode([text])[0], 3]
    total = 0.0
    for place in range(1, len(ids) - 1) if places is None else places:
        hidden = torch.tensor([[4 if i == place else token for i, token in enumerate(ids)]])
        with torch.no_grad():
            total += float(torch.log_softmax(model.network(input_ids=hidden).logits[0, place], dim=-1)[ids[place]])
    return total


def test_masked_likelihood_masks_one_token_at_a_time(save: Callable[[str], Path]) -> None:
    model = load(save("masked"))
    assert model.masked
    texts = [text for pair in PAIRS for text in pair]
    expected = [masked_by_hand(model, text) for text in texts]
    np.testing.assert_allclose(loglikelihood(model, texts), expected, rtol=1e-4)
    first = pair_loglikelihoods(model, PAIRS[:1], shared=True)[0]
    others = [1, 3, 4, 5, 6, 7]
    np.testing.assert_allclose(first, [masked_by_hand(model, text, others) for text in PAIRS[0]], rtol=1e-4)


def test_shared_tokens_are_those_outside_of_the_change() -> None:
    assert shared_places([2, 7, 8, 9, 3], [2, 7, 1, 1, 9, 3], 1, 1) == ([1, 3], [1, 4])
    assert shared_places([2, 7, 3], [2, 8, 3], 1, 1) == ([], [])


def test_a_sentence_encoder_has_no_language_model_head(save: Callable[[str], Path]) -> None:
    with pytest.raises(CellFailed, match="names no language model"):
        load(save("encoder"))
    with pytest.raises(CellFailed, match="no weights of a language-model head"):
        load(save("encoder"), objective="masked")


def test_a_text_that_is_too_long_fails_the_cell(save: Callable[[str], Path]) -> None:
    with pytest.raises(CellFailed, match="takes 32"):
        loglikelihood(load(save("causal")), ["the " * 40])


@pytest.mark.parametrize("sort", ["masked", "causal"])
def test_zero_shot_answers_with_the_likelier_one(save: Callable[[str], Path], sort: str) -> None:
    model, kind = load(save(sort)), KINDS["minimal-pairs"]
    table = pa.table({
        "id": ["0", "1", "2"], "better": [pair[0] for pair in PAIRS], "worse": [pair[1] for pair in PAIRS],
        "answer": ["better"] * 3,
    })  # fmt: skip
    data = Examples(kind, kind.labels({}), table.slice(0, 0), table.slice(0, 0), options=kind.Options())
    fitted = ZeroShot.fit(model, data, ZeroShot.Settings(), FitContext(0, "cpu", lambda scores: 0.0))
    scores = fitted.predictor.predict(kind.inputs(table))
    sums = pair_loglikelihoods(model, PAIRS)
    np.testing.assert_allclose(np.log(scores[:, 0] / scores[:, 1]), sums[:, 0] - sums[:, 1], rtol=1e-4)
    found = predictions_table(kind, table, scores, kind.labels({}))
    assert found["prediction"].to_pylist() == ["better" if a > b else "worse" for a, b in sums]
    assert (fitted.trainable_parameters, fitted.notes["objective"]) == (0, sort)
    questions = [["the cat", "sat on a mat .", "mat"], ["a", "dog", "cat", "ran"]]
    choice = Examples(KINDS["multiple-choice"], ("A", "B", "C"), table.slice(0, 0), table.slice(0, 0))
    chosen = ZeroShot.fit(model, choice, ZeroShot.Settings(), FitContext(0, "cpu", lambda scores: 0.0))
    answers = chosen.predictor.predict(questions)
    texts = ["a dog", "a cat", "a ran"]
    assert answers[0, 2] == 0
    assert answers[1].argmax() == loglikelihood(model, texts).argmax()
    np.testing.assert_allclose(answers.sum(axis=1), 1)


def test_equal_likelihoods_are_no_preference() -> None:
    scores = np.array([[0.5, 0.5], [0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])
    table = pa.table({"id": list("abcd"), "better": ["x"] * 4, "worse": ["y"] * 4, "answer": ["better"] * 4})
    found = predictions_table(KINDS["minimal-pairs"], table, scores, ("better", "worse"))
    assert found["prediction"].to_pylist() == ["worse", "worse", "better", "worse"]
    value, interval, n = preference_gap.measure(Sample(found, ("better", "worse")))
    assert (value, interval.low, n) == (0, 0, 4)
    (share,) = preference_gap.beside(Sample(found, ("better", "worse")))
    assert (share.value, share.higher_is_better) == (0.5, None)


def test_the_preference_gap_has_a_lower_end_of_zero_exactly_where_half_is_possible() -> None:
    for k, n in [(60, 100), (62, 100), (38, 100), (50, 100), (100, 100)]:
        scores = np.where((np.arange(n) < k)[:, None], [0.9, 0.1], [0.1, 0.9])
        table = pa.table({"gold": ["better"] * n, "scores": scores.tolist()})
        value, interval, _ = preference_gap.measure(Sample(table, ("better", "worse")))
        (share,) = preference_gap.beside(Sample(table, ("better", "worse")))
        assert value == pytest.approx(abs(k / n - 0.5))
        assert interval.low <= value <= interval.high
        assert (interval.low == 0) == (share.low <= 0.5 <= share.high)


@pytest.fixture(scope="module")
def stories() -> Path:
    if not STORIES.is_dir():
        pytest.skip("no models/stories260K beside the public data")
    return STORIES


def test_greedy_text_is_that_of_llama2c(stories: Path) -> None:
    network, pieces = llama(stories / "stories260K.bin"), Llama2cTokenizer(stories / "tok512.bin", 512)
    ids = [1]
    with torch.no_grad():
        for _ in range(200):
            ids.append(int(network(input_ids=torch.tensor([ids])).logits[0, -1].argmax()))
    text = pieces.decode(ids[1:])
    assert text == (stories / "expected_greedy_200.txt").read_text().rstrip("\n")
    assert pieces.encode(text)[:40] == ids[1:41]


@pytest.mark.parametrize("text", ["Once upon a time", "Zürich 🙂 <x>", "a  b\nc", ""])
def test_its_tokens_give_the_text_back(stories: Path, text: str) -> None:
    pieces = Llama2cTokenizer(stories / "tok512.bin", 512)
    assert pieces.decode(pieces.encode(text)) == text


def test_a_file_of_another_size_is_no_checkpoint(stories: Path, tmp_path: Path) -> None:
    broken = tmp_path / "stories260K.bin"
    broken.write_bytes((stories / "stories260K.bin").read_bytes()[:-4])
    with pytest.raises(CellFailed, match="its size is not what its header says"):
        llama(broken)
    assert Llama2c.check(
        Model(ModelFile(name="m", loader="llama2c", weights=Weights(folder=str(tmp_path))),
              Llama2c.Settings(), Path(), Place("here"))
    ) == [f"no such file: {tmp_path / 'tok512.bin'}"]  # fmt: skip


@pytest.mark.data
def test_a_story_model_knows_girls_from_boys(stories: Path, public_data: Path) -> None:
    """BLiMP's gender agreement: 78.6 % of all 1,000 pairs, above the 43.9 % of the n-gram model of its paper."""
    lines = zipfile.ZipFile(public_data / "blimp" / "BLiMP.zip").read("data/anaphor_gender_agreement.jsonl")
    rows = [json.loads(line) for line in lines.decode().splitlines()[:200]]
    sums = pair_loglikelihoods(load(stories, "llama2c"), [[r["sentence_good"], r["sentence_bad"]] for r in rows])
    assert (sums[:, 0] > sums[:, 1]).mean() > 0.7
