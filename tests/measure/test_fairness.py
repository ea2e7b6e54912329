"""Fairness: groups and swaps of which the right numbers are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from fmbench.errors import InputError
from fmbench.measure.fairness import Fairness
from fmbench.measure.groups import equalised_odds_gap, group_measurements, groups_of
from fmbench.measure.measurement import Measurement
from fmbench.measure.scene import Scene, Stored
from fmbench.registry import KINDS, METRICS
from fmbench.tasks.kind import predictions_table

LABELS = ("bad", "good")
KIND = KINDS["text-classification"]


class By:
    """Says "good" with probability 0.9 where `rule` holds for a text, else 0.2; remembers what it has read."""

    def __init__(self, rule: Any) -> None:
        self.rule, self.read = rule, []

    def predict(self, inputs: Sequence[str]) -> np.ndarray:
        self.read += list(inputs)
        good = np.array([0.9 if self.rule(text) else 0.2 for text in inputs])
        return np.stack([1 - good, good], axis=1)


@dataclass
class Case:
    """A fitted cell, and its predictions as they are stored."""

    scene: Scene
    stored: Stored

    @property
    def notes(self) -> dict[str, str]:
        return self.scene.notes


def case_of(kind: Any, test: pa.Table, inputs: list[Any], labels: tuple[str, ...], model: Any, **spec: Any) -> Case:
    scene = Scene(kind, model.predict, model.predict, list, test, test, test, inputs, None, labels, None, "en")
    predictions = predictions_table(kind, test, model.predict(inputs), labels)
    return Case(scene, Stored(predictions, (kind.metrics[0],), labels, kind.name, **spec))


def case(texts: list[str], rule: Any, gold: list[str], **columns: list[str]) -> tuple[Case, By]:
    test = pa.table({"id": [str(i) for i in range(len(texts))], "text": texts, "label": gold, **columns})
    slices = tuple(name for name in columns if name != "author")
    model = By(rule)
    found = case_of(
        KIND, test, texts, LABELS, model, slices=slices, cluster_key="author" if "author" in columns else None
    )
    model.read.clear()
    return found, model


def measured(found: Case, **settings: Any) -> dict[tuple[str, str | None, str | None], Measurement]:
    chosen = Fairness.Settings(**settings)
    table = Fairness.collect(found.scene, chosen, found.stored.predictions)
    judged = Fairness.judge(replace(found.stored, predictions=table), chosen)
    found.notes.update(Fairness.missing(replace(found.stored, predictions=table), chosen))
    by_name = {(row.metric, row.slice, row.perturbation): row for row in judged.measurements}
    assert len(by_name) == len(judged.measurements)
    return by_name


def grouped(right: dict[str, tuple[int, int]]) -> Case:
    """Groups with so many of so many right; gold is always "good"."""
    rows = [(f"{'yes' if i < k else 'no'} {g} {i}", g) for g, (k, n) in right.items() for i in range(n)]
    texts, group = [text for text, _ in rows], [g for _, g in rows]
    return case(texts, lambda text: text.startswith("yes"), ["good"] * len(rows), group=group)[0]


def test_scores_of_groups_and_the_worst_and_the_gap() -> None:
    found = measured(grouped({"a": (90, 100), "b": (54, 90), "c": (10, 49)}))
    scores = {name: found[("group_accuracy", f"group={name}", None)] for name in "abc"}
    assert [(row.value, row.n) for row in scores.values()] == [(0.9, 100), (0.6, 90), (pytest.approx(10 / 49), 49)]
    assert [row.interval for row in scores.values()] == ["wilson", "wilson", "wilson; under 50, not ranked"]
    worst, gap = found[("worst_group_accuracy", "group", None)], found[("gap_accuracy", "group", None)]
    assert (worst.value, worst.n) == (0.6, 190), "the group of 49 has the lowest score, and is not ranked"
    assert gap.value == pytest.approx(0.3)
    assert 0 < gap.low < 0.3 < gap.high < 0.5
    chance = found[("gap_by_chance_accuracy", "group", None)]
    assert 0 < chance.value < chance.high < gap.value
    assert gap.higher_is_better is False and worst.higher_is_better is True
    lower = measured(grouped({"a": (90, 100), "b": (54, 90), "c": (10, 49)}), smallest_group=49)
    assert lower[("worst_group_accuracy", "group", None)].value == pytest.approx(10 / 49)


def test_the_gap_of_equal_groups_can_be_zero() -> None:
    gap = measured(grouped({"a": (80, 100), "b": (41, 50), "c": (75, 90)}))[("gap_accuracy", "group", None)]
    assert gap.low == 0 < gap.value < gap.high


def test_one_large_group_is_shown_and_has_no_gap() -> None:
    found = grouped({"a": (80, 100), "b": (41, 49)})
    rows = measured(found)
    assert not [name for name, *_ in rows if name.startswith(("gap", "worst", "equalised"))]
    assert "needs two groups of 50" in found.notes["gap_accuracy of group"]


def test_equalised_odds_of_two_classes_is_the_larger_gap() -> None:
    """Group a: TPR 0.8, FPR 0.3; group b: TPR 0.6, FPR 0.2. As fairlearn has it: max(0.2, 0.1)."""
    cells = {("a", "good"): (80, 100), ("a", "bad"): (30, 100), ("b", "good"): (60, 100), ("b", "bad"): (20, 100)}
    rows = [(g, gold, "good" if i < k else "bad") for (g, gold), (k, n) in cells.items() for i in range(n)]
    gold, prediction = [row[1] for row in rows], [row[2] for row in rows]
    predictions = pa.table({"gold": gold, "prediction": prediction, "group": [row[0] for row in rows]})
    counts = METRICS["accuracy"].counts(predictions, LABELS).array
    value, interval = equalised_odds_gap(counts, groups_of(predictions, "group"), None)
    assert value == pytest.approx(0.2)
    assert 0 < interval.low < 0.2 < interval.high
    (row,) = [
        row for row in group_measurements(predictions, METRICS["accuracy"], LABELS, "group")
        if row.metric == "equalised_odds_gap"
    ]  # fmt: skip
    assert (row.value, row.low, row.slice) == (pytest.approx(0.2), interval.low, "group")


def test_clusters_are_drawn_whole() -> None:
    texts = [f"{'yes' if (i // 20) % 2 else 'no'} {i}" for i in range(400)]
    columns = {"group": ["a" if i < 200 else "b" for i in range(400)]}
    authors = [str(i // 20) for i in range(400)]
    gold, rule = ["good"] * 400, lambda text: text.startswith("yes")
    key = ("gap_accuracy", "group", None)
    apart = measured(case(texts, rule, gold, **columns)[0])[key]
    together = measured(case(texts, rule, gold, **columns, author=authors)[0])[key]
    assert together.value == apart.value == 0
    assert together.high > 2 * apart.high


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="no column 'age'"):
        measured(grouped({"a": (80, 100)}), slices=["age"])


def test_swaps_count_what_changes_and_only_that() -> None:
    texts = ["he likes it", "she likes it", "they like it", "his film", "no one here", "her film"]
    found, model = case(texts, lambda text: "he" in text.split(), ["good"] * 6)
    rows = measured(found, swaps=["gender-swap"])
    flip = rows[("counterfactual_flip_rate", None, "gender-swap")]
    assert (flip.value, flip.n, flip.severity, flip.interval) == (0.5, 4, 5, "wilson")
    assert sorted(model.read) == ["he likes it", "her film", "his film", "she likes it"], "the unchanged are not run"
    changed = rows[("counterfactual_changed", None, "gender-swap")]
    assert (changed.value, changed.n) == (pytest.approx(4 / 6), 6)
    assert rows[("counterfactual_shift", None, "gender-swap")].value == pytest.approx(0.35)
    drop = rows[("counterfactual_drop_accuracy", None, "gender-swap")]
    assert drop.value == 0, "one is now right and one wrong: the flips that a mean hides"
    assert drop.low < 0 < drop.high


def test_a_model_that_reads_no_gender_never_flips() -> None:
    found, _ = case(["he likes it", "she hates it"] * 30, lambda text: "likes" in text, ["good"] * 60)
    rows = measured(found, swaps=["gender-swap"])
    flip = rows[("counterfactual_flip_rate", None, "gender-swap")]
    assert (flip.value, flip.low, flip.n) == (0, 0, 60)
    assert flip.high < 0.07
    assert rows[("counterfactual_shift", None, "gender-swap")].value == 0


def test_nothing_to_swap_is_null_and_not_zero() -> None:
    rows = measured(case(["a film", "a book"], lambda text: True, ["good"] * 2)[0], swaps=["name-swap"])
    flip = rows[("counterfactual_flip_rate", None, "name-swap")]
    assert (flip.value, flip.low, flip.n) == (None, None, 0)
    assert rows[("counterfactual_changed", None, "name-swap")].value == 0


def test_a_swap_of_another_language_is_refused_with_the_reason() -> None:
    found, _ = case(["她喜欢"], lambda text: True, ["good"])
    found = replace(found, scene=replace(found.scene, language="zh"))
    assert measured(found) == {}
    assert "is for en, not for zh" in found.notes["counterfactual_flip_rate of gender-swap"]


def test_an_unknown_swap_is_refused_when_the_suite_is_read() -> None:
    with pytest.raises(ValueError, match="did you mean 'gender-swap'"):
        Fairness.Settings(swaps=["gender-swop"])


def test_tags_of_persons_stay_where_they_are() -> None:
    kind = KINDS["token-classification"]
    tokens = [["Emily", "met", "her", "dad"], ["No", "one"]]
    tags = [["B-PER", "O", "O", "O"], ["O", "O"]]
    test = pa.table({"id": ["0", "1"], "tokens": tokens, "tags": tags})

    class Names:
        def predict(self, inputs: Sequence[Sequence[str]]) -> np.ndarray:
            return np.array([[0.0, 1, 0] if word == "Emily" else [1.0, 0, 0] for words in inputs for word in words])

    found = case_of(kind, test, tokens, ("PER",), Names())
    rows = measured(found, swaps=["name-swap"])
    assert rows[("counterfactual_flip_rate", None, "name-swap")].value == 1
    assert rows[("counterfactual_drop_entity_f1", None, "name-swap")].value == 1


def test_the_passes_are_stored_and_the_clean_rows_are_as_they_were() -> None:
    """So that `fmbench score` can judge them again without the model."""
    found, model = case(["he likes it", "a film", "her book"], lambda text: "he" in text.split(), ["good"] * 3)
    table = Fairness.collect(found.scene, Fairness.Settings(), found.stored.predictions)
    assert table.slice(0, 3).select(found.stored.predictions.column_names).equals(found.stored.predictions)
    assert table.slice(3)["perturbation"].to_pylist() == ["counterfactual:gender-swap"] * 2
    assert table.slice(3)["example_id"].to_pylist() == ["0", "2"]
    assert len(model.read) == 2, "nothing changes at name-swap, so nothing is asked"


def test_rows_that_cannot_be_told_apart_are_not_swapped() -> None:
    found, _ = case(["he likes it", "her book"], lambda text: True, ["good"] * 2)
    test = found.scene.test.set_column(0, "id", pa.array(["a", "a"]))
    found = replace(found, scene=replace(found.scene, test=test))
    assert measured(found) == {}
    assert found.notes["counterfactual_flip_rate of name-swap"] == "the test examples' ids are not all different"
