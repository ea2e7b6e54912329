"""The source `generator`: rows made by a seeded program, which states a bound of the scores on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from pydantic import Field, ValidationError, model_validator

from fmbench.data.rows import SPLITS, Asked, RawData, Rows
from fmbench.errors import InputError, Problem, nearest
from fmbench.registry import GENERATORS
from fmbench.suite.schema import Spec

Columns = dict[str, list[Any]]


@dataclass(frozen=True)
class Generated:
    """What a generator made.

    Args:
        splits: "train", "validation" and "test" -> columns of equal length.
        side: tables beside the rows.
        ceiling: metric -> a bound that nothing can be expected to pass on this test split: by Bayes' rule (exact), or
            of an oracle that knows more than a model can (loose). Metrics without a true bound are left out.
        notes: what a reader of the result should know of these rows.
    """

    splits: dict[str, Columns]
    side: Mapping[str, Columns] = field(default_factory=dict)
    ceiling: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Generator(Protocol):
    """A seeded program that makes rows; the objects named in the registry GENERATORS follow this.

    The same settings and version give the same rows on every platform: numbers come from numpy's PCG64 and are rounded
    before they are stored.
    """

    version: ClassVar[int]
    Settings: ClassVar[type[Spec]]

    @staticmethod
    def generate(settings: Any) -> Generated: ...


class GeneratorSource:
    """A registered generator with its settings."""

    class Spec(Spec):
        generator: str = Field(description="name of a registered generator")
        settings: dict[str, Any] = Field(default={}, description="of the generator: seed, sizes, difficulty")

        @model_validator(mode="after")
        def _known(self) -> GeneratorSource.Spec:
            if self.generator not in GENERATORS:
                hint = nearest(self.generator, GENERATORS)
                known = f"did you mean {hint!r}?" if hint else f"known: {', '.join(GENERATORS)}"
                raise ValueError(f"unknown generator {self.generator!r}; {known}")
            try:
                GENERATORS[self.generator].Settings.model_validate(self.settings)
            except ValidationError as error:
                first = error.errors(include_url=False)[0]
                where = ".".join(str(part) for part in first["loc"])
                raise ValueError(f"settings of {self.generator}: {where}: {first['msg']}") from None
            return self

    @staticmethod
    def at_hand(spec: GeneratorSource.Spec, base: Path) -> bool:
        return True

    @staticmethod
    def read(spec: GeneratorSource.Spec, base: Path, asked: Asked) -> RawData:
        """Rows of every split. Raises InputError if the generator is not for this kind of task."""
        owner = GENERATORS[spec.generator]
        made: Generated = owner.generate(owner.Settings.model_validate(spec.settings))
        missing = [name for name in asked.fields if any(name not in columns for columns in made.splits.values())]
        if missing:
            has = ", ".join(made.splits["train"])
            raise InputError(Problem(f"the generator {spec.generator!r} gives no {missing[0]!r} (it gives {has})"))
        wanted = {*asked.fields, *asked.optional}
        rows = {
            split: [Rows({n: v for n, v in made.splits[split].items() if n in wanted}, f"{spec.generator}/{split}")]
            for split in SPLITS
            if split in made.splits
        }
        source = f"generator: {spec.generator} version {owner.version}"
        return RawData(rows, source, notes=made.notes, side=made.side, ceiling=made.ceiling)
