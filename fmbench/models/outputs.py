"""Loader of answers that another system gave and that stand in files: they are scored as any model's are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from fmbench.data.files import Layout, located, read_layout
from fmbench.data.opening import missing, open_bytes
from fmbench.data.rows import Asked, Rows, Stream
from fmbench.errors import CellFailed
from fmbench.models.classical.answering import texts
from fmbench.models.loader import Identity
from fmbench.suite.schema import Model, Spec
from fmbench.tasks.examples import Examples


class OutputFile(Layout):
    """The answers to one task: a row each, with a field `output`, and with `id` where the task's rows have ids."""

    file: str = Field(min_length=1)
    key: str | None = Field(default=None, description="where the output is an object, the key of the text in it")


class Outputs:
    """Answers by task. Rows meet by `id`; rows without are numbered, as those of the task are, from `test-0` on."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["baseline"]] = "baseline"
    kinds: ClassVar[frozenset[str]] = frozenset({"text-generation"})

    class Settings(Spec):
        files: dict[str, OutputFile] = Field(default={}, description="task -> file with the answers to its test rows")

    def __init__(self, model: Model) -> None:
        self.model = model

    @staticmethod
    def check(model: Model) -> list[str]:
        """Files of public data are looked for when they are read, as those of a task are."""
        if not model.settings.files:
            return ["`settings: {files: {TASK: {file: ...}}}` must name the file with the answers"]
        found = []
        for one in model.settings.files.values():
            if not one.file.startswith("$FMBENCH_DATA/"):
                problem = missing(located(one.file, model.base))
                found += [f"{problem.message}: {one.file}"] if problem else []
        return found

    @staticmethod
    def identity(model: Model) -> Identity:
        digest = hashlib.sha256()
        for task, one in sorted(model.settings.files.items()):
            with open_bytes(located(one.file, model.base)) as stream:
                digest.update(task.encode() + hashlib.sha256(stream.read()).digest())
        return Identity(f"outputs: {', '.join(one.file for one in model.settings.files.values())}", None,
                        digest.hexdigest())  # fmt: skip

    @staticmethod
    def load(model: Model) -> Outputs:
        return Outputs(model)

    def fit(self, data: Examples, seed: int) -> Given:
        files = self.model.settings.files
        if data.task not in files:
            raise CellFailed(f"{self.model.name} has no file with answers to {data.task} (it has {', '.join(files)})")
        return Given(_answers(files[data.task], self.model))


class Given:
    """Answers by id, to texts as they are: a text that was changed has none."""

    parameters = 0

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers = answers
        self.asked: dict[str, str] = {}

    def predict(self, inputs: Sequence[Any]) -> np.ndarray:
        """Objects [n, 1]. Raises CellFailed for a row without an answer."""
        return texts([self._answer(text) for text in inputs])

    def _answer(self, text: Any) -> str:
        row = getattr(text, "id", None)
        if row is None or self.asked.setdefault(row, str(text)) != str(text):
            raise CellFailed("stored answers are those to the rows as they are: there is none to a changed text")
        if row not in self.answers:
            some = ", ".join(list(self.answers)[:3])
            raise CellFailed(f"no answer to the row {row!r} (the file has {len(self.answers):,}: {some} ...)")
        return self.answers[row]


def _answers(one: OutputFile, model: Model) -> dict[str, str]:
    pieces = read_layout(one, {"test": [located(one.file, model.base)]}, Asked(("output",)))["test"]
    whole: list[Rows] = [piece.whole() if isinstance(piece, Stream) else piece for piece in pieces]
    (rows,) = whole
    ids = [str(name) for name in rows.columns.get("id", [f"test-{i}" for i in range(len(rows))])]
    found: dict[str, str] = {}
    for i, (row, output) in enumerate(zip(ids, rows.columns["output"], strict=True)):
        text = output.get(one.key) if one.key is not None and isinstance(output, dict) else output
        place = rows.place(i)
        if not isinstance(text, str):
            raise CellFailed(f"{place}: the output is no text but {type(text).__name__}" + _hint(output))
        if row in found:
            raise CellFailed(f"{place}: a second output for the row {row!r}")
        found[row] = text
    return found


def _hint(output: Any) -> str:
    return f" (`key` must be one of {', '.join(output)})" if isinstance(output, dict) and output else ""
