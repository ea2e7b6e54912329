"""text-generation: a text that answers a text: a translation, a summary, the solution of a problem."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
from pydantic import Field

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.suite.schema import Spec, Split
from fmbench.tasks.defaults import Columns, Defaults
from fmbench.tasks.kind import Readout, Target
from fmbench.tasks.texts import text_problems

FURTHER = tuple(f"reference{i}" for i in range(2, 6))


class Source(str):
    """A text to answer, which knows the id of its row; what is made of it is a plain string."""

    __slots__ = ("id",)

    def __new__(cls, text: str, row: str) -> Source:
        found = super().__new__(cls, text)
        found.id = row
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return Source, (str(self), self.id)

    id: str


class TextGeneration(Defaults):
    """Fields `text` and `references`, one right answer or a list of them; columns `reference2` ... add to them.

    Nothing has to be learned: rows may be test rows only. A model answers each text with one; scores compare that with
    all references.
    """

    name: ClassVar[str] = "text-generation"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("text", "references")
    input_fields: ClassVar[tuple[str, ...]] = ("text",)
    optional_fields: ClassVar[tuple[str, ...]] = FURTHER
    label_field: ClassVar[str] = "references"
    readout: ClassVar[Readout] = "sequence"
    target: ClassVar[Target] = "text"
    metrics: ClassVar[tuple[str, ...]] = ("rougel", "chrf", "exact_match")
    may_lack: ClassVar[tuple[str, ...]] = ("train", "validation")

    class Options(Spec):
        prompt: str = Field(default="{text}", description="what a language model reads; {text} is the row's text")
        max_new_tokens: int = Field(default=64, ge=1, le=4096, description="tokens of an answer at most")
        stop: list[str] = Field(default=[], description="an answer ends before the first of these")
        too_long: Literal["fail", "cut"] = Field(
            default="fail", description="what happens if prompt and answer exceed the model: cut shortens the text"
        )

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        problems = text_problems(rows, ("text",))
        further = [rows.columns[name] for name in FURTHER if name in rows.columns]
        references = []
        for i, (given, *others) in enumerate(zip(rows.columns["references"], *further, strict=True)):
            found = _texts(given)
            more = [text for text in others if isinstance(text, str) and text.strip()]
            if found is None:
                what = f"references must be a text or a list of texts that are not empty, got {type(given).__name__}"
                problems.append(Problem(what if given else "the reference is empty", rows.place(i)))
            references.append([*(found or []), *more])
        columns = {name: values for name, values in rows.columns.items() if name not in FURTHER}
        return columns | {"references": references}, problems

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: dict[str, Columns], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        if "train" in splits or "test" not in splits:
            return splits, []
        nothing: Columns = {name: [] for name in splits["test"]}
        return {"train": nothing, "validation": dict(nothing)} | splits, ["no training rows"]

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return ()

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        return [""] * len(rows["text"])

    @staticmethod
    def degenerate(train: dict[str, list[Any]], labels: tuple[str, ...]) -> str | None:
        return None

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return ("text",)

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Source]:
        return [Source(*row) for row in zip(table["text"].to_pylist(), table["id"].to_pylist(), strict=True)]

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        """The first reference of each row, objects [n]."""
        return np.array([texts[0] for texts in table["references"].to_pylist()], dtype=object)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        texts = pa.array([str(text) for text in np.asarray(scores, dtype=object).reshape(len(table))], pa.string())
        return texts, pa.nulls(len(table), pa.list_(pa.float32()))


def _texts(value: Any) -> list[str] | None:
    """A list of texts, also if it is written as JSON in a cell of a table; None if a text is empty or none."""
    if isinstance(value, str) and value.startswith("["):
        try:
            listed = json.loads(value)
        except ValueError:
            listed = None
        value = listed if isinstance(listed, list) and all(isinstance(text, str) for text in listed) else value
    texts = value if isinstance(value, list) else [value]
    return texts if texts and all(isinstance(text, str) and text.strip() for text in texts) else None
