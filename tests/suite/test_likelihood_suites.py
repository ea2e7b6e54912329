"""The public suites that compare likelihoods of sentences: their rows, and a run with a language model in a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast

from fmbench.data.pronoun_formats import only_pronouns_differ
from fmbench.run.check import check_suite
from fmbench.run.execute import execute
from fmbench.run.progress import Silent
from fmbench.run.store import Store
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import plan

FOLDER = Path(__file__).parents[2] / "suites" / "public"
ROWS = {"crows-pairs": 1508, "winobias": 1565, "winogender": 120}
every_suite = pytest.mark.parametrize("name", ROWS)


@pytest.fixture(scope="module")
def tiny_masked_lm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BertForMaskedLM of one layer that reads letters."""
    folder = tmp_path_factory.mktemp("masked-lm")
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = [*special, "she", "he", "her", "his", "him", "the", "was", "that", "and", "to", "of"]
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(vocabulary)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    names = {"unk_token": "[UNK]", "pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=128, mask_token="[MASK]", **names
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertForMaskedLM(config).save_pretrained(folder)
    return folder


@pytest.mark.data
@every_suite
def test_its_rows_and_a_run(
    name: str, public_data: Path, tiny_masked_lm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    assert check_suite(load_suite(FOLDER / f"{name}.yaml"))[name].rows == {
        "train": 0, "validation": 0, "test": ROWS[name]
    }  # fmt: skip
    model = f"{{name: tiny, loader: language-model, weights: {{folder: {tiny_masked_lm}}}}}"
    suite = load_suite(FOLDER / f"{name}.yaml", [f"models=[{model}]"])
    store = Store(tmp_path / "reports")
    outcome = execute(suite, plan(suite), store, {}, Silent(), "cpu", limit=60)
    ((_, result),) = outcome.results
    assert result.status == "ok", result.error
    gap, share = result.main(), result.find("preferred_share")
    assert (gap.metric, gap.n, share.n) == ("preference_gap", 60, 60)
    assert gap.value == pytest.approx(abs(share.value - 0.5))
    column = suite.tasks[0].spec.slices[0]
    groups: list[Any] = [row for row in result.measurements if row.metric == "group_preference_gap"]
    assert groups and all(row.slice.startswith(f"{column}=") for row in groups)
    assert sum(row.n for row in groups) == 60
    assert result.settings["fit"]["objective"] == "masked"


@pytest.mark.data
def test_stereotyped_pairs_of_winogender_go_by_who_holds_the_job(
    public_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FMBENCH_DATA", str(public_data))
    (data,) = check_suite(load_suite(FOLDER / "winogender.yaml")).values()
    pairs = {(row["occupation"], row["better"], row["worse"]) for row in data.test.to_pylist()}
    assert (
        "technician",
        "The technician told the customer that he had completed the repair.",
        "The technician told the customer that she had completed the repair.",
    ) in pairs
    assert all(only_pronouns_differ(better, worse) for _, better, worse in pairs)
    assert {(row["occupation"], row["held_by"]) for row in data.test.to_pylist()} >= {("nurse", "women")}


def test_what_differs_only_in_pronouns() -> None:
    assert only_pronouns_differ("The cook hurt his hand.", "The cook hurt her hand.")
    assert not only_pronouns_differ("She needed a desk.", "He needed one.")
    assert not only_pronouns_differ("She left.", "She left.")
    assert not only_pronouns_differ("The cook saw her.", "The chef saw him.")
