"""An interaction log, ratings and a small collection of documents, from files to leaderboard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fmbench.cli import main
from fmbench.run.store import Store

SUITE = """\
suite: shop
models:
  - popularity
  - item-knn
  - {name: sasrec-small, loader: sasrec, settings: {hidden_size: 8, epochs: 2, batch_size: 16}}
  - user-item-bias
  - bm25
tasks:
  - name: next
    kind: sequential-recommendation
    data: {files: {train: log.csv}, side: {items: {file: items.csv}}}
    slices: [country]
  - name: ratings
    kind: rating-prediction
    data: {files: {train: log.csv}}
  - name: search
    kind: retrieval
    data: {files: {test: qrels.csv}, side: {documents: {file: items.csv, columns: {document: item}}}}
    metrics: [ndcg@10, recall@10, mrr]
adaptations: {fit: {}}
measure: {efficiency: {latency_samples: 2, repeats: 2}}
"""


def command(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert (left.value.code or 0) == code, err
    return out if code == 0 else err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = []
    for user in range(40):
        start = int(rng.integers(0, 20))
        country = "de" if user % 2 else "fr"
        rows += [f"u{user},i{(start + k) % 20},{k},{1 + (user + k) % 5},{country}\n" for k in range(5)]
    (tmp_path / "log.csv").write_text("user,item,time,rating,country\n" + "".join(rows))
    (tmp_path / "items.csv").write_text(
        "item,text\n" + "".join(f"i{i},thing number{i} of kind{i % 3}\n" for i in range(22))
    )
    (tmp_path / "qrels.csv").write_text("query,document\n" + "".join(f"find number{i},i{i}\n" for i in range(22)))
    (tmp_path / "shop.yaml").write_text(SUITE)
    return tmp_path


def test_from_files_to_leaderboard(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = json.loads(command(capsys, "run", folder / "shop.yaml", "--out", folder, "--json"))
    main_scores = {(r["task"], r["model"]): r["measurements"][0] for r in results}
    assert set(main_scores) == {
        ("next", "popularity"),
        ("next", "item-knn"),
        ("next", "sasrec-small"),
        ("ratings", "user-item-bias"),
        ("search", "bm25"),
    }
    assert all(r["status"] == "ok" for r in results)
    assert main_scores["search", "bm25"]["value"] == 1.0
    assert main_scores["next", "item-knn"]["value"] > main_scores["next", "popularity"]["value"]
    assert main_scores["ratings", "user-item-bias"]["metric"] == "rmse"
    knn = next(r for r in results if r["model"] == "item-knn")
    assert [row["metric"] for row in knn["measurements"][:8]] == [
        "ndcg@10",
        "hr@1",
        "hr@5",
        "hr@10",
        "mrr",
        "coverage@10",
        "novelty@10",
        "popularity_bias@10",
    ]
    assert all(row["low"] <= row["value"] <= row["high"] for row in knn["measurements"][:8])
    assert knn["data"]["rows"] == {"train": 40, "validation": 40, "test": 40}
    assert "full ranking over all items of the catalogue" in knn["data"]["notes"]
    trained = next(r for r in results if r["model"] == "sasrec-small")
    assert len(trained["curves"]["loss"]) == len(trained["curves"]["validation"]) == 2

    predictions = Store(folder / "shop").predictions("next/item-knn/fit/seed-0")
    assert predictions is not None
    assert {"gold_item", "catalogue", "country"} <= set(predictions.column_names)
    assert command(capsys, "score", folder / "shop").count("item-knn") == 1
    again = Store(folder / "shop").result("next/item-knn/fit/seed-0")
    assert again is not None
    assert [(m.metric, m.value, m.low) for m in again.measurements[:8]] == [
        (m["metric"], m["value"], m["low"]) for m in knn["measurements"][:8]
    ]
    assert "ndcg@10" in command(capsys, "show", folder / "shop")
    assert "sasrec-small" in (folder / "shop" / "leaderboard.html").read_text()


def test_what_is_wrong_is_said_with_file_and_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = (folder / "log.csv").read_text().splitlines(keepends=True)
    log[3] = log[3].replace("u0,", ",", 1)
    log[7] = "u1,i3,yesterday,4,de\n"
    (folder / "log.csv").write_text("".join(log))
    said = command(capsys, "run", folder / "shop.yaml", "--out", folder, code=2)
    assert "log.csv:4: the user is empty or not a name" in said
    assert "log.csv:8: the time is no number and no ISO date: 'yesterday'" in said
    assert not (folder / "shop").exists()
