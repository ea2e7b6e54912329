"""The evidence words marked in the test reviews of sentiment-reviews."""

from __future__ import annotations

import json
import re
from collections import Counter
from statistics import mean
from typing import Any

from fmbench import catalog
from fmbench.data.dataset import load_dataset
from fmbench.suite.loader import load_task

REVIEWS = "sentiment-reviews"


def test_evidence_words_are_words_of_the_test_reviews() -> None:
    table = load_dataset(load_task(catalog.files("tasks")[REVIEWS])).test
    columns = (table[name].to_pylist() for name in ("id", "text", "label"))
    reviews = {key: (text, label) for key, text, label in zip(*columns, strict=True)}
    path = catalog.CORPORA / REVIEWS / "rationales.jsonl"
    rows: list[dict[str, Any]] = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert len({row["id"] for row in rows}) == len(rows) >= 200
    assert min(Counter(row["label"] for row in rows).values()) >= 60
    shares = []
    for row in rows:
        text, label = reviews[row["id"]]
        assert row["label"] == label
        assert row["evidence"] == sorted(row["evidence"]) != []
        ends = [0, *(offset for span in row["evidence"] for offset in span), len(text)]
        assert ends == sorted(ends), row["id"]
        for start, end in row["evidence"]:
            assert re.fullmatch(r"\w.*\w|\w", text[start:end]), (row["id"], text[start:end])
            assert not text[start - 1 : start].isalnum() and not text[end : end + 1].isalnum(), row["id"]
        shares.append(sum(end - start for start, end in row["evidence"]) / len(text))
        assert sum(len(text[a:b].split()) for a, b in row["evidence"]) <= 8, row["id"]
    assert mean(shares) < 0.5
