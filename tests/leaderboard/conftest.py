"""Results and entries made by hand: what a cell measured, without a cell."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from browsing import written

from fmbench.leaderboard.board import Board
from fmbench.leaderboard.build_board import build_board
from fmbench.leaderboard.entry import Entry, entry_of, tasks_of
from fmbench.leaderboard.spec import BoardFile
from fmbench.measure.contributions import contributions
from fmbench.measure.measurement import Measurement
from fmbench.registry import METRICS
from fmbench.run.result import DataInfo, Error, ModelInfo, Result
from fmbench.run.store import Store

MakeBoard = Callable[..., Board]
Results = Callable[[int], list[Result]]
LABELS = ["bad", "good"]


def make_result(
    model: str = "model", right: float = 0.8, seed: int = 0, n: int = 50, error: str | None = None, **changes: Any
) -> Result:
    """One cell: a share `right` of `n` test examples is right; `changes` go to the result, or to its data."""
    of_data = {key: changes.pop(key) for key in list(changes) if key in DataInfo.model_fields}
    labels = of_data.get("labels", LABELS)
    value = round(right * n) / n
    rows: list[tuple[Any, ...]] = [
        ("accuracy", value, None, None, None, ""), ("examples_per_s", 123.4, None, None, None, "1/s"),
        ("brier", 0.3, None, None, None, ""), *(("f1", value, label, None, None, "") for label in labels),
        ("accuracy", value / 2, None, "typos", 3, ""),
    ]  # fmt: skip
    measurements = [
        Measurement(
            metric=m,
            value=v,
            low=None,
            high=None,
            n=n,
            interval="bootstrap",
            slice=s,
            perturbation=p,
            severity=x,
            unit=u,
        )
        for m, v, s, p, x, u in rows
    ]
    data = {
        "source": "files", "revision": None, "license": "CC0", "fingerprint": "f" * 64,
        "rows": {"train": 100, "validation": 10, "test": n}, "labels": list(labels), "chance": 0.5,
    }  # fmt: skip
    fields = {
        "status": "failed" if error else "ok", "error": Error(type="ValueError", message=error) if error else None,
        "suite": "s", "suite_version": 1, "task": "task", "task_version": 1, "domain": "general",
        "kind": "text-classification", "model": model, "adaptation": "fit", "seed": seed, "cell_hash": "0",
        "main_metric": "accuracy", "measurements": [] if error else measurements, "curves": {"loss": [3.0, 2.0, None]},
        "data": DataInfo(**(data | of_data)),
        "model_info": ModelInfo(
            source="x", revision=None, weights_sha256=None, parameters=22_700_000, trainable_parameters=770
        ),
        "settings": {}, "environment": {"cpu": "A CPU", "device": "cpu", "threads": 2},
        "started_at": "", "seconds": 1.0,
    }  # fmt: skip
    return Result(**(fields | changes))


def make_predictions(result: Result, shift: int = 0) -> pa.Table:
    """The predictions that a result of `make_result` speaks of; `shift` moves which items are right."""
    main, labels = result.main(), result.data.labels if result.data else LABELS
    assert main is not None and main.value is not None
    n = main.n
    gold = [labels[i % len(labels)] for i in range(n)]
    right = [(i + shift) % n < round(main.value * n) for i in range(n)]
    predicted = [g if ok else labels[(labels.index(g) + 1) % len(labels)] for g, ok in zip(gold, right, strict=True)]
    scores = [[0.9 if label == p else 0.1 / (len(labels) - 1) for label in labels] for p in predicted]
    names = [f"test-{i}" for i in range(n)]
    clean = {"example_id": names, "perturbation": [""] * n, "gold": gold, "prediction": predicted, "scores": scores}
    twin = {"example_id": names[:3], "perturbation": ["typos"] * 3, "gold": gold[:3], "prediction": gold[:3],
            "scores": scores[:3]}  # fmt: skip
    return pa.table({key: [*clean[key], *twin[key]] for key in clean})


def make_entry(*given: Any, shift: int = 0, **changes: Any) -> Entry:
    """`make_result` as an entry, with contributions of its predictions."""
    result = make_result(*given, **changes)
    main = result.main()
    if main is None or main.value is None or result.main_metric != "accuracy":
        return entry_of(result, None)
    table = make_predictions(result, shift)
    statistics = METRICS["accuracy"].statistics(table.slice(0, main.n), result.data.labels if result.data else [])
    return entry_of(result, contributions(METRICS["accuracy"], statistics))


def make_board(results: Sequence[Result], **settings: Any) -> Board:
    """The board of results with predictions."""
    entries = []
    for i, result in enumerate(results):
        main = result.main()
        evidence = None
        if main is not None and main.value is not None and result.main_metric == "accuracy" and result.data:
            table = make_predictions(result, 7 * i).slice(0, main.n)
            evidence = contributions(METRICS["accuracy"], METRICS["accuracy"].statistics(table, result.data.labels))
        entries.append(entry_of(result, evidence, f"s/{result.task}/{result.model}"))
    spec = BoardFile.model_construct(**({"board": "b", "title": "T", "suites": ["s"]} | settings))
    return build_board(spec, tasks_of(results), entries)


@pytest.fixture
def result() -> Callable[..., Result]:
    return make_result


@pytest.fixture
def predictions() -> Callable[..., pa.Table]:
    return make_predictions


@pytest.fixture
def entry() -> Callable[..., Entry]:
    return make_entry


@pytest.fixture
def board() -> Callable[..., Board]:
    return make_board


@pytest.fixture
def two_domains() -> Callable[[int], list[Result]]:
    """Results of `models` models on four tasks in two domains, two seeds each; the last misses a task."""

    def make(models: int) -> list[Result]:
        rng = np.random.default_rng(0)
        return [
            make_result(
                f"m{m:02d}", float(rng.uniform(0.5, 0.95)), seed, task=f"t{t}", domain=f"domain {t // 2}",
                adaptation=("fit", "probe", "lora")[m % 3],
                environment={"cpu": "A", "device": "cpu", "threads": 1 + m % 2},
                error="no luck" if m == models - 1 and t == 3 else None,
            )
            for m in range(models)
            for t in range(4)
            for seed in (0, 1)
        ]  # fmt: skip

    return make


HOSTILE = {
    "markup": "<b>bold</b><img src=x onerror=alert(1)>&amp;",
    "script": "</style></title><script>alert(1);document.title='owned'</script>",
    "attribute": '"><svg onload=alert(1)> \' onmouseover=alert(1) "',
    "formula": '=HYPERLINK("http://evil.example",A1)',
    "plus": "+1+1",
    "minus": "-2+3+cmd|' /C calc'!A0",
    "at": "@SUM(A1)",
    "hidden formula": " \t\r\n=1+1",
    "carriage return": "a\r=1+1",
    "line feed": "a\n=1+1",
    "right-to-left": "abc\u202edcba\u2066x",
    "escape": "a\x1b[2J\x1b]0;owned\x07b\x00c",
    "rich": "[red]x[/red] [link=http://evil.example]y[/link] \\",
    "template": "{{ 7 * 7 }}{% raw %}${7*7}",
    "long": "x" * 10_000,
    "separators": "a,b;c\td|e\"f'g\u2028h",
}


@pytest.fixture
def hostile_results() -> list[Result]:
    """Results where every text that others can choose is hostile."""
    bad = HOSTILE["script"] + HOSTILE["right-to-left"]
    results = [
        make_result(name, right=(20 + i) / 40, source=bad, license=bad, labels=[HOSTILE["markup"], HOSTILE["long"]])
        for i, name in enumerate(HOSTILE.values())
    ]
    results.append(make_result(bad, adaptation=bad, domain=bad, kind=bad, task=bad, environment={"cpu": bad}))
    results += [make_result(f"failed {name}", error=text) for name, text in HOSTILE.items()]
    return results


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium")
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def tame(board: MakeBoard, two_domains: Results) -> Board:
    return board(two_domains(14))


@pytest.fixture
def tame_file(tame: Board, tmp_path: Path) -> Path:
    return written(tame, tmp_path)


@pytest.fixture(params=["tame", "hostile"])
def page_file(
    request: pytest.FixtureRequest, tmp_path: Path, tame: Board, board: MakeBoard, hostile_results: list[Result]
) -> Path:
    if request.param == "tame":
        return written(tame, tmp_path)
    title = hostile_results[1].model + "z" * 3000
    return written(board(hostile_results, title=title, description=title, notes=[title]), tmp_path)


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """One report with three models on two tasks, one of them failed, and one cell that was planned and never run."""
    store = Store(tmp_path / "reports" / "tiny")
    results = [
        make_result(
            model, 0.6 + m / 10, seed, task=task, suite="tiny", error="no luck" if model + task == "cu" else None
        )
        for m, model in enumerate("abc")
        for task in ("t", "u")
        for seed in (0, 1)
    ]
    cells = [
        {"folder": f"{r.task}/{r.model}/fit/seed-{r.seed}", "task": r.task, "task_version": 1, "model": r.model,
         "adaptation": "fit", "seed": r.seed, "settings": {}}
        for r in results
    ]  # fmt: skip
    for one, cell in zip(results, cells, strict=True):
        store.save(str(cell["folder"]), one, None if one.error else make_predictions(one, 3 * one.seed))
    cells.append({**cells[0], "model": "d", "folder": "t/d/fit/seed-0"})
    store.write_plan({"suite": "tiny", "description": "About it", "file": "tiny.yaml", "cells": cells})
    return store.folder.parent
