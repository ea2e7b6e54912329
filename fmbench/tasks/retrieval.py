"""retrieval: the documents that answer a query, out of a collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem
from fmbench.suite.schema import Split
from fmbench.tasks.catalogue import complete_table, names, numbered, stored_rankings
from fmbench.tasks.defaults import Columns, Defaults
from fmbench.tasks.kind import Readout, Target
from fmbench.tasks.texts import number


class Retrieval(Defaults):
    """Rows `query` and `document` (judgements, as in TREC's qrels), and `relevance` if it is not 1 for all.

    The table `documents` (document, text) is the collection. `query` is the text itself, or a name in the table
    `queries` (query, text). Most public sets have test rows only; then nothing can be fitted but on the documents. In
    the assembled rows, one a query, documents are numbers: rows of the table `documents`.
    """

    name: ClassVar[str] = "retrieval"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("query", "relevant")
    input_fields: ClassVar[tuple[str, ...]] = ("query",)
    modality: ClassVar[str | None] = "text"
    label_field: ClassVar[str] = "relevant"
    readout: ClassVar[Readout] = "none"
    target: ClassVar[Target] = "ranking"
    metrics: ClassVar[tuple[str, ...]] = ("ndcg@10", "recall@10", "recall@100", "mrr")
    raw_fields: ClassVar[tuple[str, ...] | None] = ("query", "document")
    optional_fields: ClassVar[tuple[str, ...]] = ("relevance",)
    side: ClassVar[Mapping[str, tuple[str, ...]]] = {"documents": ("document", "text"), "queries": ("query", "text")}
    may_lack: ClassVar[tuple[str, ...]] = ("train", "validation")

    @staticmethod
    def conform(rows: Rows) -> tuple[Columns, list[Problem]]:
        problems: list[Problem] = []
        columns: Columns = {field: names(rows, field, problems) for field in ("query", "document")}
        grades = [number(value) for value in rows.columns.get("relevance", [1] * len(rows))]
        for i, grade in enumerate(grades):
            if grade is None or grade != int(grade):
                given = rows.columns["relevance"][i]
                problems.append(Problem(f"the relevance is not a whole number: {given!r}", rows.place(i)))
        columns["relevance"] = [int(grade or 0) for grade in grades]
        return {**rows.columns, **columns}, problems

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: dict[str, Columns], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        if "documents" not in side:
            raise InputError("retrieval needs the table of documents: side: {documents: {file: ...}} (document, text)")
        documents, _ = complete_table(side["documents"], "document", (), "documents")
        texts: dict[str, str] | None = None
        if "queries" in side:
            table, _ = complete_table(side["queries"], "query", (), "queries")
            texts = dict(zip(table["query"], table["text"], strict=True))
        number_of = numbered(documents, "document")
        problems = _unknown(splits, number_of, "document")
        problems += _unknown(splits, texts, "query") if texts is not None else []
        if problems:
            raise InputError(problems)
        found = {name: _by_query(rows, number_of, texts) for name, rows in splits.items()}
        if "train" not in found:
            found.setdefault("validation", {name: [] for name in found["test"]})
            found["train"] = {name: [] for name in found["test"]}
        side["documents"] = documents
        side.pop("queries", None)
        notes = [f"{len(documents['document'])} documents"]
        rows = found.get("test", found["train"])
        without = sum(all(one["relevance"] < 1 for one in judged) for judged in rows["relevant"])
        if without:
            notes.append(f"{without} queries have no relevant document; they count as 0")
        return found, notes

    @staticmethod
    def strata(rows: Columns) -> list[str]:
        return [""] * len(rows["query"])

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return ()

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        """The number of the most relevant document, the first of them."""
        judged = table["relevant"].to_pylist()
        return np.array([max(one, key=lambda d: d["relevance"])["document"] for one in judged], dtype=np.int64)

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        return stored_rankings(scores)


def _unknown(splits: dict[str, Columns], known: Mapping[str, Any], field: str) -> list[Problem]:
    missing = {name: split for split, rows in splits.items() for name in rows[field] if name not in known}
    table = "documents" if field == "document" else "queries"
    return [Problem(f"{split}: the {field} {name!r} is not in the table of {table}") for name, split in missing.items()]


def _by_query(rows: Columns, number_of: dict[str, int], texts: dict[str, str] | None) -> Columns:
    """One row a query, with its judged documents; of several judgements of one document the highest stands."""
    judged: dict[str, dict[int, int]] = {}
    first: dict[str, int] = {}
    for i, (query, document, grade) in enumerate(zip(rows["query"], rows["document"], rows["relevance"], strict=True)):
        first.setdefault(query, i)
        own = judged.setdefault(query, {})
        own[number_of[document]] = max(grade, own.get(number_of[document], grade))
    others = [name for name in rows if name not in ("query", "document", "relevance", "text")]
    found: Columns = {name: [rows[name][i] for i in first.values()] for name in others}
    if texts is not None:
        found.setdefault("id", list(first))
    found["query"] = [query if texts is None else texts[query] for query in first]
    found["relevant"] = [
        [{"document": document, "relevance": grade} for document, grade in sorted(own.items())]
        for own in judged.values()
    ]
    return found
