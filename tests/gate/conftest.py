"""A small suite whose test split is large enough to judge, and its report."""

from __future__ import annotations

from pathlib import Path

import pytest

from fmbench.cli import main

WORDS = ["good", "fine", "nice", "lovely", "bright", "bad", "awful", "dull", "poor", "sad"]


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    """300 test rows of one word each; a suite with one model and two seeds."""
    rows = [(("good", "bad")[i % 10 >= 5], WORDS[i % 10]) for i in range(400)]
    for name, part in (("train", rows[:60]), ("validation", rows[60:100]), ("test", rows[100:])):
        (tmp_path / f"{name}.tsv").write_text(
            "label\ttext\n" + "".join(f"{a}\t{b} {i}\n" for i, (a, b) in enumerate(part))
        )
    path = tmp_path / "words.yaml"
    path.write_text(
        "suite: words\nmodels: [majority, tfidf-logreg]\ntasks:\n  - name: words-task\n    kind: text-classification\n"
        "    data: {files: {train: train.tsv, validation: validation.tsv, test: test.tsv}}\n"
        "adaptations: {fit: {}}\nseeds: [0, 1]\n"
    )
    return path


@pytest.fixture
def report(suite: Path, tmp_path: Path) -> Path:
    """Its report, in base/words."""
    with pytest.raises(SystemExit) as left:
        main(["run", str(suite), "--out", str(tmp_path / "base"), "--json"])
    assert not left.value.code
    return tmp_path / "base" / "words"
