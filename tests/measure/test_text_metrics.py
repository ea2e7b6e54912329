"""Scores of generated texts beside sacrebleu and rouge-score: random texts, real ones, and known values."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER

from fmbench.measure.quality import quality, score
from fmbench.measure.texts.answers import final_number, normalised
from fmbench.measure.texts.porter import stem
from fmbench.measure.texts.rouge import common
from fmbench.measure.texts.ter import edits
from fmbench.registry import METRICS

SACREBLEU: dict[str, Any] = {
    "bleu": BLEU(),
    "bleu_zh": BLEU(tokenize="zh"),
    "bleu_char": BLEU(tokenize="char"),
    "chrf": CHRF(),
    "chrf++": CHRF(word_order=2),
    "ter": TER(),
}
ROUGE = {"rouge1": "rouge1", "rouge2": "rouge2", "rougel": "rougeL", "rougelsum": "rougeLsum"}
WORDS = [
    "the",
    "cat",
    "sat",
    "cats",
    "running",
    "1,000.5",
    "3.5-4",
    "It's",
    "(a)",
    "a&quot;b",
    "流",
    "细胞",
    "“x”",
    ".5",
]
texts = st.one_of(
    st.lists(st.sampled_from([*WORDS, "the", "cat", "\n"]), max_size=14).map(" ".join),
    st.text(st.sampled_from("ab .,-!'\n&流、𠀀é0"), max_size=20),
)
filled = texts.filter(str.strip)
rows = st.lists(st.tuples(texts, st.lists(filled, min_size=1, max_size=3)), min_size=1, max_size=5)


def table(generated: Sequence[str], references: Sequence[Sequence[str]]) -> pa.Table:
    return pa.table({"prediction": pa.array(generated, pa.string()), "gold": [list(own) for own in references]})


def streams(references: Sequence[Sequence[str]]) -> list[list[str | None]]:
    """References as sacrebleu takes them, one list for each that there may be."""
    most = max(map(len, references))
    return [[own[i] if i < len(own) else None for own in references] for i in range(most)]


@pytest.mark.parametrize("name", SACREBLEU)
@given(rows)
@settings(max_examples=30, deadline=None)
@example([("", ["the cat"])])
@example([("the cat sat", ["the cat sat"])])
@example([(".5 of it .", [".5 of it."]), ("3.5-4 &amp;", ["3.5 - 4 &"])])
@example([("流。𠀀→“x”", ["流 。 𠀀 → x"])])
def test_scores_are_those_of_sacrebleu(name: str, rows: list[tuple[str, list[str]]]) -> None:
    generated, references = zip(*rows, strict=True)
    theirs = SACREBLEU[name].corpus_score(list(generated), streams(references)).score / 100
    assert score(METRICS[name], table(generated, references), ()) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("stemmer", [False, True])
@given(rows)
@settings(max_examples=40, deadline=None)
@example([("a cat\nthe cat sat", ["cat the\nsat a the cat"])])
def test_scores_are_those_of_rouge_score(stemmer: bool, rows: list[tuple[str, list[str]]]) -> None:
    scorer = RougeScorer(list(ROUGE.values()), use_stemmer=stemmer)
    found = [scorer.score_multi(references, generated) for generated, references in rows]
    ours = table(*zip(*rows, strict=True))
    for name, theirs in ROUGE.items():
        mean = np.mean([one[theirs].fmeasure for one in found])
        assert score(METRICS[name + "_stem" * stemmer], ours, ()) == pytest.approx(mean, abs=1e-9)


ENDINGS = "ies ied eed ed ing y ational tional alli bli logi fulli biliti ement ion e ll ness izer iviti icate s sses"


@given(st.text("abceilnostuyz0", max_size=6), st.sampled_from(ENDINGS.split()), st.sampled_from(["", *ENDINGS.split()]))
@settings(max_examples=500, deadline=None)
@example("d", "ies", "")
@example("sk", "ies", "")
@example("th", "e", "logi")
def test_stems_are_those_of_nltk(start: str, middle: str, end: str) -> None:
    word = start + middle + end
    assert stem(word) == PorterStemmer().stem(word)


@given(st.text("abc", max_size=12), st.text("abc", max_size=12))
def test_the_longest_common_subsequence_is_that_of_the_plain_table(first: str, second: str) -> None:
    row = [0] * (len(second) + 1)
    for a in first:
        above, row = row, [0]
        for j, b in enumerate(second):
            row.append(above[j] + 1 if a == b else max(above[j + 1], row[j]))
    assert common(first, second) == row[-1]


def test_a_moved_block_is_one_edit() -> None:
    """The example of Snover et al. 2006, section 3: a shift, two substitutions, an insertion."""
    reference = "SAUDI ARABIA denied THIS WEEK information published in the AMERICAN new york times"
    generated = "THIS WEEK THE SAUDIS denied information published in the new york times"
    assert edits(generated.split(), reference.split()) == 4
    assert edits("bca", "abc") == 1


def test_texts_longer_than_the_beam_are_searched_as_sacrebleu_does() -> None:
    rng = np.random.default_rng(0)
    generated, references = [], []
    for n in (28, 34):
        words = rng.choice([f"w{i}" for i in range(60)], n).tolist()
        moved = words[n // 2 :] + words[: n // 2] + ["more"] * (n // 3)
        generated.append(" ".join(moved))
        references.append([" ".join(words), " ".join(words[::-1])])
    theirs = TER().corpus_score(generated, streams(references)).score / 100
    assert score(METRICS["ter"], table(generated, references), ()) == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("so 3 * 4 = 12\n#### 12", "12"),
        ("#### 1,234.50 dollars", "1234.5"),
        ("It is -7.", "-7"),
        ("first 3, then 4", "4"),
        ("#### 5 #### none", None),
        ("no number", None),
    ],
)
def test_the_final_number_stands_after_the_mark_or_last(text: str, number: str | None) -> None:
    assert final_number(text) == (None if number is None else Decimal(number))


def test_answers_are_compared_without_articles_punctuation_and_case() -> None:
    assert normalised("The  Cat's, hat!") == "cats hat"
    ours = table(["The cat.", "a dog", "18.0"], [["cat"], ["wolf", "Dog"], ["#### 18"]])
    assert score(METRICS["exact_match"], ours, ()) == pytest.approx(2 / 3)
    assert score(METRICS["numeric_match"], ours, ()) == pytest.approx(1 / 3)
    row = quality(ours, ["exact_match"], ())[0]
    assert (row.interval, row.n) == ("wilson", 3)


def test_shares_of_several_references_take_the_best_one() -> None:
    ours = table(["the cat"], [["a dog", "the cat", "the cat sat"]])
    for name in ("rouge1", "rougel", "chrf", "chrf++", "exact_match"):
        assert score(METRICS[name], ours, ()) == pytest.approx(1.0)


def test_an_interval_of_bleu_comes_from_the_sums_of_resampled_items() -> None:
    rng = np.random.default_rng(1)
    references = [" ".join(rng.choice(list("abcdefghij"), 12)) for _ in range(60)]
    generated = [text if i % 3 else text[::-1] for i, text in enumerate(references)]
    row = quality(table(generated, [[text] for text in references]), ["bleu"], ())[0]
    assert row.low < row.value < row.high
    assert (row.interval, row.n) == ("bootstrap", 60)
    twice = [text for text in generated for _ in range(2)]
    doubled = table(twice, [[text] for text in references for _ in range(2)])
    doubled = doubled.append_column("document", pa.array([i // 2 for i in range(120)]))
    clustered = quality(doubled, ["bleu"], (), "document")[0]
    assert clustered.value == pytest.approx(row.value)
    assert (clustered.interval, clustered.n) == ("cluster-bootstrap", 120)
    assert (clustered.low, clustered.high) == pytest.approx((row.low, row.high), rel=0.03)


def lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.mark.data
def test_a_german_and_a_french_caption_score_as_sacrebleu_says(public_data: Path) -> None:
    german, french, english = (
        lines(public_data / f"multi30k/test_2016_flickr.{code}.gz")[:250] for code in ("de", "fr", "en")
    )
    for generated, references in ((english, german), (english, french), (german[1:], german[:-1])):
        ours = table(generated, [[text] for text in references])
        for name, theirs in SACREBLEU.items():
            expected = theirs.corpus_score(generated, [references]).score / 100
            assert score(METRICS[name], ours, ()) == pytest.approx(expected, abs=1e-9), name


@pytest.mark.data
def test_chinese_sentences_score_as_sacrebleu_says(public_data: Path) -> None:
    chinese = (public_data / "flores200/zho_Hans.devtest").read_text().splitlines()[:200]
    swapped = [text[len(text) // 3 :] + text[: len(text) // 3] for text in chinese]
    ours = table(swapped, [[text] for text in chinese])
    for name in ("bleu_zh", "bleu_char", "chrf", "chrf++"):
        expected = SACREBLEU[name].corpus_score(swapped, [chinese]).score / 100
        assert score(METRICS[name], ours, ()) == pytest.approx(expected, abs=1e-9), name


@pytest.mark.data
def test_the_stored_summaries_of_dialogsum_reach_the_published_rouge(public_data: Path) -> None:
    """The numbers of the data's own source; see docs/text-generation.md."""
    folder = public_data / "dialogsum"
    gold = [json.loads(line) for line in lines(folder / "dialogsum.test.jsonl.gz")]
    generated = (folder / "bart_large_baseline_test_output.txt").read_text().split("\n")
    ours = table(generated, [[row["summary1"]] for row in gold])
    published = {"": (43.85, 20.08, 37.24), "_stem": (45.91, 21.32, 38.71)}
    for suffix, expected in published.items():
        found = [100 * score(METRICS[name + suffix], ours, ()) for name in ("rouge1", "rouge2", "rougel")]
        assert found == pytest.approx(expected, abs=0.005)


@pytest.mark.data
def test_stems_of_real_words_are_those_of_nltk(public_data: Path) -> None:
    text = " ".join(lines(public_data / "dialogsum/dialogsum.test.jsonl.gz")).lower()
    words = set(re.findall("[a-z0-9]+", text))
    nltk = PorterStemmer()
    assert len(words) > 5000
    assert {word for word in words if stem(word) != nltk.stem(word)} == set()


@pytest.mark.data
def test_stored_solutions_of_gsm8k_are_as_right_as_their_authors_say(public_data: Path) -> None:
    rows = [json.loads(line) for line in lines(public_data / "gsm8k/example_model_solutions.jsonl.gz")]
    published = {"6b_finetuning": 21.7, "6b_verification": 39.0, "175b_finetuning": 34.7, "175b_verification": 56.3}
    for name, expected in published.items():
        ours = table([row[name]["solution"] for row in rows], [[row["ground_truth"]] for row in rows])
        found = METRICS["numeric_match"].statistics(ours, ())[:, 0, 0]
        assert 100 * found.mean() == pytest.approx(expected, abs=0.05)
        assert math.isclose(found.mean(), np.mean([row[name]["is_correct"] for row in rows]))
