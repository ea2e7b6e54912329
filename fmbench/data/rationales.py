"""Evidence words: which characters of an example carry its label, where a corpus says so."""

from __future__ import annotations

import json

from fmbench.catalog import CORPORA
from fmbench.suite.schema import Task

FILE = "rationales.jsonl"


def rationales_of(task: Task) -> dict[str, list[tuple[int, int]]]:
    """Example id -> character spans [start, end) of the evidence, from `rationales.jsonl` of a corpus that has one.

    One JSON object a line: `id` and `evidence`, a list of [start, end). Empty for every other source.
    """
    if task.source != "corpus":
        return {}
    path = CORPORA / task.source_spec.corpus / FILE
    if not path.is_file():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return {row["id"]: [(int(start), int(end)) for start, end in row["evidence"]] for row in rows}
