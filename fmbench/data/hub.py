"""The source `hub`: a data set of the Hugging Face hub at a pinned revision, or its local copy.

A local copy is read instead if the task names one (`local`) and its folder lies under `$FMBENCH_DATA`; the result
records which of the two it was.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, model_validator

from fmbench.data.files import Layout, SplitName, read_layout, renamed, unknown_fields
from fmbench.data.formats import Wanted
from fmbench.data.rows import Asked, RawData, Rows
from fmbench.errors import InputError, Problem, nearest, one_line


class LocalCopy(Layout):
    """Files under `$FMBENCH_DATA/<folder>`."""

    folder: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    files: dict[SplitName, str] = Field(min_length=1)


class Hub:
    """A `datasets` repository."""

    class Spec(Layout):
        hub: str = Field(pattern=r"^[\w.-]+(/[\w.-]+)?$", description="ORG/NAME of the data set")
        revision: str | None = Field(
            default=None, pattern=r"^[0-9a-f]{40}$", description="commit of the repository, 40 hex digits"
        )
        branch: str | None = Field(default=None, description="instead of a commit; needs rows_sha256, as it can move")
        rows_sha256: str | None = Field(
            default=None, pattern=r"^[0-9a-f]{64}$", description="fingerprint that the rows must have; else refused"
        )
        config: str | None = None
        splits: dict[SplitName, str] = Field(
            default={"train": "train", "validation": "validation", "test": "test"},
            description="our split -> split of the data set",
        )
        local: LocalCopy | None = None

        @model_validator(mode="after")
        def _pinned(self) -> Hub.Spec:
            if self.revision is None and (self.branch is None or self.rows_sha256 is None):
                raise ValueError("not pinned: give a `revision` of 40 hex digits, or a `branch` and its `rows_sha256`")
            if self.revision is not None and self.branch is not None:
                raise ValueError("give a `revision` or a `branch`, not both")
            return self

        @property
        def reference(self) -> str:
            """The commit or branch to ask the hub for."""
            return str(self.revision or self.branch)

    @staticmethod
    def at_hand(spec: Hub.Spec, base: Path) -> bool:
        return _local_folder(spec) is not None

    @staticmethod
    def read(spec: Hub.Spec, base: Path, asked: Asked) -> RawData:
        folder = _local_folder(spec)
        if spec.local is not None and folder is not None:
            paths: dict[str, list[Path]] = {split: [folder / name] for split, name in spec.local.files.items()}
            source = f"local copy: $FMBENCH_DATA/{spec.local.folder} ({', '.join(spec.local.files.values())})"
            return RawData(read_layout(spec.local, paths, asked), source, expected_sha256=spec.rows_sha256)
        problems = unknown_fields(spec, asked)
        if problems:
            raise InputError(problems)
        wanted = Wanted(asked.fields, asked.optional, spec.columns, gather=asked.gather, drop=tuple(spec.drop))
        splits: dict[str, list[Rows]] = {
            split: [_download(spec, split, name, wanted)] for split, name in spec.splits.items()
        }
        return RawData(splits, f"hub: {spec.hub}", spec.reference, expected_sha256=spec.rows_sha256)


def _local_folder(spec: Hub.Spec) -> Path | None:
    root = os.environ.get("FMBENCH_DATA")
    if not root or spec.local is None:
        return None
    folder = Path(root) / spec.local.folder
    return folder if folder.is_dir() else None


def _download(spec: Hub.Spec, split: str, name: str, wanted: Wanted) -> Rows:
    import datasets

    where = f"{spec.hub}@{spec.reference[:24]}"
    datasets.disable_progress_bars()
    try:
        data = datasets.load_dataset(
            spec.hub, spec.config, split=name, revision=spec.reference, cache_dir=_cache(spec, datasets.config)
        )
    except Exception as error:  # noqa: BLE001 - the client raises anything from OSError to ValueError
        if spec.local is not None:
            hint = f" (offline: put a copy in $FMBENCH_DATA/{spec.local.folder})"
        else:
            hint = f" (offline: load {spec.hub} once with network, then its cache is read; or name a `local` copy)"
        what = f"cannot load split {name!r} of {where} from the hub: {one_line(str(error))[:200]}{hint}"
        raise InputError(Problem(what)) from None
    data = _as_files(data)
    present = [field for field in wanted.optional if wanted.column(field) in data.column_names]
    columns: dict[str, list[Any]] = {}
    for field in (*wanted.plain, *present):
        column = str(wanted.column(field))
        if column not in data.column_names:
            what = f"{where} has no column {column!r} (it has {', '.join(data.column_names)})"
            raise InputError(Problem(what, hint=nearest(column, data.column_names)))
        columns[field] = _plain(data.features[column], list(data[column]), spec.values.get(field, {}))
    if wanted.gather is not None:
        taken = {str(wanted.column(field)) for field in columns} | set(wanted.drop)
        others = [column for column in data.column_names if column not in taken]
        values = [_plain(data.features[column], list(data[column]), {}) for column in others]
        columns[wanted.gather] = [dict(zip(others, row, strict=True)) for row in zip(*values, strict=True)]
    return Rows(columns, f"{where}/{name}")


def _as_files(data: Any) -> Any:
    """Images and recordings stay what they are in the repository: mappings of `bytes` and `path`."""
    for name, feature in data.features.items():
        if hasattr(feature, "decode") and hasattr(feature, "decode_example"):
            data = data.cast_column(name, type(feature)(decode=False))
    return data


def _cache(spec: Hub.Spec, config: Any) -> str:
    """A folder for this revision alone: without network the client takes the latest rows of any that it finds."""
    reference = spec.reference.replace("/", "_")
    return str(Path(config.HF_DATASETS_CACHE) / "fmbench" / reference / (spec.config or "default"))


def _plain(feature: Any, values: list[Any], names: dict[str, str]) -> list[Any]:
    """Class numbers as their names, also inside lists; then `names` applied."""
    inner = getattr(feature, "feature", None)
    if hasattr(feature, "int2str"):
        values = [feature.int2str(value) if value is not None and value >= 0 else None for value in values]
    elif inner is not None and hasattr(inner, "int2str"):
        values = [row and [inner.int2str(item) for item in row] for row in values]
    return [renamed(value, names) for value in values] if names else values
