"""Scores of generated texts beside sacrebleu and rouge-score, from texts to the number, nothing remembered.

BLEU, chrF and TER: the 1,012 English sentences of FLORES-200 devtest with some words dropped, doubled, swapped and
moved. ROUGE: the summaries that DialogSum's authors publish of 500 dialogues, beside the first reference. Both sides
forget the tokens and stems of the round before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.pairs import Pair, Side
from benchmarks.sizes import Size
from fmbench.data.opening import text
from fmbench.measure.quality import score
from fmbench.measure.texts.porter import stem
from fmbench.registry import METRICS

ROUGES = {"rouge1_stem": "rouge1", "rouge2_stem": "rouge2", "rougel_stem": "rougeL"}
EDITS = 3


def _data(name: str) -> Path:
    return Path(os.environ["FMBENCH_DATA"], name)


@cache
def sentences() -> pa.Table:
    """English sentences, and what a few random edits make of each."""
    rng = np.random.default_rng(0)
    gold = text(_data("flores200/eng_Latn.devtest"), "utf-8").splitlines()
    found = []
    for line in gold:
        words = line.split()
        for edit in rng.integers(0, 4, EDITS).tolist():
            at, to = rng.integers(0, len(words), 2).tolist()
            if edit == 0:
                del words[at]
            elif edit == 1:
                words.insert(at, words[to])
            elif edit == 2:
                words[at], words[to] = words[to], words[at]
            else:
                block = words[at : at + 3]
                del words[at : at + 3]
                words[to:to] = block
        found.append(" ".join(words))
    return pa.table({"prediction": found, "gold": [[line] for line in gold]})


@cache
def summaries() -> pa.Table:
    """Published summaries of 500 dialogues and the first reference of each."""
    rows = [json.loads(line) for line in text(_data("dialogsum/dialogsum.test.jsonl.gz"), "utf-8").splitlines()]
    found = text(_data("dialogsum/bart_large_baseline_test_output.txt"), "utf-8").split("\n")
    return pa.table({"prediction": found, "gold": [[row["summary1"]] for row in rows]})


def ours(names: list[str], table: pa.Table) -> list[float]:
    """Our scores of a table."""
    return [score(METRICS[name], table, ()) for name in names]


def sacrebleus(metric: Any, table: pa.Table) -> float:
    """The same by sacrebleu, as a share."""
    references = [own[0] for own in table["gold"].to_pylist()]
    return float(metric.corpus_score(table["prediction"].to_pylist(), [references]).score) / 100


def rouge_scores(table: pa.Table) -> list[float]:
    """Means of ROUGE-1, -2 and -L with stems by rouge-score."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(list(ROUGES.values()), use_stemmer=True)
    pairs = zip(table["prediction"].to_pylist(), table["gold"].to_pylist(), strict=True)
    found = [scorer.score(own[0], generated) for generated, own in pairs]
    return [float(np.mean([one[name].fmeasure for one in found])) for name in ROUGES.values()]


@contextmanager
def _forgetting() -> Iterator[None]:
    """Tokens and stems that were remembered are forgotten on both sides."""
    from sacrebleu.tokenizers import tokenizer_13a, tokenizer_re, tokenizer_ter

    stem.cache_clear()
    for owner in (tokenizer_13a.Tokenizer13a, tokenizer_re.TokenizerRegexp, tokenizer_ter.TercomTokenizer):
        owner.__call__.cache_clear()
    yield


def beside_sacrebleu(name: str) -> Callable[[Size], Pair]:
    """One of bleu, chrf, chrf++ and ter."""

    def build(size: Size) -> Pair:
        from sacrebleu.metrics import BLEU, CHRF, TER

        make = {"bleu": BLEU, "chrf": CHRF, "chrf++": lambda: CHRF(word_order=2), "ter": TER}[name]
        table = sentences()
        return Pair(
            Side(lambda _: ours([name], table), _forgetting), Side(lambda _: sacrebleus(make(), table), _forgetting)
        )

    return build


def beside_rouge_score(size: Size) -> Pair:
    """ROUGE-1, -2 and -L with stems."""
    table = summaries()
    return Pair(
        Side(lambda _: ours(list(ROUGES), table), _forgetting), Side(lambda _: rouge_scores(table), _forgetting)
    )
