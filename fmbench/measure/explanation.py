"""Explanation: words that speak for the predicted class; whether that is true of the model, and plausible to people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import Field, field_validator

from fmbench.errors import nearest
from fmbench.measure.attributions import METHODS, Attributions, Memory, Subject, random, refusal, words_of
from fmbench.measure.evidence import Evidence
from fmbench.measure.faithfulness import evidence_words, faithfulness, plausibility
from fmbench.measure.measurement import Measurement, measured
from fmbench.stats.intervals import mean_t, quantile
from fmbench.stats.paired import paired_mean
from fmbench.suite.schema import Spec

TABLE = "explanations"
PLAUSIBLE = ("plausibility_auprc", "plausibility_f1", "plausibility_iou")
HIGHER = {"comprehensiveness": True, "sufficiency": False, **dict.fromkeys(PLAUSIBLE, True)}
Scores = dict[str, np.ndarray]
"""Metric -> one number an example; NaN where an example has none."""


class Explanation:
    """Attributions by word of test examples, each method against random orders of the same words.

    Comprehensiveness and sufficiency of different models cannot be compared (Edin et al. 2024, arXiv 2408.08137), so
    each comes with its gain over the random control on the same examples. Attributions are stored beside the
    predictions. docs/explanation.md defines every number.
    """

    version = 1

    class Settings(Spec):
        methods: list[str] = Field(
            default=["occlusion", "gradient-x-input"], min_length=1, description=f"of {', '.join(METHODS)}"
        )
        examples: int = Field(default=200, ge=2, description="test examples; those with evidence words come first")
        random_orders: int = Field(default=3, ge=1, description="random orders of the words of each example")

        @field_validator("methods")
        @classmethod
        def _known(cls, names: list[str]) -> list[str]:
            for name in names:
                if name not in METHODS:
                    hint = nearest(name, METHODS)
                    known = f"did you mean {hint!r}?" if hint else f"known: {', '.join(METHODS)}"
                    raise ValueError(f"unknown method {name!r}; {known}")
            return names

    @staticmethod
    def measure(evidence: Evidence, settings: Explanation.Settings) -> list[Measurement]:
        """Classes of single texts only; for anything else the reason is in the notes."""
        kind = evidence.kind
        if kind is None or kind.target != "class" or not all(isinstance(text, str) for text in evidence.inputs):
            evidence.notes["explanation"] = "explains classes of single texts"
            return []
        subject = _subject(evidence, settings.examples)
        if len(subject.texts) < 2:
            evidence.notes["explanation"] = "fewer than two texts with two words or more"
            return []
        pairs = zip(subject.ids, subject.words, strict=True)
        marked = [_marked(evidence, example_id, words) for example_id, words in pairs]
        orders = [random(subject, seed=100 + i) for i in range(settings.random_orders)]
        controls = [_scores(subject, order, marked) for order in orders]
        control = {name: np.mean([one[name] for one in controls], axis=0) for name in controls[0]}
        rows = [_mean(f"{name}_control", control[name], HIGHER[name]) for name in control]
        tables = []
        for method in settings.methods:
            reason = refusal(method, evidence.predictor)
            if reason is not None:
                evidence.notes[f"explanation by {method}"] = reason
                continue
            found = METHODS[method](subject)
            rows += _against(method, _scores(subject, found, marked), control)
            if method in subject.errors:
                name = "completeness_error_" + method.replace("-", "_")
                errors = subject.errors[method]
                interval = quantile(errors, 0.5)
                rows.append(measured(name, float(np.median(errors)), interval, len(errors), higher_is_better=False))
            tables.append(_table(subject, method, found, marked, evidence.labels))
        if tables:
            evidence.tables[TABLE] = pa.concat_tables(tables)
        return rows


def _subject(evidence: Evidence, most: int) -> Subject:
    """The texts that are explained: those with evidence words first, the others in a random order, always the same."""
    ids = evidence.test["id"].to_pylist()
    order = np.random.default_rng(0).permutation(len(ids)).tolist()
    order.sort(key=lambda i: ids[i] not in evidence.rationales)
    words = {i: words_of(evidence.inputs[i]) for i in order}
    chosen = sorted([i for i in order if len(words[i]) >= 2][:most])
    texts = [evidence.inputs[i] for i in chosen]
    ask = Memory(evidence.predictor)
    classes = ask(texts).argmax(axis=1) if texts else np.zeros(0, dtype=np.int64)
    return Subject(
        [ids[i] for i in chosen], texts, [words[i] for i in chosen], classes, ask, evidence.predictor, evidence.device
    )


def _marked(evidence: Evidence, example_id: str, words: Sequence[tuple[int, int]]) -> np.ndarray | None:
    spans = evidence.rationales.get(example_id)
    found = None if not spans else evidence_words(words, spans)
    return None if found is None or not found.any() else found


def _scores(subject: Subject, found: Attributions, marked: Sequence[np.ndarray | None]) -> Scores:
    comprehensive, sufficient = faithfulness(subject, found)
    scores = {"comprehensiveness": comprehensive, "sufficiency": sufficient}
    if any(one is not None for one in marked):
        nothing = (np.nan,) * len(PLAUSIBLE)
        rows = [nothing if m is None else plausibility(one, m) for one, m in zip(found, marked, strict=True)]
        scores |= dict(zip(PLAUSIBLE, np.array(rows).T, strict=True))
    return scores


def _against(method: str, scores: Scores, control: Scores) -> list[Measurement]:
    """The means of a method, and by how much each is better than the control on the same examples."""
    suffix = method.replace("-", "_")
    rows = []
    for name, values in scores.items():
        rows.append(_mean(f"{name}_{suffix}", values, HIGHER[name]))
        there = ~np.isnan(values)
        a, b = (values[there], control[name][there]) if HIGHER[name] else (control[name][there], values[there])
        gain = paired_mean(a, b)
        rows.append(
            measured(f"{name}_gain_{suffix}", gain.difference, gain.interval, int(there.sum()), higher_is_better=True)
        )
    return rows


def _mean(name: str, values: np.ndarray, higher_is_better: bool) -> Measurement:
    there = values[~np.isnan(values)]
    return measured(name, float(there.mean()), mean_t(there), len(there), higher_is_better=higher_is_better)


def _table(
    subject: Subject, method: str, found: Attributions, marked: Sequence[Any], labels: Sequence[str]
) -> pa.Table:
    """example_id, method, label (explained class), probability, tokens, attributions, evidence (null without any)."""
    pairs = zip(subject.texts, subject.words, strict=True)
    probabilities = subject.ask(subject.texts)[np.arange(len(subject.texts)), subject.classes]
    return pa.table(
        {
            "example_id": pa.array(subject.ids, pa.string()),
            "method": pa.array([method] * len(subject.ids), pa.string()),
            "label": pa.array([labels[c] for c in subject.classes], pa.string()),
            "probability": pa.array(probabilities, pa.float32()),
            "tokens": pa.array([[text[a:b] for a, b in words] for text, words in pairs], pa.list_(pa.string())),
            "attributions": pa.array([one.astype(np.float32) for one in found], pa.list_(pa.float32())),
            "evidence": pa.array([None if m is None else m.tolist() for m in marked], pa.list_(pa.bool_())),
        }
    )
