"""token-classification: a tag for each token; entities are what is scored."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import Problem
from fmbench.tasks.defaults import Defaults
from fmbench.tasks.kind import IGNORED, Readout, Target
from fmbench.tasks.labels import undeclared
from fmbench.tasks.tags import iob2, is_tag, spans


class TokenClassification(Defaults):
    """Fields `tokens` and `tags`, lists of equal length; tags of any usual scheme, kept as IOB2.

    Labels are the entity types; a model scores the tags `O`, `B-x`, `I-x`.
    """

    name: ClassVar[str] = "token-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("tokens", "tags")
    input_fields: ClassVar[tuple[str, ...]] = ("tokens",)
    label_field: ClassVar[str] = "tags"
    readout: ClassVar[Readout] = "token"
    target: ClassVar[Target] = "class"
    metrics: ClassVar[tuple[str, ...]] = ("entity_f1", "entity_precision", "entity_recall", "token_accuracy")

    @staticmethod
    def conform(rows: Rows) -> tuple[dict[str, list[Any]], list[Problem]]:
        problems: list[Problem] = []
        canonical: list[list[str]] = []
        known: set[str] = set()
        for i, (tokens, tags) in enumerate(zip(rows.columns["tokens"], rows.columns["tags"], strict=True)):
            what = _wrong(tokens, tags, known)
            if what:
                problems.append(Problem(what, rows.place(i)))
                continue
            canonical.append(iob2(spans(tags), len(tags)))
        columns = dict(rows.columns)
        if not problems:
            columns["tags"] = canonical
        return columns, problems

    @staticmethod
    def labels(train: dict[str, list[Any]]) -> tuple[str, ...]:
        return tuple(sorted({tag[2:] for tag in chain.from_iterable(train["tags"]) if tag != "O"}))

    @staticmethod
    def strata(rows: dict[str, list[Any]]) -> list[str]:
        return ["entity" if any(tag != "O" for tag in tags) else "none" for tags in rows["tags"]]

    @staticmethod
    def degenerate(train: dict[str, list[Any]], labels: tuple[str, ...]) -> str | None:
        seen = set(TokenClassification.labels(train))
        if not seen:
            return "the train split has no entity, so there is nothing to learn"
        return undeclared(seen, labels, "entity types")

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return ("O", *(f"{prefix}-{label}" for label in labels for prefix in "BI"))

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        index = {tag: i for i, tag in enumerate(TokenClassification.outputs(labels))}
        tags = chain.from_iterable(table["tags"].to_pylist())
        return np.fromiter((index.get(tag, IGNORED) for tag in tags), dtype=np.int64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        outputs = np.array(TokenClassification.outputs(labels), dtype=object)
        best = scores.argmax(axis=1)
        lengths = [len(tokens) for tokens in table["tokens"].to_pylist()]
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        tags = pa.array(outputs[best].tolist(), pa.string())
        sure = pa.array(scores[np.arange(len(best)), best].astype(np.float32))
        return pa.ListArray.from_arrays(offsets, tags), pa.ListArray.from_arrays(offsets, sure)


def _wrong(tokens: Any, tags: Any, known: set[str]) -> str | None:
    """What is wrong with a sentence; `known` remembers the tags that are good, as there are few."""
    if not isinstance(tokens, list) or not isinstance(tags, list):
        return f"tokens and tags must be lists, got {type(tokens).__name__} and {type(tags).__name__}"
    if not tokens:
        return "a sentence without tokens"
    if len(tokens) != len(tags):
        return f"{len(tokens)} tokens but {len(tags)} tags"
    if not _all_text(tags) or not known.issuperset(tags):
        bad = [tag for tag in tags if not is_tag(tag)]
        if bad:
            return f"{bad[0]!r} is not a tag (O, or B-, I-, E-, S-, M- and a type)"
        known.update(tags)
    if not _all_text(tokens) or "" in tokens:
        return "a token is empty or not a string"
    return None


def _all_text(values: list[Any]) -> bool:
    return set(map(type, values)) == {str}
