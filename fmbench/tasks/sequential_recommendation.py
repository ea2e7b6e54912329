"""sequential-recommendation: which item a user takes next, out of the whole catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from pydantic import Field

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem
from fmbench.suite.schema import Spec, Split
from fmbench.tasks.catalogue import complete_table, counted, in_time, names, numbered, stored_rankings, times
from fmbench.tasks.defaults import Columns, Defaults
from fmbench.tasks.kind import Readout, Target

AT = 10


class RecommendationOptions(Spec):
    """How a recommendation task is put."""

    exclude_seen: bool = Field(default=True, description="items of a user's history are never recommended to them")


class SequentialRecommendation(Defaults):
    """Rows `user`, `item` and, if there is one, `time`; else the order of the file is that of time.

    The last item of each user is the test, the last but one validation, as is the custom (Kang and McAuley 2018,
    1808.09781); users of fewer than three items only train. If the source has its own test rows, each of those is to be
    found after all that the user took before. The table `items` (item, text) may add texts, and items that nobody took.

    In the assembled rows items are numbers: rows of the table `items`, to which `count` is added, how often each is
    taken in train. A model reads [user, history] and ranks the whole catalogue.
    """

    name: ClassVar[str] = "sequential-recommendation"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("user", "history", "item")
    input_fields: ClassVar[tuple[str, ...]] = ("user", "history")
    modality: ClassVar[str | None] = "events"
    label_field: ClassVar[str] = "item"
    readout: ClassVar[Readout] = "none"
    target: ClassVar[Target] = "ranking"
    metrics: ClassVar[tuple[str, ...]] = (
        "ndcg@10",
        "hr@1",
        "hr@5",
        "hr@10",
        "mrr",
        "coverage@10",
        "novelty@10",
        "popularity_bias@10",
    )
    raw_fields: ClassVar[tuple[str, ...] | None] = ("user", "item")
    optional_fields: ClassVar[tuple[str, ...]] = ("time",)
    side: ClassVar[Mapping[str, tuple[str, ...]]] = {"items": ("item", "text")}
    Options: ClassVar[type[Spec]] = RecommendationOptions

    @staticmethod
    def conform(rows: Rows) -> tuple[Columns, list[Problem]]:
        problems: list[Problem] = []
        columns = {field: names(rows, field, problems) for field in ("user", "item")}
        at = times(rows, problems)
        return {**rows.columns, **columns, **({} if at is None else {"time": at})}, problems

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: dict[str, Columns], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        used = [item for rows in splits.values() for item in rows["item"]]
        items, added = complete_table(side.get("items"), "item", used, "items")
        number = numbered(items, "item")
        numbers = {name: [number[item] for item in rows["item"]] for name, rows in splits.items()}
        notes = ["full ranking over all items of the catalogue"]
        if "test" in splits:
            rows = _own_splits(splits, numbers)
            notes.append("the source's own test rows, each after all that its user took before")
        else:
            rows, short = _leave_last_out(splits["train"], numbers["train"])
            notes.append("test is the last item of each user, validation the last but one")
            if short:
                notes.append(f"{short} users of fewer than three items are in train only")
        if added:
            notes.append(f"{added} items are not in the table of items and have no text")
        if "time" not in splits["train"]:
            notes.append("no time: the order of the rows is taken for it")
        if options.exclude_seen and "test" in rows:
            seen = sum(
                item in history for item, history in zip(rows["test"]["item"], rows["test"]["history"], strict=True)
            )
            notes.append("items of the history are not recommended")
            if seen:
                notes.append(f"{seen} test items are in the history, so that nothing can find them (exclude_seen)")
        sequences = ([*h, i] for h, i in zip(rows["train"]["history"], rows["train"]["item"], strict=True))
        items["count"] = counted(sequences, len(items["item"]))
        side["items"] = items
        return rows, notes

    @staticmethod
    def strata(rows: Columns) -> list[str]:
        return [""] * len(rows["user"])

    @staticmethod
    def degenerate(train: Columns, labels: tuple[str, ...]) -> str | None:
        if train["item"] and len({*train["item"], *(i for history in train["history"] for i in history)}) < 2:
            return "the train split has only one item, so there is nothing to rank"
        return None

    @staticmethod
    def outputs(labels: Sequence[str]) -> tuple[str, ...]:
        return ()

    @staticmethod
    def targets(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
        return np.asarray(table["item"].to_numpy(), dtype=np.int64)

    @staticmethod
    def part(item: list[Any]) -> list[int]:
        return list(item[1])

    @staticmethod
    def with_part(item: list[Any], part: Sequence[int]) -> list[Any]:
        return [item[0], list(part), *item[2:]]

    @staticmethod
    def decode(scores: np.ndarray, table: pa.Table, labels: Sequence[str]) -> tuple[pa.Array, pa.Array]:
        return stored_rankings(scores)

    @staticmethod
    def annotate(predictions: pa.Table, side: Mapping[str, pa.Table]) -> pa.Table:
        """Adds `gold_item` (its name), `catalogue` (its size), and for the first ten items of each ranking
        `self_information` (bits, Zhou et al. 2010: -log2 of the share of train, one added to every count) and
        `popularity` (share of the catalogue that is taken less often, ties by half)."""
        items = side["items"]
        counts = np.asarray(items["count"].to_numpy(), dtype=np.float64)
        bits = -np.log2((counts + 1) / (counts.sum() + len(counts)))
        ordered = np.sort(counts)
        below, upto = np.searchsorted(ordered, counts), np.searchsorted(ordered, counts, side="right")
        popular = (below + upto) / (2 * len(counts))
        tops = predictions["prediction"].combine_chunks()
        lengths = np.minimum(np.diff(tops.offsets.to_numpy()), AT)
        starts = tops.offsets.to_numpy()[:-1]
        flat = np.concatenate([np.arange(s, s + n) for s, n in zip(starts, lengths, strict=True)]).astype(np.int64)
        chosen = tops.values.to_numpy()[flat]
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        for name, values in (("self_information", bits), ("popularity", popular)):
            lists = pa.ListArray.from_arrays(offsets, pa.array(values[chosen].astype(np.float32)))
            predictions = predictions.append_column(name, lists)
        predictions = predictions.append_column("catalogue", pa.array(np.full(len(predictions), len(counts), np.int32)))
        return predictions.append_column("gold_item", items["item"].take(predictions["gold"]))


def _leave_last_out(rows: Columns, numbers: list[int]) -> tuple[dict[str, Columns], int]:
    """Train, validation and test rows; and how many users are too short for the latter two."""
    found: dict[str, Columns] = {name: {} for name in ("train", "validation", "test")}
    short = 0
    for user, mine in in_time(rows).items():
        ends = {"train": len(mine)}
        if len(mine) < 3:
            short += 1
        else:
            ends = {"train": len(mine) - 2, "validation": len(mine) - 1, "test": len(mine)}
        for name, end in ends.items():
            history = [numbers[i] for i in mine[: end - 1]]
            _append(found[name], rows, mine[end - 1], user, history, numbers[mine[end - 1]], user)
    if not found["test"]:
        raise InputError(f"no user has three items or more ({short} users): there is nothing to hold out")
    return found, short


def _own_splits(splits: dict[str, Columns], numbers: dict[str, list[int]]) -> dict[str, Columns]:
    """Rows of the source's own splits; without validation rows, the last item in train of each user is that."""
    found: dict[str, Columns] = {"train": {}, "validation": {}, "test": {}}
    past = {user: [numbers["train"][i] for i in mine] for user, mine in in_time(splits["train"]).items()}
    for user, mine in in_time(splits["train"]).items():
        own = [numbers["train"][i] for i in mine]
        held = "validation" not in splits and len(own) > 1
        if held:
            _append(found["validation"], splits["train"], mine[-1], user, own[:-1], own[-1], user)
        end = len(own) - held
        _append(found["train"], splits["train"], mine[end - 1], user, own[: end - 1], own[end - 1], user)
    for name in ("validation", "test"):
        for user, mine in in_time(splits[name]).items() if name in splits else ():
            own = [numbers[name][i] for i in mine]
            for k, i in enumerate(mine):
                identity = user if len(mine) == 1 else f"{user}-{k}"
                _append(found[name], splits[name], i, user, list(past.get(user, [])), own[k], identity)
            past[user] = [*past.get(user, []), *own]
    return found


def _append(into: Columns, rows: Columns, i: int, user: str, history: list[int], item: int, identity: str) -> None:
    own = {"user": user, "history": history, "item": item}
    others = {name: values[i] for name, values in rows.items() if name not in (*own, "time")}
    for name, value in ({"id": identity} | others | own).items():
        into.setdefault(name, []).append(value)
