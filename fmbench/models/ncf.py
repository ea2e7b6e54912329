"""Loader of the pretrained recommenders of He et al. 2017 (NCF, 1708.05031): GMF and MLP, as Keras 1 stored them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from fmbench.errors import CellFailed
from fmbench.models.classical.recommenders import RECOMMENDATION, FittedRecommender
from fmbench.models.hdf5 import read_hdf5
from fmbench.models.loader import Identity
from fmbench.models.ranking import item_ranker
from fmbench.suite.schema import Model, Spec
from fmbench.tasks.examples import Examples

Weights = dict[str, np.ndarray]


class NCF:
    """Scores of a user and an item from their embeddings. `weights.folder` may begin with `$FMBENCH_DATA/`.

    Users and items go by the numbers that the weights were trained with, from 0; others are not ranked.
    """

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["ranker"]] = "ranker"
    kinds: ClassVar[frozenset[str]] = RECOMMENDATION

    class Settings(Spec):
        file: str = Field(min_length=1, description="the HDF5 file in the folder of the weights")

    @staticmethod
    def check(model: Model) -> list[str]:
        weights = model.spec.weights
        if weights is None or weights.folder is None:
            return ["`weights` must name a folder"]
        path = _path(model)
        return [] if path is None or path.is_file() else [f"no such file: {path}"]

    @staticmethod
    def identity(model: Model) -> Identity:
        path = _existing(model)
        return Identity(f"file: {path.name}", None, hashlib.sha256(path.read_bytes()).hexdigest())

    @staticmethod
    def load(model: Model) -> PretrainedNCF:
        path = _existing(model)
        arrays = {name.rsplit("/", 1)[-1]: array.astype(np.float32) for name, array in read_hdf5(path).items()}
        return PretrainedNCF(arrays, path)


@dataclass(frozen=True)
class PretrainedNCF:
    """The arrays of the file by their own names."""

    arrays: Weights
    path: Path

    def ranker(self, data: Examples) -> FittedRecommender:
        """Ranks the items of the task that the weights know. Raises CellFailed if the file is neither GMF nor MLP."""
        layers = sorted(name.removesuffix("_W") for name in self.arrays if name.startswith("layer") and "_W" in name)
        try:
            user = next(
                self.arrays[name] for name in ("user_embedding_W", "mf_embedding_user_W") if name in self.arrays
            )
            item = next(
                self.arrays[name] for name in ("item_embedding_W", "mf_embedding_item_W") if name in self.arrays
            )
            last = self.arrays["prediction_W"], self.arrays["prediction_b"]
            hidden = [(self.arrays[f"{name}_W"], self.arrays[f"{name}_b"]) for name in layers]
        except (KeyError, StopIteration):
            raise CellFailed(f"{self.path} holds neither GMF nor MLP: {', '.join(sorted(self.arrays))}") from None
        numbers = [_number(name, len(item)) for name in data.side["items"]["item"].to_pylist()]
        known = np.array([-1 if n is None else n for n in numbers])
        net = _mlp if hidden else _gmf

        def score(inputs: Sequence[Any]) -> np.ndarray:
            found = np.full((len(inputs), len(known)), -np.inf, dtype=np.float32)
            for row, one in zip(found, inputs, strict=True):
                number = _number(str(one[0]), len(user))
                if number is not None:
                    wanted = np.asarray(one[2]) if len(one) == 3 else np.arange(len(known))
                    wanted = wanted[known[wanted] >= 0]
                    row[wanted] = net(user[number], item[known[wanted]], hidden, last)
            return found

        return FittedRecommender(score, item_ranker(data), sum(array.size for array in self.arrays.values()))


def _gmf(user: np.ndarray, items: np.ndarray, hidden: list[Any], last: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Weighted product of the embeddings, before the sigmoid, which keeps the order: [n_items]."""
    return np.asarray((user * items @ last[0] + last[1])[:, 0])


def _mlp(user: np.ndarray, items: np.ndarray, hidden: list[Any], last: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Layers with ReLU on both embeddings, user first: [n_items]."""
    states = np.concatenate([np.broadcast_to(user, (len(items), len(user))), items], axis=1)
    for weight, bias in hidden:
        states = np.maximum(states @ weight + bias, 0)
    return np.asarray((states @ last[0] + last[1])[:, 0])


def _number(name: str, size: int) -> int | None:
    return int(name) if name.isdecimal() and int(name) < size else None


def _path(model: Model) -> Path | None:
    """The file; None if it lies below `$FMBENCH_DATA`, which is not set."""
    assert model.spec.weights is not None and model.spec.weights.folder is not None
    folder, mark = model.spec.weights.folder, "$FMBENCH_DATA/"
    if not folder.startswith(mark):
        return model.base / Path(folder).expanduser() / model.settings.file
    root = os.environ.get("FMBENCH_DATA")
    return Path(root) / folder.removeprefix(mark) / model.settings.file if root else None


def _existing(model: Model) -> Path:
    path = _path(model)
    if path is None or not path.is_file():
        raise CellFailed(f"no weights: {path or '$FMBENCH_DATA is not set'}")
    return path
