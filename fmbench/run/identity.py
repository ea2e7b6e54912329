"""The hash of a cell: everything that decides its numbers, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from fmbench.data.dataset import Dataset
from fmbench.models.loader import Identity
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS, MEASURES
from fmbench.suite.plan import Cell


def cell_hash(
    cell: Cell,
    data: Dataset,
    identity: Identity,
    measures: dict[str, Any],
    device: str,
    fingerprints: Mapping[str, str] | None = None,
) -> str:
    """sha256 over data rows, task, model, adaptation, seed, measures and the declared versions of their code.

    Args:
        fingerprints: of the data of all tasks, by name, for measures that read others than the cell's.
    """
    task = cell.task.spec
    content = {
        "data": data.fingerprint,
        "labels": data.labels,
        "clusters": data.test[task.cluster_key].to_pylist() if task.cluster_key else None,
        "task": [task.name, task.version, task.kind, main_metrics(cell), task.cluster_key],
        "model": [cell.model.name, identity.weights_sha256 or identity.source, _plain(cell.model.settings)],
        "adaptation": [cell.adaptation, _plain(cell.settings)],
        "seed": cell.seed,
        "measures": {
            name: [_plain(settings), MEASURES[name].version, *_depends(name, settings, cell, fingerprints or {})]
            for name, settings in measures.items()
        },
        "device": device,
        "code": [
            KINDS[task.kind].version,
            LOADERS[cell.model.spec.loader].version,
            ADAPTATIONS[cell.adaptation].version,
        ],
    }
    if cell.task.spec.options:
        content["options"] = _plain(cell.task.options)
    if cell.task.spec.slices:
        content["slices"] = {name: data.test[name].to_pylist() for name in cell.task.spec.slices}
    if cell.task.spec.keep:
        content["keep"] = {name: data.test[name].to_pylist() for name in cell.task.spec.keep}
    if data.score_range is not None:
        content["score_range"] = data.score_range
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def main_metrics(cell: Cell) -> list[str]:
    """The metrics of the cell's task, the main one first."""
    return list(cell.task.spec.metrics or KINDS[cell.task.spec.kind].metrics)


def _depends(name: str, settings: Any, cell: Cell, fingerprints: Mapping[str, str]) -> list[Any]:
    """What else decides the numbers of a measure, as it says itself."""
    owner = MEASURES[name]
    return list(owner.depends(settings, cell.task, fingerprints)) if hasattr(owner, "depends") else []


def _plain(settings: Any) -> Any:
    return settings.model_dump(mode="json") if isinstance(settings, BaseModel) else settings
