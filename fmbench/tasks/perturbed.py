"""Rows of a task as the examples that perturbations work on, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from fmbench.perturb.entities import mentions
from fmbench.perturb.examples import Audio, Events, Example, Image, Path, Row, Series, Text, Tokens
from fmbench.perturb.perturbation import UNSPACED, Perturbation
from fmbench.tasks.kind import Kind

_OF_READOUT = {"token": "tokens", "sequence": "text", "pair": "text", "choice": "text"}
_INSIDE = ("series", "path", "events")
"""Sorts that are a part of an input, see Kind.part."""


def modality(kind: Kind) -> str | None:
    """The sort of example that the inputs of `kind` are, see `perturb.examples`; None where they are none."""
    return kind.modality or _OF_READOUT.get(kind.readout)


def refusal(perturbation: Perturbation, kind: Kind, language: str | None) -> str | None:
    """Why the perturbation cannot be asked for on a task of this kind and language; None where it can."""
    sort = modality(kind)
    if sort is None:
        return f"perturbation {perturbation.name!r}: the inputs of {kind.name} cannot be perturbed"
    return perturbation.refusal(sort, language)


def label_of(perturbation: Perturbation, kind: Kind) -> str:
    """What happens to the gold of a row: "kept", "flips" or "may-change".

    Tags move along with their words. Only a class can turn into its opposite: of a score, or of the answer to a
    question, nobody knows what becomes.
    """
    if perturbation.label == "kept" or modality(kind) == "tokens":
        return "kept"
    return perturbation.label if kind.target == "class" else "may-change"


def examples(kind: Kind, inputs: Sequence[Any], table: pa.Table, options: Any) -> list[tuple[Example, ...]]:
    """Each row's parts: the tokens with their tags, every text field of its own, or the one input that it has.

    Args:
        inputs: what a model reads of `table`.
    """
    match modality(kind):
        case "tokens":
            columns = (table[name].to_pylist() for name in ("tokens", kind.label_field))
            return [(Tokens(tuple(tokens), tuple(tags)),) for tokens, tags in zip(*columns, strict=True)]
        case "text":
            texts = [table[name].to_pylist() for name in text_fields(kind, table)]
            return [tuple(Text(text) for text in row) for row in zip(*texts, strict=True)]
        case "row":
            rows = inputs if kind.gather is None else table[kind.gather].to_pylist()
            return [(Row(values),) for values in rows]
        case "image":
            return [(Image(array),) for array in inputs]
        case "audio":
            return [(Audio(samples, options.sample_rate),) for samples in inputs]
        case "series":
            return [(Series(kind.part(item)),) for item in inputs]
        case "path":
            return [(Path(kind.part(item)),) for item in inputs]
        case "events":
            gold = table[kind.label_field].to_pylist()
            return [(Events(tuple(kind.part(item)), one),) for item, one in zip(inputs, gold, strict=True)]
    raise ValueError(f"the inputs of {kind.name} cannot be perturbed")


def replaced(
    kind: Kind, read: Callable[[pa.Table], Sequence[Any]], table: pa.Table, rows: Sequence[tuple[Example, ...]]
) -> tuple[Sequence[Any], pa.Table]:
    """Inputs and table with `rows` in the places of what `examples` gave.

    Args:
        read: what a model reads of a table.
    """
    sort = modality(kind)
    if sort in _INSIDE:
        return [kind.with_part(item, _part_of(row[0])) for item, row in zip(read(table), rows, strict=True)], table
    if sort not in ("tokens", "text"):
        as_row = getattr(kind, "row", dict)
        return [as_row(row[0].values) if isinstance(row[0], Row) else _input_of(row[0]) for row in rows], table
    if sort == "tokens":
        tagged: Any = [row[0] for row in rows]
        columns = {"tokens": [one.tokens for one in tagged], kind.label_field: [one.tags for one in tagged]}
    else:
        columns = {name: [part.text for part in parts] for name, parts in _by_field(kind, table, rows).items()}
    for name, values in columns.items():
        at = table.column_names.index(name)
        table = table.set_column(at, name, pa.array(values, table.schema.field(at).type))
    return read(table), table


def restored(predictions: pa.Table, rows: Sequence[tuple[Example, ...]]) -> pa.Table:
    """Predictions of `rows` in the coordinates of the gold: what was predicted in others goes back."""
    frames = [getattr(row[0], "frame", None) for row in rows]
    if not any(frames):
        return predictions
    found = []
    for values, frame in zip(predictions["prediction"].to_pylist(), frames, strict=True):
        back = values
        if frame is not None:
            back = frame.restored(np.reshape(values, (-1, len(frame.offset)))).ravel().tolist()
        found.append(back)
    at = predictions.column_names.index("prediction")
    return predictions.set_column(at, "prediction", pa.array(found, predictions.schema.field(at).type))


def text_fields(kind: Kind, table: pa.Table) -> list[str]:
    """The input columns that hold one text a row; lists of options are none."""
    names = [name for name in (*kind.input_fields, *kind.optional_fields) if name in table.column_names]
    return [name for name in dict.fromkeys(names) if pa.types.is_string(table.schema.field(name).type)]


def equipped(perturbation: Perturbation, kind: Kind, train: pa.Table) -> Perturbation:
    """The perturbation with those of its options that can be read off the training rows."""
    takes = perturbation.takes
    given: dict[str, Any] = {}
    if takes & {"mentions", "known"} and modality(kind) == "tokens":
        pool = mentions(zip(train["tokens"].to_pylist(), train[kind.label_field].to_pylist(), strict=True))
        given = {"mentions": pool} if "mentions" in takes else {"known": {sort: set(pool[sort]) for sort in pool}}
    if "spread" in takes and modality(kind) == "row" and kind.gather is not None:
        given["spread"] = _spread(train[kind.gather].to_pylist())
    if "items" in takes and modality(kind) == "events":
        columns = (train[name].to_pylist() for name in ("history", kind.label_field))
        given["items"] = [item for history, last in zip(*columns, strict=True) for item in (*history, last)]
    return perturbation.given(**given) if given else perturbation


def lengths(kind: Kind, table: pa.Table, language: str | None) -> np.ndarray | None:
    """Tokens or words of each row's inputs, characters where words are not spaced, int32 [n]; None without text."""
    match modality(kind):
        case "tokens":
            return np.array([len(tokens) for tokens in table["tokens"].to_pylist()], dtype=np.int32)
        case "text":
            columns = [table[name].to_pylist() for name in text_fields(kind, table)]
            unspaced = (language or "").split("-")[0].lower() in UNSPACED
            size: Callable[[str], int] = len if unspaced else lambda text: len(text.split())
            return np.array([sum(size(text or "") for text in row) for row in zip(*columns, strict=True)], np.int32)
    return None


def _by_field(kind: Kind, table: pa.Table, rows: Sequence[tuple[Example, ...]]) -> dict[str, Any]:
    return dict(zip(text_fields(kind, table), zip(*rows, strict=True), strict=True)) if rows else {}


def _input_of(example: Example) -> Any:
    match example:
        case Image(array):
            return array
        case Audio(samples, _):
            return samples
    raise ValueError(f"no input is made of {example.modality}")


def _part_of(example: Example) -> Any:
    match example:
        case Series(values):
            return values
        case Path(positions):
            return positions
        case Events(items):
            return items
    raise ValueError(f"{example.modality} is no part of an input")


def _spread(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Standard deviation of each numeric column, without missing values."""
    columns: dict[str, list[float]] = {}
    for row in rows:
        for name, value in row.items():
            if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
                columns.setdefault(name, []).append(value)
    return {name: float(np.std(values)) for name, values in columns.items()}
