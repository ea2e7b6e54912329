"""A suite that asks for explanations: numbers in the result, attributions beside the predictions."""

from __future__ import annotations

from typing import Any

import pyarrow.parquet as pq

from fmbench.data.rationales import rationales_of
from fmbench.run.rescore import rescore
from fmbench.suite.loader import load_suite


def test_attributions_are_stored_beside_the_predictions_and_go_with_them(bench: Any) -> None:
    bench.edit("models: [majority, tfidf-logreg]", "models: [{name: cnn, loader: cnn, settings: {epochs: 1}}]")
    bench.edit(
        "suite: tiny\n", "suite: tiny\nmeasure: {explanation: {examples: 6, methods: [occlusion, gradient-x-input]}}\n"
    )
    bench.run(seeds=[0])
    (result,) = bench.results().values()
    assert result.status == "ok", result.error
    names = {row.metric for row in result.measurements}
    assert {"comprehensiveness_occlusion", "sufficiency_gain_gradient_x_input", "comprehensiveness_control"} <= names
    (path,) = bench.store.folder.rglob("explanations.parquet")
    table = pq.read_table(path)
    assert table.column_names[:7] == [
        "example_id", "method", "label", "probability", "tokens", "attributions", "evidence"
    ]  # fmt: skip
    assert table.column_names[7:] == [
        "comprehensiveness", "sufficiency", "comprehensiveness_control", "sufficiency_control"
    ]  # fmt: skip
    assert len(table) == 12
    assert (path.parent / "predictions.parquet").is_file()
    bench.edit("measure: {explanation: {examples: 6, methods: [occlusion, gradient-x-input]}}\n", "")
    bench.run(seeds=[0])
    assert not path.exists()


def test_scoring_again_gives_the_same_explanations_without_a_model(bench: Any) -> None:
    bench.edit("models: [majority, tfidf-logreg]", "models: [{name: cnn, loader: cnn, settings: {epochs: 1}}]")
    methods = "[occlusion, integrated-gradients]"
    measures = f"explanation: {{examples: 6, methods: {methods}}}, efficiency: {{repeats: 2, latency_samples: 2}}"
    bench.edit("suite: tiny\n", f"suite: tiny\nmeasure: {{{measures}}}\n")
    bench.run(seeds=[0])
    ((name, result),) = bench.store.all()
    spoiled = [
        row if row.unit or "per_s" in row.metric else row.model_copy(update={"value": 0.123})
        for row in result.measurements
    ]
    bench.store.replace_result(name, result.model_copy(update={"measurements": spoiled}))
    rescore(bench.store)
    again = {row.metric: row for row in bench.results()[name].measurements if row.slice is None}
    asked = {row.metric: row for row in result.measurements if row.slice is None}
    explained = [metric for metric in asked if metric.startswith(("compre", "suffic", "plaus", "complete"))]
    assert "completeness_error_integrated_gradients" in explained and len(explained) == 11
    assert {metric: again[metric] for metric in explained} == {metric: asked[metric] for metric in explained}


def test_workers_send_attributions_home(bench: Any) -> None:
    bench.edit("suite: tiny\n", "suite: tiny\nmeasure: {explanation: {examples: 6, methods: [occlusion]}}\n")
    bench.run(workers=2, models=["tfidf-logreg"])
    assert len(list(bench.store.folder.rglob("explanations.parquet"))) == 2


def test_the_marked_reviews_are_found_and_others_have_none(bench: Any) -> None:
    bench.edit("tasks:\n", "tasks:\n  - sentiment-reviews\n")
    reviews, own = load_suite(bench.suite).tasks
    found = rationales_of(reviews)
    assert len(found) == 200
    assert found["test-0"] == [(0, 17)]
    assert rationales_of(own) == {}
