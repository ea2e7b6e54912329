"""Explanation: words that speak for the predicted class; whether that is true of the model, and plausible to people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
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
CONTROL, ERROR = "_control", "completeness_error"
"""Columns of the stored table: `METRIC_control` beside each `METRIC`, and the error of methods that have one."""
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
        tables = []
        for method in settings.methods:
            reason = refusal(method, evidence.predictor)
            if reason is not None:
                evidence.notes[f"explanation by {method}"] = reason
                continue
            found = METHODS[method](subject)
            scores = _scores(subject, found, marked) | {f"{name}{CONTROL}": control[name] for name in control}
            if method in subject.errors:
                scores[ERROR] = subject.errors[method]
            tables.append(_table(subject, method, found, marked, evidence.labels, scores))
        if not tables:
            return _of_control(control)
        evidence.tables[TABLE] = pa.concat_tables(tables, promote_options="default")
        return Explanation.judge_tables(evidence.tables)

    @staticmethod
    def judge_tables(tables: Mapping[str, pa.Table]) -> list[Measurement]:
        """The measurements that the stored explanations tell; none where they are of an older sort without scores."""
        table = tables.get(TABLE)
        if table is None or f"comprehensiveness{CONTROL}" not in table.column_names:
            return []
        by_method = [table.filter(pc.equal(table["method"], name)) for name in pc.unique(table["method"]).to_pylist()]
        names = [name for name in HIGHER if f"{name}{CONTROL}" in table.column_names]
        control = {name: _numbers(by_method[0], f"{name}{CONTROL}") for name in names}
        rows = _of_control(control)
        for one in by_method:
            method = one["method"][0].as_py()
            rows += _against(method, {name: _numbers(one, name) for name in names}, control)
            if ERROR in one.column_names and not one[ERROR].null_count:
                name, errors = "completeness_error_" + method.replace("-", "_"), _numbers(one, ERROR)
                interval = quantile(errors, 0.5)
                rows.append(measured(name, float(np.median(errors)), interval, len(errors), higher_is_better=False))
        return rows


def _of_control(control: Scores) -> list[Measurement]:
    return [_mean(f"{name}_control", control[name], HIGHER[name]) for name in control]


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].to_numpy(), dtype=np.float64)


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
    subject: Subject,
    method: str,
    found: Attributions,
    marked: Sequence[Any],
    labels: Sequence[str],
    scores: Scores,
) -> pa.Table:
    """example_id, method, label (explained class), probability, tokens, attributions, evidence (null without any), and
    a column for each of `scores`, from which `judge_tables` finds every measurement again."""
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
            **{name: pa.array(values.astype(np.float64)) for name, values in scores.items()},
        }
    )
