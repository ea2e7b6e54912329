"""multiple-choice: which of a few options answers a question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.defaults import Defaults
from fmbench.tasks.kind import Readout, Target
from fmbench.tasks.stored import stored_scores

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class MultipleChoice(Defaults):
    """Fields `question`, `choices`, a list of at least two texts, and `answer`; if it is there, `context`.

    The answer is a number from 0, a letter, or the text of the right option, and is kept as a letter. Labels are the
    letters of the longest list of options; a model reads `[context and question, option, option ...]` and gives each
    option a probability. What it gives to options that a row does not have is taken away, and the rest rescaled.
    """

    name: ClassVar[str] = "multiple-choice"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("question", "choices", "answer")
    optional_fields: ClassVar[tuple[str, ...]] = ("context",)
    input_fields: ClassVar[tuple[str, ...]] = ("question", "choices")
    label_field: ClassVar[str] = "answer"
    readout: ClassVar[Readout] = "choice"
    target: ClassVar[Target] = "choice"
    metrics: ClassVar[tuple[str, ...]] = ("accuracy",)

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        problems: list[Problem] = []
        all_choices, answers = [], []
        for i, (question, choices, answer) in enumerate(
            zip(*(rows.columns[field] for field in MultipleChoice.fields), strict=True)
        ):
            if not isinstance(question, str) or not question.strip():
                problems.append(Problem("the question is empty or not a string", rows.place(i)))
            choices = _choices(choices)
            if choices is None:
                problems.append(Problem(f"choices must be a list of 2 to {len(LETTERS)} texts", rows.place(i)))
                continue
            letter = _letter(answer, choices)
            if letter is None:
                what = (
                    f"the answer {answer!r} is none of the {len(choices)} choices (a number from 0, a letter, a text)"
                )
                problems.append(Problem(what, rows.place(i)))
            all_choices.append(choices)
            answers.append(letter)
        columns = dict(rows.columns)
        if not problems:
            columns |= {"choices": all_choices, "answer": answers}
            if "context" in columns:
                columns["context"] = [str(text or "") for text in columns["context"]]
        return columns, problems

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return tuple(LETTERS[: max(len(choices) for choices in train["choices"])])

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        return list(rows["answer"])

    @classmethod
    def inputs(cls, table: pa.Table) -> list[Any]:
        questions, choices = table["question"].to_pylist(), table["choices"].to_pylist()
        contexts = table["context"].to_pylist() if "context" in table.column_names else [""] * len(table)
        prompts = [f"{context} {question}".strip() for context, question in zip(contexts, questions, strict=True)]
        return [[prompt, *options] for prompt, options in zip(prompts, choices, strict=True)]

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        return np.array([LETTERS.index(letter) for letter in table["answer"].to_pylist()], dtype=np.int64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        counts = np.array([len(choices) for choices in table["choices"].to_pylist()])
        width = max(int(counts.max()), scores.shape[1])
        padded = np.zeros((len(scores), width))
        padded[:, : scores.shape[1]] = scores
        padded[np.arange(width)[None] >= counts[:, None]] = 0.0
        total = padded.sum(axis=1, keepdims=True)
        padded = np.where(total > 0, padded / np.where(total > 0, total, 1), 0.0)
        prediction = pa.array([LETTERS[i] for i in padded.argmax(axis=1)], pa.string())
        return prediction, stored_scores(padded)


def _choices(value: Any) -> list[str] | None:
    """A list of texts, also if it is written as JSON in a cell of a table; None if it is neither."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, list) or not 2 <= len(value) <= len(LETTERS):
        return None
    texts = [str(text) for text in value if isinstance(text, str | int | float) and str(text).strip()]
    return texts if len(texts) == len(value) else None


def _letter(answer: Any, choices: list[str]) -> str | None:
    letters = LETTERS[: len(choices)]
    if isinstance(answer, bool) or not isinstance(answer, int | str):
        return None
    if isinstance(answer, int) or (answer.strip().isdigit() and answer not in choices):
        return letters[int(answer)] if 0 <= int(answer) < len(choices) else None
    if answer in choices:
        return letters[choices.index(answer)] if choices.count(answer) == 1 else None
    return answer.strip() if answer.strip() in tuple(letters) else None
