"""Run in a process of its own, with the hub's address in its environment: reads orders, prints answers.

An order is {"task": task file} or {"suite": suite file}; the answer is what fmbench made of it, or {"error": lines}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from fmbench.data.dataset import load_dataset
from fmbench.errors import FmbenchError
from fmbench.models.encoder import PretrainedEncoder
from fmbench.suite.loader import load_suite, load_task


def rows(task: str) -> dict[str, Any]:
    data = load_dataset(load_task(Path(task)))
    splits = {split: table.to_pydict() for split, table in data.splits.items()}
    return {"source": data.source, "revision": data.revision, "labels": data.labels, "splits": splits,
            "fingerprint": data.fingerprint, "notes": data.notes}  # fmt: skip


def model(suite: str) -> dict[str, Any]:
    (declared,) = load_suite(Path(suite)).models
    identity = PretrainedEncoder.identity(declared)
    encoder = PretrainedEncoder.load(declared)
    encoded = encoder.tokenizer(words=False)("the cat sat", return_tensors="pt")
    words = encoder.tokenizer(words=True)(["the", "cat"], is_split_into_words=True)
    network = encoder.network
    return {
        "identity": [identity.source, identity.revision, identity.weights_sha256],
        "ids": encoded["input_ids"][0].tolist(),
        "words": words["input_ids"],
        "hidden": network(**encoded).last_hidden_state[0].tolist(),
        "dtype": str(network.dtype),
        "training": network.training,
    }


def answer(order: dict[str, str]) -> dict[str, Any]:
    try:
        return rows(order["task"]) if "task" in order else model(order["suite"])
    except FmbenchError as error:
        return {"error": str(error).splitlines(), "type": type(error).__name__}


if __name__ == "__main__":
    sys.stdout.write(json.dumps([answer(order) for order in json.load(sys.stdin)]))
