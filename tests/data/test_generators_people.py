"""Generated tasks about people: their ceilings are true, nothing passes them, and their knobs turn what they say."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fmbench import catalog
from fmbench.data.dataset import Dataset, load_dataset
from fmbench.data.generator import Generated
from fmbench.data.generators import card_fraud, credit_drift, knowledge_tracing, readmission, yes_no
from fmbench.data.rows import SPLITS
from fmbench.registry import GENERATORS
from fmbench.suite.loader import load_task
from fmbench.tasks.tables import serialised

YES_NO = {"readmission": "readmitted", "card-fraud": "stolen", "credit-drift": "default", "knowledge-tracing": "right"}
"""Generator -> the label that is yes."""
SMALL = {"train": 60, "validation": 20, "test": 60}
FINGERPRINTS = {
    "readmission": "57cf5f21ad1abaee206205a24399b3517d2ddd98d88bc3b63c6fa518d07a3ec5",
    "card-fraud": "7d63113e88d00c1565f1d3ea910c7c293da2912e438ba833ac2088f1d2c30bf5",
    "credit-drift": "155085b4ae3a686d0aa1d715116ac626a263e70697edd2a9866f77857557ee73",
    "knowledge-tracing": "e71530ca8075822217a192a433897316a27b5571f71416dab8c34e81ba150ea7",
    "preference-logs": "549d6b0aeb80205918d61b9ba329bf4d02a0416e40107a97e60aaa474e7076e2",
}


@cache
def made(name: str, **settings: Any) -> Generated:
    owner = GENERATORS[name]
    found: Generated = owner.generate(owner.Settings(**settings))
    return found


def texts_of(made: Generated, split: str = "test") -> list[str]:
    """What a text model reads of the rows."""
    columns = made.splits[split]
    return list(columns["text"]) if "text" in columns else [serialised(row) for row in columns["features"]]


def truth(name: str, made: Generated, split: str = "test") -> np.ndarray:
    """The true probabilities at default settings, from what a model reads alone."""
    texts = made.splits[split]["features" if name == "credit-drift" else "text"]
    if name == "readmission":
        return readmission.probability(texts)
    owner = {"card-fraud": card_fraud, "credit-drift": credit_drift, "knowledge-tracing": knowledge_tracing}[name]
    probabilities: np.ndarray = owner.probability(texts, GENERATORS[name].Settings())  # type: ignore[attr-defined]
    return probabilities


def gold(name: str, made: Generated, split: str = "test") -> np.ndarray:
    return np.array(made.splits[split]["label"]) == YES_NO[name]


@pytest.mark.parametrize("name", FINGERPRINTS)
class TestEvery:
    def test_the_same_settings_give_the_same_rows_everywhere(self, name: str, load: Callable[..., Dataset]) -> None:
        settings = {"users": 30} if name == "preference-logs" else SMALL
        kind = load_task(catalog.files("tasks")[name]).spec.kind
        data = load({"generator": name, "settings": settings}, kind=kind)
        assert data.fingerprint == FINGERPRINTS[name], "raise the generator's version if its rows change"
        assert load({"generator": name, "settings": {**settings, "seed": 1}}, kind=kind).fingerprint != data.fingerprint
        assert f"generator: {name} version {GENERATORS[name].version}" == data.source

    def test_the_task_states_the_ceiling_of_each_of_its_metrics(self, name: str) -> None:
        task = load_task(catalog.files("tasks")[name])
        assert task.spec.metrics is not None
        assert set(task.spec.metrics) <= set(load_dataset(task).ceiling)


@pytest.mark.parametrize("name", YES_NO)
class TestYesNo:
    def test_the_oracle_reaches_the_ceiling_that_the_texts_allow(self, name: str) -> None:
        generated = made(name)
        p, yes = truth(name, generated), gold(name, generated)
        assert generated.ceiling == yes_no.ceiling(p)
        error = np.sqrt((p * (1 - p)).mean() / len(p))
        right = yes_no.oracle_choice(p, "accuracy") == yes
        assert abs(right.mean() - generated.ceiling["accuracy"]) < 3 * error
        areas = {"auroc": roc_auc_score(yes, p), "average_precision": average_precision_score(yes, p)}
        assert all(abs(area - generated.ceiling[metric]) < 5 * error for metric, area in areas.items())
        f1 = f1_score(yes, yes_no.oracle_choice(p, "macro_f1"), average="macro")
        assert abs(f1 - generated.ceiling["macro_f1"]) < 4 * error

    def test_the_true_probabilities_are_true(self, name: str) -> None:
        generated = made(name, train=20, validation=10, test=5000, seed=5)
        p, yes = truth(name, generated), gold(name, generated)
        for bin_ in np.array_split(np.argsort(p), 10):
            error = np.sqrt((p[bin_] * (1 - p[bin_])).sum()) / len(bin_)
            assert abs(yes[bin_].mean() - p[bin_].mean()) < 4 * error + 1e-3

    def test_nothing_else_in_a_row_tells_of_the_label(self, name: str) -> None:
        """Order of the rows, length and words add nothing to the true probability, and help nobody past the ceiling."""
        generated = made(name, train=4000, validation=10, test=3000, seed=3)
        parts = []
        words = CountVectorizer(token_pattern=r"[^\s:;]+", min_df=5)
        for split in ("train", "test"):
            texts = texts_of(generated, split)
            p = np.clip(truth(name, generated, split), 1e-6, 1 - 1e-6)
            yes, index = gold(name, generated, split), np.arange(len(p)) / len(p)
            lengths = np.array([len(text) for text in texts])
            miss = (yes - p) / np.sqrt(p * (1 - p))
            for clue in (index, lengths, np.roll(yes, 1), np.roll(p, 1)):
                assert abs(np.corrcoef(miss, clue)[0, 1]) < 4 / np.sqrt(len(p))
            counts = (words.fit_transform(texts) if split == "train" else words.transform(texts)).toarray()
            parts.append((np.column_stack([np.log(p / (1 - p)), index, np.log(lengths), counts]), yes))
        learner = make_pipeline(StandardScaler(), LogisticRegression(max_iter=3000, C=0.1)).fit(*parts[0])
        spread = 3 * np.sqrt((p * (1 - p)).mean() / len(p))
        assert learner.score(*parts[1]) < generated.ceiling["accuracy"] + spread

    def test_a_simple_learner_is_between_chance_and_ceiling(self, name: str) -> None:
        generated = made(name)
        train, test = generated.splits["train"], generated.splits["test"]
        texts = TfidfVectorizer(token_pattern=r"[^\s:;]+", ngram_range=(1, 2), sublinear_tf=True)
        learner = make_pipeline(texts, LogisticRegression(C=10, max_iter=2000, class_weight="balanced"))
        said = learner.fit(texts_of(generated, "train"), train["label"]).predict(texts_of(generated))
        scores = {label: f1_score(test["label"], [label] * len(said), average="macro") for label in set(train["label"])}
        score = f1_score(test["label"], said, average="macro")
        assert max(scores.values()) + 0.03 < score < generated.ceiling["macro_f1"] - 0.03

    def test_no_text_is_in_two_splits(self, name: str) -> None:
        texts = [text for split in SPLITS for text in texts_of(made(name), split)]
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize(
    ("name", "easy", "hard"),
    [
        ("readmission", {"strength": 3.0}, {"strength": 0.7}),
        ("card-fraud", {"mimicry": 0.1}, {"mimicry": 0.6}),
        ("card-fraud", {"lookalikes": 0.0}, {"lookalikes": 0.2}),
        ("card-fraud", {"journeys": 0.0, "payments": 12}, {"journeys": 0.9, "payments": 12}),
        ("credit-drift", {"strength": 3.0}, {"strength": 0.7}),
        ("knowledge-tracing", {"guess": 0.05}, {"guess": 0.4}),
        ("knowledge-tracing", {"slip": 0.02}, {"slip": 0.2}),
        ("preference-logs", {"strength": 2.0}, {"strength": 0.8}),
        ("preference-logs", {"change": 0.0}, {"change": 0.3}),
    ],
)
def test_difficulty_lowers_the_ceiling(name: str, easy: dict[str, Any], hard: dict[str, Any]) -> None:
    low, high = made(name, **hard).ceiling, made(name, **easy).ceiling
    assert all(low[metric] < high[metric] - 0.005 for metric in low)


def test_the_ceiling_of_macro_f1_is_what_can_be_expected_and_is_the_best_threshold() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.6, 1.4, size=600)
    labels = rng.random((400, len(p))) < p
    by_k = yes_no.macro_f1_of_top(p)
    order = np.argsort(-p)
    for k in (0, 40, int(by_k.argmax()), 500, 600):
        said = np.zeros(len(p), dtype=bool)
        said[order[:k]] = True
        sides = [2 * (labels & said).sum(axis=1), 2 * (~labels & ~said).sum(axis=1)]
        sums = [labels.sum(axis=1) + said.sum(), (~labels).sum(axis=1) + (~said).sum()]
        drawn = np.mean([hits / total for hits, total in zip(sides, sums, strict=True)])
        assert drawn == pytest.approx(by_k[k], abs=0.004)
    stated = yes_no.ceiling(p)
    for metric, area in (("auroc", roc_auc_score), ("average_precision", average_precision_score)):
        assert np.mean([area(one, p) for one in labels[:100]]) == pytest.approx(stated[metric], abs=0.006)
    assert by_k.max() == pytest.approx(yes_no.ceiling(p)["macro_f1"], abs=1e-6)
    assert yes_no.oracle_choice(p, "macro_f1").sum() == by_k.argmax()


def test_clutter_hides_the_risks_of_a_readmission_from_a_learner_only() -> None:
    scores = []
    for clutter in (0, 40):
        generated = made("readmission", clutter=clutter)
        train, test = generated.splits["train"], generated.splits["test"]
        learner = make_pipeline(TfidfVectorizer(token_pattern=r"\S+"), LogisticRegression(max_iter=2000))
        scores.append(learner.fit(train["text"], train["label"]).score(test["text"], test["label"]))
        assert generated.ceiling["accuracy"] == pytest.approx(0.85, abs=0.02)
    assert scores[1] < scores[0] - 0.02


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("warfarin ibuprofen", "ibuprofen warfarin"),
        ("warfarin ibuprofen warfarin stopped", "warfarin warfarin stopped ibuprofen"),
        ("diuretic heart failure", "heart failure diuretic"),
        ("ace inhibitor egfr low", "egfr low ace inhibitor"),
        ("crp low crp high", "crp high crp low"),
        ("quiet months emergency visit", "emergency visit quiet months"),
        ("diabetes steroid", "diabetes statin"),
        ("with family no plan", "with family followup planned"),
    ],
)
def test_what_raises_the_risk_of_a_readmission_is_order_and_company(first: str, second: str) -> None:
    high, low = readmission.probability([first, second])
    assert high > low * 1.5


def test_events_of_a_stay_are_read_back_as_they_were_written() -> None:
    generated = made("readmission")
    for text in generated.splits["test"]["text"]:
        assert " ".join(readmission.events_of(text)) == text
    every = ["warfarin", "warfarin stopped", "warfarin", "egfr low", "kidney disease", "echo", "with family"]
    assert readmission.events_of(" ".join(every)) == every


def test_fraud_is_as_likely_as_summing_over_all_that_is_not_seen_says() -> None:
    settings = card_fraud.CardFraud.Settings(train=20, validation=10, test=20, payments=8)
    texts = card_fraud.CardFraud.generate(settings).splits["test"]["text"]
    emissions = card_fraud._emissions(settings)
    for text, found in zip(texts, card_fraud.probability(texts, settings), strict=True):
        payments = card_fraud._numbers(text)
        stolen = own = 0.0
        runs = [(start, run) for run in card_fraud.LENGTHS for start in range(8 - run + 1)]
        for owner, (start, run) in itertools.product(range(4), runs):
            chance = 1 / 4 / len(card_fraud.LENGTHS) / (8 - run + 1)
            theft, trip = [0] * 8, [0] * 8
            theft[start : start + run], trip[start : start + run] = [1, *[2] * (run - 1)], [3] * run
            usual, theft_, trip_ = (
                np.prod([emissions[state, owner, one] for state, one in zip(states, payments, strict=True)])
                for states in ([0] * 8, theft, trip)
            )
            stolen += settings.fraud * chance * theft_
            own += (1 - settings.fraud) * chance * ((1 - settings.journeys) * usual + settings.journeys * trip_)
        assert found == pytest.approx(stolen / (stolen + own), abs=1e-8)


def test_the_next_answer_is_as_likely_as_summing_over_all_paths_of_knowledge_says() -> None:
    settings = knowledge_tracing.KnowledgeTracing.Settings(forget=0.1, exercises=4)
    text = "fractions hard right angles easy wrong fractions easy right angles easy right next fractions hard"
    chances = {"easy": (settings.guess, 1 - settings.slip), "hard": (settings.guess / 2, 1 - 2 * settings.slip)}
    said = [*text.replace("next ", "").split(), "right"]
    events = [said[i : i + 3] for i in range(0, len(said), 3)]

    def path(student: knowledge_tracing.Student, known: dict[str, tuple[int, ...]], until: int) -> float:
        """The probability that knowledge goes this way, and that the answers before `until` come out as they did."""
        chance = 1.0
        for skill, states in known.items():
            chance *= student.knows if states[0] else 1 - student.knows
            for t, (now, then) in enumerate(itertools.pairwise(states)):
                learned = now + (1 - now) * student.learns * (events[t][0] == skill)
                stays = learned * (1 - settings.forget)
                chance *= stays if then else 1 - stays
        for t, (skill, hardness, answer) in enumerate(events[:until]):
            right = chances[hardness][known[skill][t]]
            chance *= right if answer == "right" else 1 - right
        return chance

    ways = list(itertools.product(itertools.product((0, 1), repeat=5), repeat=2))
    totals = [
        sum(
            path(student, dict(zip(("fractions", "angles"), way, strict=True)), until) / 2
            for student in knowledge_tracing.STUDENTS
            for way in ways
        )
        for until in (5, 4)
    ]
    assert knowledge_tracing.probability([text], settings)[0] == pytest.approx(totals[0] / totals[1], abs=1e-8)


def test_drift_of_the_concept_is_what_a_learner_of_early_rows_cannot_follow() -> None:
    gaps = {}
    for covariate, concept in itertools.product((0.0, 1.0), (0.0, 0.5, 1.0)):
        generated = made("credit-drift", covariate_drift=covariate, concept_drift=concept)
        train, test = generated.splits["train"], generated.splits["test"]
        learner = make_pipeline(DictVectorizer(sparse=False), StandardScaler(), LogisticRegression(max_iter=2000))
        score = learner.fit(train["features"], train["label"]).score(test["features"], test["label"])
        gaps[covariate, concept] = generated.ceiling["accuracy"] - score
        assert max(train["quarter"]) < min(generated.splits["validation"]["quarter"])
        assert max(generated.splits["validation"]["quarter"]) < min(test["quarter"])
        web = [np.mean([row["channel"] == "web" for row in rows["features"]]) for rows in (train, test)]
        assert (web[1] > web[0] + 0.2) == (covariate == 1.0)
    for covariate in (0.0, 1.0):
        assert gaps[covariate, 0.0] < 0.04
        assert gaps[covariate, 0.0] + 0.02 < gaps[covariate, 0.5] < gaps[covariate, 1.0] - 0.02
