"""The source `corpus`: text that ships with fmbench."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from fmbench.catalog import CORPORA
from fmbench.data.files import Layout, read_layout
from fmbench.data.rows import SPLITS, Asked, RawData
from fmbench.errors import InputError, Problem, nearest


class Corpus:
    """A folder `train.*`, `validation.*`, `test.*` and DATASHEET.md under fmbench/catalog/corpora."""

    class Spec(Layout):
        corpus: str = Field(description="name of a corpus that ships with fmbench")

    @staticmethod
    def at_hand(spec: Corpus.Spec, base: Path) -> bool:
        return True

    @staticmethod
    def read(spec: Corpus.Spec, base: Path, asked: Asked) -> RawData:
        names = sorted(path.name for path in CORPORA.iterdir() if path.is_dir())
        if spec.corpus not in names:
            raise InputError(Problem(f"unknown corpus {spec.corpus!r}", hint=nearest(spec.corpus, names)))
        folder = CORPORA / spec.corpus
        paths = {split: sorted(folder.glob(f"{split}.*")) for split in SPLITS}
        return RawData(read_layout(spec, paths, asked), f"corpus: {spec.corpus}")
