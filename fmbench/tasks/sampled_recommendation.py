"""sampled-recommendation: recommendation by a public protocol that ranks an item among a few given others only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from fmbench.data.rows import Rows
from fmbench.errors import InputError, Problem
from fmbench.suite.schema import Split
from fmbench.tasks.catalogue import complete_table, counted, names, numbered
from fmbench.tasks.defaults import Columns
from fmbench.tasks.sequential_recommendation import SequentialRecommendation


class SampledRecommendation(SequentialRecommendation):
    """Rows `user`, `item` and `candidates`, a list of the items that it is ranked among.

    A kind of its own with metrics of their own (`sampled_hr@10`): sampled ranks are no estimate of full ones, and may
    order models otherwise (Krichene and Rendle 2020). What users took before may come as the table `interactions`
    (user, item); without it histories are empty and only pretrained models have something to say.

    Candidates that are named twice, or are the item itself, count once (NCF drew with replacement, and its own
    evaluation counts so). The item to find stands at a random place among its candidates, so that a model that gives
    all the same score finds it by chance only.
    """

    name: ClassVar[str] = "sampled-recommendation"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("user", "history", "candidates", "item")
    input_fields: ClassVar[tuple[str, ...]] = ("user", "history", "candidates")
    metrics: ClassVar[tuple[str, ...]] = ("sampled_ndcg@10", "sampled_hr@10", "sampled_mrr")
    raw_fields: ClassVar[tuple[str, ...] | None] = ("user", "item", "candidates")
    optional_fields: ClassVar[tuple[str, ...]] = ()
    side: ClassVar[Mapping[str, tuple[str, ...]]] = {"items": ("item", "text"), "interactions": ("user", "item")}
    may_lack: ClassVar[tuple[str, ...]] = ("train", "validation")

    @staticmethod
    def conform(rows: Rows) -> tuple[Columns, list[Problem]]:
        problems: list[Problem] = []
        columns: Columns = {field: names(rows, field, problems) for field in ("user", "item")}
        columns["candidates"] = []
        for i, given in enumerate(rows.columns["candidates"]):
            if not isinstance(given, list) or not given or any(one is None or one != one for one in given):
                problems.append(Problem("candidates is not a list of items", rows.place(i)))
                given = []
            others = [str(one).strip() for one in given]
            columns["candidates"].append(others)
        return {**rows.columns, **columns}, problems

    @staticmethod
    def assemble(
        splits: dict[str, Columns], side: dict[str, Columns], options: Any, split: Split
    ) -> tuple[dict[str, Columns], list[str]]:
        if "test" not in splits:
            raise InputError("sampled ranking needs test rows: its candidates belong to a published protocol")
        taken = side.get("interactions", {"user": [], "item": []})
        pairs = [(str(u).strip(), str(i).strip()) for u, i in zip(taken["user"], taken["item"], strict=True)]
        used = [item for _, item in pairs]
        for rows in splits.values():
            used += [*rows["item"], *(one for others in rows["candidates"] for one in others)]
        items, _ = complete_table(side.get("items"), "item", used, "items")
        number = numbered(items, "item")
        histories: dict[str, list[int]] = {}
        for user, item in pairs:
            histories.setdefault(user, []).append(number[item])
        rng = np.random.default_rng(0)
        found = {name: _numbered_rows(rows, number, histories, rng) for name, rows in splits.items()}
        empty: Columns = {name: [] for name in found["test"]}
        found.setdefault("validation", empty)
        if "train" not in found:
            found["train"] = {name: [] for name in empty}
            for user, history in histories.items():
                row = {"user": user, "history": history[:-1], "item": history[-1], "candidates": [], "id": user}
                for name in empty:
                    found["train"][name].append(row.get(name, ""))
        test = splits["test"]
        twice = sum(
            len({item, *others}) < 1 + len(others)
            for item, others in zip(test["item"], test["candidates"], strict=True)
        )
        sizes = sorted({len(candidates) - 1 for candidates in found["test"]["candidates"]})
        items["count"] = counted(histories.values(), len(items["item"]))
        side["items"] = items
        side.pop("interactions", None)
        among = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
        notes = [f"SAMPLED ranking: each item among {among} given ones; not comparable with ranks over all items"]
        if twice:
            notes.append(f"{twice} rows name an item twice, or the one to find as a candidate; it counts once")
        if not pairs:
            notes.append("no interactions: histories are empty, nothing can be fitted")
        return found, notes

    @staticmethod
    def annotate(predictions: pa.Table, side: Mapping[str, pa.Table]) -> pa.Table:
        """Adds `gold_item`, its name."""
        return predictions.append_column("gold_item", side["items"]["item"].take(predictions["gold"]))


def _numbered_rows(
    rows: Columns, number: dict[str, int], histories: dict[str, list[int]], rng: np.random.Generator
) -> Columns:
    found: Columns = {name: list(values) for name, values in rows.items()}
    found["item"] = [number[item] for item in rows["item"]]
    found["history"] = [histories.get(user, []) for user in rows["user"]]
    found["candidates"] = [
        rng.permutation([item, *(number[one] for one in dict.fromkeys(others) if number[one] != item)]).tolist()
        for item, others in zip(found["item"], rows["candidates"], strict=True)
    ]
    return found
