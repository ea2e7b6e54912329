"""A suite of text pairs from file to leaderboard: two input columns, scores for gold, an undefined correlation."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pytest

from fmbench.cli import main
from fmbench.run.store import Store

SUITE = """\
suite: alike
models: [majority, tfidf-cosine]
tasks:
  - name: pairs
    kind: sentence-similarity
    data: {files: {train: pairs.csv}}
    cluster_key: topic
adaptations: {fit: {}}
seeds: [0, 1]
measure: {efficiency: {latency_samples: 2, repeats: 2}}
"""
WORDS = ["bread", "rain", "music", "steel", "river", "paper", "glass", "night"]


def command(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    assert not left.value.code, err
    return out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with (tmp_path / "pairs.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["sentence1", "sentence2", "score", "topic"])
        for i in range(80):
            shared = i % 5
            first = [WORDS[(i + k) % 8] for k in range(4)]
            second = first[:shared] + [f"other{i}{k}" for k in range(4 - shared)]
            writer.writerow([" ".join(first), " ".join(second), shared + 0.1 * (i % 3), f"topic-{i // 4}"])
    (tmp_path / "alike.yaml").write_text(SUITE)
    return tmp_path


def test_from_file_to_leaderboard(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = command(capsys, "run", folder / "alike.yaml", "--out", folder, "--json")
    results = {(r["model"], r["seed"]): r for r in json.loads(out)}
    of_mean, of_tfidf = results["majority", 0], results["tfidf-cosine", 0]
    assert of_mean["measurements"][0]["metric"] == of_tfidf["measurements"][0]["metric"] == "spearman"
    assert of_mean["measurements"][0]["value"] is None
    assert 0.7 < of_tfidf["measurements"][0]["value"] < 1
    assert of_tfidf["measurements"][0]["interval"] == "cluster-bootstrap"
    assert of_tfidf["data"]["labels"] == []
    assert "scores from 0 to 4.2, as in train" in of_tfidf["data"]["notes"]

    predictions = Store(folder / "alike").predictions("pairs/tfidf-cosine/fit/seed-0")
    assert predictions is not None
    assert predictions.column_names == [
        "example_id",
        "perturbation",
        "severity",
        "gold",
        "prediction",
        "scores",
        "topic",
    ]
    assert (predictions["gold"].type, predictions["prediction"].type) == (pa.float64(), pa.float64())

    shown = command(capsys, "show", folder / "alike")
    assert "spearman – [–, –]" in shown
    assert command(capsys, "score", folder / "alike").count("tfidf-cosine") == 2
    again = Store(folder / "alike").result("pairs/tfidf-cosine/fit/seed-0")
    assert again is not None and again.main() is not None
    assert again.main().value == of_tfidf["measurements"][0]["value"]  # type: ignore[union-attr]

    page = (folder / "alike" / "leaderboard.html").read_text()
    assert "spearman (chance 0, ceiling 1)" in page
    assert "spearman is undefined here" in page


def test_another_score_range_is_another_cell(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hashes = []
    for line in ("", "    score_range: [0, 5]\n"):
        (folder / "alike.yaml").write_text(SUITE.replace("    cluster_key", line + "    cluster_key"))
        out = command(capsys, "run", folder / "alike.yaml", "--out", folder, "--json", "--models", "majority")
        hashes.append(json.loads(out)[0]["cell_hash"])
    assert hashes[0] != hashes[1]
