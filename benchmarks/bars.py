"""The bars: every claim of speed, with its peer, as one list. The report and pytest-benchmark both read it."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import (
    boards,
    finetuning,
    generated,
    harness,
    inference,
    perturbations,
    probing,
    reading,
    roofline,
    scoring,
    statistics,
)
from benchmarks.pairs import Pair
from benchmarks.sizes import Size
from benchmarks.workloads import missing_data


@dataclass(frozen=True)
class Bar:
    """One claim: the peer's time is at least `at_least` times ours.

    Args:
        name: short, for the command line.
        target: `at_least` in words.
        build: makes both sides of the work in the size asked for.
        packages: modules of the peer -> what to install where one is missing.
        data: the public data sets it reads.
        rounds: fixed where a round is long, else as asked for.
        unit: of what is compared, where it is not a time.
    """

    name: str
    work: str
    peer: str
    at_least: float
    target: str
    build: Callable[[Size], Pair]
    packages: tuple[tuple[str, str], ...] = ()
    data: tuple[str, ...] = ("sst2",)
    rounds: int | None = None
    unit: str = "s"

    def missing(self) -> str | None:
        """Why it cannot run here, or None."""
        for module, package in self.packages:
            if importlib.util.find_spec(module) is None:
                return f"pip install {package}"
        return next((why for name in self.data if (why := missing_data(name))), None)


TRAINER = (("accelerate", "accelerate"),)
"""transformers' Trainer does not start without it."""

BARS = (
    Bar(
        "inference-dynamic",
        "MiniLM-L6 inference, SST-2 test",
        "transformers, dynamic padding, batch 32",
        2.2,
        "2.2x",
        inference.beside(inference.dynamic_padding),
    ),
    Bar(
        "inference-pipeline",
        "MiniLM-L6 inference, SST-2 test",
        'pipeline("text-classification")',
        2.3,
        "2.3x",
        inference.beside(inference.pipeline),
    ),
    Bar(
        "inference-sentence-transformers",
        "MiniLM-L6 inference, SST-2 test",
        "sentence-transformers encode, batch 32, sorted",
        1.3,
        "1.3x",
        inference.beside(inference.sentence_transformers),
        (("sentence_transformers", "sentence-transformers"),),
    ),
    Bar(
        "finetune-sst2",
        "MiniLM-L6 full fine-tune, SST-2, same batches",
        "Trainer, dynamic padding",
        2.2,
        "2.2x, equal accuracy",
        finetuning.full("sst2"),
        TRAINER,
    ),
    Bar(
        "finetune-sst2-bf16",
        "the same in bf16 on both sides, where the hardware has it",
        "Trainer(bf16=True), dynamic padding",
        2.2,
        "2.2x, equal accuracy",
        finetuning.full("sst2", "bf16"),
        TRAINER,
    ),
    Bar(
        "finetune-conll2003",
        "MiniLM-L6 full fine-tune, CoNLL-2003, same batches",
        "Trainer as in run_ner",
        2.2,
        "2.2x, equal entity F1",
        finetuning.full("conll2003"),
        TRAINER,
        ("conll2003",),
    ),
    Bar(
        "finetune-frozen",
        "MiniLM-L6 fine-tune, lower 4 of 6 layers frozen, 3 epochs",
        "Trainer, the same layers frozen",
        3.0,
        "3x",
        finetuning.frozen,
        TRAINER,
    ),
    Bar(
        "probe",
        "probe, 5 seeds x 3 settings, one cache",
        "one forward pass of the same rows",
        1 / 1.1,
        "one pass + 10 %",
        probing.build,
    ),
    Bar(
        "roofline-inference",
        "MiniLM-L6 inference, share of the roofline",
        "best GEMM of the run",
        0.7,
        "70 %",
        roofline.inference_share,
    ),
    Bar(
        "roofline-finetune",
        "MiniLM-L6 fine-tune, share of the roofline",
        "best GEMM of the run",
        0.5,
        "50 %",
        roofline.finetune_share,
    ),
    Bar(
        "perturbations",
        "all text perturbations, short sentences, one core",
        f"a budget of {perturbations.BUDGET:,} sentences a second",
        1.0,
        f"{perturbations.BUDGET:,} a second",
        perturbations.build,
        data=(),
    ),
    Bar(
        "harness",
        "nlp-core, share of the run inside the model",
        "the whole run",
        0.9,
        "90 % (harness under 10 %)",
        harness.build,
        data=(),
        rounds=1,
    ),
    Bar(
        "bootstrap",
        "entity F1 with interval, 10,000 sentences x 1,000 draws",
        "a limit of 0.2 s",
        1.0,
        "under 0.2 s",
        statistics.within_limit,
        data=(),
    ),
    Bar(
        "bootstrap-scipy",
        "the same",
        "scipy.stats.bootstrap, vectorised",
        1.0,
        "1x, with each type counted too",
        statistics.beside_scipy,
        data=(),
    ),
    Bar(
        "entity-f1",
        "entity F1 of five predictions of CoNLL-2003 test",
        "seqeval f1_score",
        20.0,
        "20x, the same number",
        scoring.beside_seqeval,
        (("seqeval", "seqeval"),),
        ("conll2003",),
    ),
    Bar(
        "entity-f1-interval",
        "entity F1 of CoNLL-2003 test with its interval, 1,000 draws",
        "a limit of 2 s",
        1.0,
        "under 2 s",
        scoring.within_limit,
        data=("conll2003",),
    ),
    *(
        Bar(
            name,
            f"{what} of 1,012 edited sentences of FLORES-200",
            f"sacrebleu {peer}",
            at_least,
            f"{at_least:g}x, the same number",
            generated.beside_sacrebleu(name),
            (("sacrebleu", "sacrebleu"),),
            ("flores200",),
        )
        for name, what, peer, at_least in (
            ("bleu", "BLEU", "BLEU()", 1.5),
            ("chrf", "chrF", "CHRF()", 2.0),
            ("chrf++", "chrF++", "CHRF(word_order=2)", 2.0),
            ("ter", "TER", "TER()", 4.0),
        )
    ),
    Bar(
        "rouge",
        "ROUGE-1, -2 and -L with stems of 500 summaries of DialogSum",
        "rouge-score",
        3.0,
        "3x, the same numbers",
        generated.beside_rouge_score,
        (("rouge_score", "rouge-score"),),
        ("dialogsum",),
    ),
    Bar(
        "reading",
        "peak memory of reading a JSONL file (2 GB; quick: 80 MB)",
        "the bar of 500 MB",
        1.0,
        "under 500 MB",
        reading.build,
        data=(),
        rounds=1,
        unit="GB",
    ),
    Bar(
        "board",
        "a leaderboard of 60 models x 40 tasks x 3 seeds, index.html at most 300 kB",
        f"a budget of {boards.SMALL_SECONDS:g} s",
        1.0,
        f"under {boards.SMALL_SECONDS:g} s",
        boards.small,
        data=(),
    ),
    Bar(
        "board-large",
        "a leaderboard of 1,000 models x 100 tasks x 3 seeds, under 2 GB",
        f"a budget of {boards.LARGE_SECONDS:g} s",
        1.0,
        f"under {boards.LARGE_SECONDS:g} s",
        boards.large,
        data=(),
        rounds=1,
    ),
)
