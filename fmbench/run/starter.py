"""A first suite file for one's own data, with a comment on every line that one may want to change."""

from __future__ import annotations

import csv
import json
import os
import re
import zlib
from pathlib import Path

from fmbench.data.files import SUFFIXES
from fmbench.data.formats import open_text
from fmbench.errors import InputError, Place, Problem, nearest, one_line
from fmbench.suite.marks import plain_scalar

TEXT_NAMES = ("text", "sentence", "review", "content", "body", "message", "comment", "question", "title")
LABEL_NAMES = (
    *("label", "class", "category", "target", "sentiment", "verdict"),
    *("intent", "topic", "y", "rating", "stars"),
)

TEMPLATE = """\
# A suite: models x tasks x adaptations x seeds, and what to measure.
#   fmbench check {file}     finds everything that is wrong with it
#   fmbench run {file}       computes what is not there yet
suite: {name}                     # name of the report folder under reports/
version: 1                        # raise it when the suite changes meaning
description: {description}
models:                           # fmbench list models; hf:ORG/NAME or a folder works too
  - majority                      # the floor that everything must beat
{classical}  - minilm-l6
tasks:
  - name: {name}
    kind: {kind}
    data:
      files: {{train: {train}}}    # add validation: and test: if you have them
      format: {format}
{columns}    split: {{validation: 0.1, test: 0.2, seed: 0}}   # cut from train where a split is missing; stratified
    metrics: [{metrics}]   # the first is the main metric
adaptations:                      # fmbench list adaptations; each model takes those it supports
  fit: {{}}                         # baselines
  probe: {{}}                       # logistic regression on frozen features
  finetune: {{epochs: 3, learning_rate: 1.0e-4}}
seeds: [0, 1, 2]                  # more seeds, narrower intervals
measure: {{efficiency: true}}       # speed and memory too
limits: {{minutes_per_cell: 30}}    # a cell that takes longer is recorded as failed
"""


def starter_suite(data: Path, target: Path, text: str | None, label: str | None) -> str:
    """The text of a suite file at `target` for the file `data`.

    Raises:
        InputError: no such file, an unknown format, or columns that cannot be guessed.
    """
    if not data.is_file():
        siblings = [p.name for p in data.parent.iterdir()] if data.parent.is_dir() else []
        raise InputError(Problem("no such file", Place(str(data)), nearest(data.name, siblings)))
    stem, _, suffix = data.name.removesuffix(".gz").rpartition(".")
    format = SUFFIXES.get(suffix.lower())
    if format is None:
        raise InputError(Problem(f"the name ends in none of {', '.join('.' + s for s in SUFFIXES)}", Place(str(data))))
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._")[:80] or "my-data"
    common = {
        "file": one_line(str(target)),
        "name": name if isinstance(plain_scalar(name), str) else _quoted(name),
        "format": format,
        "train": _quoted(os.path.relpath(data, target.parent)),
    }
    if format == "conll":
        return TEMPLATE.format(
            **common,
            kind="token-classification",
            metrics="entity_f1, entity_precision, entity_recall",
            description="entities in my own sentences",
            classical="  - bilstm\n",
            columns="      columns: {tokens: 0, tags: -1}   # numbers of the columns, negative from the end\n",
        )
    columns = _columns(data, format)
    picks = {
        "text": _choose(data, columns, text, TEXT_NAMES, "text"),
        "label": _choose(data, columns, label, LABEL_NAMES, "label"),
    }
    quoted = ", ".join(f"{field}: {_quoted(column)}" for field, column in picks.items())
    return TEMPLATE.format(
        **common,
        kind="text-classification",
        metrics="accuracy, macro_f1",
        description="classes of my own texts",
        classical="  - tfidf-logreg\n",
        columns=f"      columns: {{{quoted}}}   # field of the task: column of the file\n",
    )


def _quoted(text: str) -> str:
    """`text` as a double-quoted YAML scalar."""
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped)


def _columns(data: Path, format: str) -> list[str]:
    """Column names as the reader of `format` will see them. Raises InputError if the first line does not tell them."""
    try:
        if format == "parquet":
            import pyarrow.parquet as pq

            return list(pq.read_schema(data).names)
        with open_text(data, "utf-8") as stream:
            first = stream.readline()
    except UnicodeDecodeError:
        raise InputError(Problem("not UTF-8 text", Place(str(data), 1))) from None
    except (OSError, EOFError, zlib.error, ValueError) as error:  # ValueError: pyarrow's ArrowInvalid
        raise InputError(Problem(f"cannot be read: {error}", Place(str(data)))) from None
    if not first.strip():
        raise InputError(Problem("the first line is empty" if first else "the file is empty", Place(str(data), 1)))
    if format == "jsonl":
        try:
            record = json.loads(first)
        except (ValueError, RecursionError) as error:
            raise InputError(Problem(f"not valid JSON: {error}", Place(str(data), 1))) from None
        if not isinstance(record, dict):
            raise InputError(Problem("not a JSON object", Place(str(data), 1)))
        return list(record)
    if format == "tsv":
        return first.rstrip("\r\n").split("\t")
    return next(csv.reader([first]))


def _choose(data: Path, columns: list[str], asked: str | None, usual: tuple[str, ...], field: str) -> str:
    have = f"the columns are {', '.join(columns)}"
    if asked is not None:
        if asked not in columns:
            raise InputError(Problem(f"no column {asked!r}: {have}", Place(str(data), 1), nearest(asked, columns)))
        return asked
    lower = {column.lower(): column for column in columns}
    for name in usual:
        if name in lower:
            return lower[name]
    raise InputError(
        Problem(f"cannot tell which column is the {field}: {have}; name it with --{field}", Place(str(data), 1))
    )
