"""What is there is not computed again, what changed is, what fails is recorded, and the rest goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fmbench.data.dataset import Dataset
from fmbench.errors import InputError, NothingMeasured
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS, MEASURES
from fmbench.run.cell import Job, compute
from fmbench.run.check import check_suite
from fmbench.run.execute import describe
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import plan

MAJORITY = "tiny-task/majority/fit"
TFIDF = "tiny-task/tfidf-logreg/fit"


def never(*arguments: Any) -> Any:
    raise AssertionError("this must not be called")


def refuse(*arguments: Any) -> Any:
    raise ZeroDivisionError("no\nway")


def touched(before: dict[str, bytes], after: dict[str, bytes]) -> set[str]:
    """Cells whose result changed."""
    return {str(Path(name).parent) for name in after if before.get(name) != after[name]}


def test_a_finished_suite_computes_nothing_again(bench: Any, break_loader: Callable[..., None]) -> None:
    first = bench.run()
    assert (first.computed, first.failures, len(first.results)) == (4, 0, 4)
    before = bench.files()
    break_loader("majority", load=never)
    break_loader("tfidf-logreg", load=never)
    second = bench.run()
    assert (second.computed, second.failures) == (0, 0)
    assert [result for _, result in second.results] == [result for _, result in first.results]
    assert bench.files() == before


def test_missing_cells_are_finished_and_no_others(bench: Any) -> None:
    assert bench.run(models=["majority"]).computed == 2
    before = bench.files()
    outcome = bench.run()
    assert (outcome.computed, len(outcome.results)) == (2, 4)
    assert touched(before, bench.files()) == {f"{TFIDF}/seed-0", f"{TFIDF}/seed-1"}


def test_fresh_computes_all_again(bench: Any) -> None:
    bench.run()
    assert bench.run(fresh=True).computed == 4


def test_no_cells_are_an_error_of_their_own(bench: Any) -> None:
    with pytest.raises(NothingMeasured, match="no cells selected"):
        bench.run(models=["majority"], seeds=[])


@pytest.mark.parametrize(
    ("old", "new", "computed"),
    [
        ("seeds: [0, 1]", "seeds: [0, 2]", {f"{MAJORITY}/seed-2", f"{TFIDF}/seed-2"}),
        ("models: [majority, tfidf-logreg]", "models: [tfidf-logreg, majority]", set()),
        ("suite: tiny\n", "suite: tiny\ndescription: other words\nlimits: {minutes_per_cell: 3}\n", set()),
        ("tfidf-logreg]", "{name: tfidf-logreg, loader: tfidf-logreg, settings: {C: 2.0}}]", {TFIDF}),
        ("tfidf-logreg]", "{name: other, loader: tfidf-logreg}]", {"tiny-task/other/fit"}),
        ("kind: text", "version: 2\n    kind: text", {MAJORITY, TFIDF}),
        ("kind: text", "metrics: [macro_f1]\n    kind: text", {MAJORITY, TFIDF}),
        ("kind: text", "labels: [good, bad]\n    kind: text", {MAJORITY, TFIDF}),
        ("kind: text", "split: {seed: 1}\n    kind: text", {MAJORITY, TFIDF}),
        ("suite: tiny\n", "suite: tiny\nmeasure: {efficiency: {repeats: 2, latency_samples: 2}}\n", {MAJORITY, TFIDF}),
    ],
)
def test_what_decides_numbers_is_computed_again(bench: Any, old: str, new: str, computed: set[str]) -> None:
    bench.run()
    before = bench.files()
    bench.edit(old, new)
    outcome = bench.run()
    cells = touched(before, bench.files())
    assert outcome.failures == 0
    assert (
        outcome.computed == len(cells) == (len(computed) if any("seed" in c for c in computed) else 2 * len(computed))
    )
    assert {cell if cell in computed else str(Path(cell).parent) for cell in cells} == computed


def test_other_rows_are_computed_again(bench: Any) -> None:
    bench.run()
    data = bench.suite.with_name("tiny.tsv")
    data.write_text(data.read_text().replace("thing number 7\n", "thing number seven\n"))
    assert bench.run().computed == 4


@pytest.mark.parametrize(
    ("registry", "name", "computed"),
    [(KINDS, "text-classification", 4), (LOADERS, "majority", 2), (ADAPTATIONS, "fit", 4), (MEASURES, "efficiency", 0)],
)
def test_another_version_of_the_code_is_computed_again(
    bench: Any, monkeypatch: pytest.MonkeyPatch, registry: Any, name: str, computed: int
) -> None:
    bench.run()
    monkeypatch.setattr(registry[name], "version", registry[name].version + 1)
    assert bench.run().computed == computed


def test_a_failing_cell_is_recorded_and_the_others_go_on(bench: Any, break_loader: Callable[..., None]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(
            LOADERS._resolved, "majority", type("Bad", (LOADERS["majority"],), {"load": staticmethod(refuse)})
        )
        outcome = bench.run()
    assert (outcome.computed, outcome.failures) == (4, 2)
    failed = bench.results()[f"{MAJORITY}/seed-0"]
    assert failed.status == "failed"
    assert failed.error is not None
    assert (failed.error.type, failed.error.message) == ("ZeroDivisionError", "ZeroDivisionError: no way")
    assert failed.measurements == []
    assert not (bench.store.folder / MAJORITY / "seed-0" / "predictions.parquet").exists()
    assert [result.status for result in bench.results().values()] == ["failed", "failed", "ok", "ok"]
    again = bench.run()
    assert (again.computed, again.failures) == (2, 0), "a failed cell is tried again, a good one is not"


def test_a_failing_adaptation_fails_its_cells_only(bench: Any, break_adaptation: Callable[..., None]) -> None:
    fit = ADAPTATIONS["fit"].fit

    def refuse_seed_one(model: Any, data: Any, settings: Any, context: Any) -> Any:
        return refuse() if context.seed == 1 else fit(model, data, settings, context)

    break_adaptation("fit", fit=refuse_seed_one)
    assert bench.run().failures == 2
    assert {name: result.status for name, result in bench.results().items()} == {
        f"{model}/seed-{seed}": "failed" if seed else "ok" for model in (MAJORITY, TFIDF) for seed in (0, 1)
    }


@pytest.mark.parametrize("error", [RuntimeError("gone"), InputError("gone"), OSError(2, "gone")])
def test_a_model_that_cannot_be_found_fails_in_its_cells(
    bench: Any, break_loader: Callable[..., None], error: Exception
) -> None:
    def raises(model: Any) -> Any:
        raise error

    break_loader("majority", identity=raises)
    outcome = bench.run()
    assert (outcome.computed, outcome.failures) == (4, 2)
    assert "gone" in bench.results()[f"{MAJORITY}/seed-0"].error.message


def test_a_failed_cell_replaces_what_was_there(bench: Any, break_loader: Callable[..., None]) -> None:
    bench.run()
    break_loader("majority", load=refuse)
    bench.run(fresh=True)
    folder = bench.store.folder / MAJORITY / "seed-0"
    assert [path.name for path in folder.iterdir()] == ["result.json"]


@pytest.mark.parametrize("broken", [b"", b"{", b'{"schema": "fmbench.result/1"}', b"\xff\xfe", b"null", b"[" * 9999])
def test_a_broken_result_counts_as_absent(bench: Any, broken: bytes) -> None:
    bench.run()
    before = bench.files()
    path = bench.store.folder / MAJORITY / "seed-0" / "result.json"
    whole = path.read_bytes()
    for content in (broken, whole[: len(whole) // 2]):
        path.write_bytes(content)
        assert bench.run().computed == 1
        assert touched(before, bench.files()) <= {f"{MAJORITY}/seed-0"}
        assert bench.results()[f"{MAJORITY}/seed-0"].status == "ok"


def test_a_result_without_its_predictions_is_computed_again(bench: Any) -> None:
    bench.run()
    (bench.store.folder / MAJORITY / "seed-0" / "predictions.parquet").unlink()
    assert bench.run().computed == 1


def test_a_cell_that_takes_too_long_fails_with_the_reason(bench: Any) -> None:
    bench.edit("majority,", "majority, bilstm,")
    bench.edit("suite: tiny", "suite: tiny\nlimits: {minutes_per_cell: 1.0e-7}")
    outcome = bench.run(seeds=[0])
    by_model = {cell.model.name: result for cell, result in outcome.results}
    assert by_model["bilstm"].error.message == "out of time (limits.minutes_per_cell)"
    assert by_model["bilstm"].error.type == "CellFailed"
    assert [by_model[name].status for name in ("majority", "tfidf-logreg")] == ["ok", "ok"]


def test_the_plan_is_that_of_the_whole_suite(bench: Any) -> None:
    bench.run(models=["majority"], seeds=[1])
    stored = json.loads((bench.store.folder / "plan.json").read_bytes())
    assert stored == json.loads(json.dumps(describe(load_suite(bench.suite), ())))
    assert len(stored["cells"]) == 4
    assert set(bench.results()) == {f"{MAJORITY}/seed-1"}


def test_left_overs_of_older_settings_are_not_shown(bench: Any) -> None:
    bench.run()
    bench.edit("tfidf-logreg]", "{name: tfidf-logreg, loader: tfidf-logreg, settings: {C: 2.0}}]")
    bench.run(models=["majority"])
    assert set(bench.results()) == {f"{MAJORITY}/seed-0", f"{MAJORITY}/seed-1"}
    assert set(bench.store.index()["model"].to_pylist()) == {"majority"}
    bench.edit("settings: {C: 2.0}", "settings: {}")
    assert bench.run(models=["majority"]).computed == 0
    assert len(bench.results()) == 4, "the old settings are in the plan again, and so are their results"


@pytest.mark.parametrize("model", ["bilstm", "minilm-l6"])
@pytest.mark.parametrize("task", ["ner-news", "sentiment-reviews"])
def test_the_same_cell_twice_gives_the_same_predictions(bench: Any, model: str, task: str) -> None:
    bench.suite.write_text(
        f"suite: tiny\nmodels: [{{name: bilstm, loader: bilstm, settings: {{epochs: 1}}}}, minilm-l6]\n"
        f"tasks: [{task}]\nadaptations: {{fit: {{}}, finetune: {{epochs: 1}}}}\nseeds: [0, 1]\n"
    )
    tables = []
    for _ in range(2):
        assert bench.run(models=[model], seeds=[0], limit=24, fresh=True).failures == 0
        (path,) = bench.store.folder.rglob("predictions.parquet")
        tables.append(pq.read_table(path))
    assert len(tables[0]) == 24
    assert tables[0].equals(tables[1], check_metadata=True)
    if task == "sentiment-reviews":
        bench.run(models=[model], seeds=[1], limit=24)
        (path,) = bench.store.folder.rglob("seed-1/predictions.parquet")
        assert not pq.read_table(path)["scores"].equals(tables[0]["scores"]), "the seed decides something"


@pytest.mark.parametrize("model", ["majority", "tfidf-logreg", "bilstm"])
def test_test_labels_decide_no_prediction(bench: Any, model: str) -> None:
    bench.edit("tfidf-logreg]", "tfidf-logreg, {name: bilstm, loader: bilstm, settings: {epochs: 1}}]")
    suite = load_suite(bench.suite)
    data = check_suite(suite)["tiny-task"]
    wrong = ["good" if label == "bad" else "bad" for label in data.test["label"].to_pylist()]
    poisoned = data.test.set_column(data.test.column_names.index("label"), "label", pa.array(wrong))
    cell = next(cell for cell in plan(suite) if cell.model.name == model)
    found = {}
    for name, test in {"clean": data.test, "poisoned": poisoned}.items():
        rows = Dataset({**data.splits, "test": test}, data.labels, data.source, None, None, data.fingerprint)
        job = Job(cell, rows, LOADERS[cell.model.spec.loader].identity(cell.model), "0")
        found[name] = compute(suite, job, "cpu", lambda step: None)
    (clean, clean_rows), (bad, bad_rows) = found["clean"], found["poisoned"]
    assert clean_rows["gold"] != bad_rows["gold"]
    assert clean_rows["prediction"] == bad_rows["prediction"]
    np.testing.assert_array_equal(np.array(clean_rows["scores"].to_pylist()), np.array(bad_rows["scores"].to_pylist()))
    assert clean.main().value == pytest.approx(1 - bad.main().value)
