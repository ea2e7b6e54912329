"""The words of a suite file, a task file and a model file, as typed and frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from fmbench.errors import Place

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]


class Spec(BaseModel):
    """Base of everything that is declared: unknown keys are errors, types are not guessed, values do not change."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Limits(Spec):
    """What a cell may cost before it is stopped and recorded as failed."""

    minutes_per_cell: float = Field(default=60.0, gt=0, description="wall-clock minutes one cell may take")


class Gate(Spec):
    """What `fmbench gate` lets pass. Margins are in the units of the metric: 0.01 is one point of accuracy."""

    margin: float = Field(default=0.01, gt=0, description="loss of a metric that does not matter")
    margins: dict[str, Annotated[float, Field(gt=0)]] = Field(
        default={}, description="metric -> its own margin; metrics named here are gated beside the main one"
    )
    alpha: float = Field(default=0.01, gt=0, lt=0.5, description="chance that any regression is called without cause")
    inconclusive: Literal["warn", "fail"] = Field(default="warn", description="what an undecided metric does")
    speed_margin: float = Field(default=0.05, gt=0, description="share of time by which a cell may become slower")
    memory_margin: float = Field(default=0.1, gt=0, description="share by which its peak memory may grow")


class SuiteFile(Spec):
    """The top level of a suite file. Tasks, settings and measures are checked by those who own them."""

    suite: Name = Field(description="name of the suite and of its folder under reports/")
    version: int = Field(default=1, ge=1, description="raise it when the suite changes meaning")
    description: str = ""
    models: list[str | dict[str, Any]] = Field(
        min_length=1, description="catalog names, hf:ORG/NAME[@revision], folders, or inline model mappings"
    )
    tasks: list[str | dict[str, Any]] = Field(min_length=1, description="catalog names or inline task mappings")
    adaptations: dict[str, dict[str, Any] | None] = Field(min_length=1, description="name -> settings")
    seeds: list[Seed] = Field(default=[0], min_length=1, description="one cell for each")
    measure: dict[str, Any] = Field(default={}, description="what to measure besides quality")
    limits: Limits = Limits()
    gate: Gate = Gate()


class Split(Spec):
    """How missing splits are cut from the training rows: seeded and stratified by label."""

    validation: float = Field(default=0.1, gt=0, lt=1, description="share of the training rows")
    test: float = Field(default=0.2, gt=0, lt=1, description="share of the training rows")
    seed: Seed = 0


class TaskFile(Spec):
    """A task: data, kind, label space and metrics."""

    name: Name
    kind: str
    data: dict[str, Any] = Field(description="one of files, hub, corpus, with its settings")
    version: int = Field(default=1, ge=1, description="raise it when rows or labels are corrected")
    domain: str = "general"
    description: str = ""
    language: str = "en"
    license: str | None = None
    labels: list[str] | None = Field(default=None, min_length=2, description="label space; else read from train")
    score_range: list[float] | None = Field(
        default=None, min_length=2, max_length=2, description="lowest and highest score; else as seen in train"
    )
    metrics: list[str] | None = Field(default=None, min_length=1, description="the first is the main metric")
    options: dict[str, Any] = Field(default={}, description="settings of the kind")
    split: Split = Split()
    slices: list[str] = Field(default=[], description="columns of the data by which scores are reported as well")
    keep: list[str] = Field(
        default=[], description="columns of the data that stay beside the predictions, for measures"
    )
    cluster_key: str | None = Field(default=None, description="column whose values group dependent rows")

    @field_validator("score_range")
    @classmethod
    def _rising(cls, ends: list[float] | None) -> list[float] | None:
        if ends is not None and not ends[0] < ends[1]:
            raise ValueError(f"the lowest score must be below the highest, got [{ends[0]:g}, {ends[1]:g}]")
        return ends


class Weights(Spec):
    """Where a pretrained model lies: exactly one of a Python package, a folder, or a hub repository."""

    package: str | None = Field(
        default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", description="importable package that carries the weights"
    )
    folder: str | None = Field(default=None, min_length=1, description="folder, inside the package if one is named")
    hub: str | None = Field(default=None, pattern=r"^[\w.-]+(/[\w.-]+)?$", description="ORG/NAME on the model hub")
    revision: str | None = Field(default=None, min_length=1, description="commit of the hub repository")
    trust_remote_code: bool = Field(default=False, description="run code that the repository brings")


class ModelFile(Spec):
    """A model: a loader and, for pretrained ones, where its weights are."""

    name: str = Field(min_length=1, max_length=300)
    loader: str
    description: str = ""
    license: str | None = None
    weights: Weights | None = None
    settings: dict[str, Any] = {}


@dataclass(frozen=True)
class Task:
    """A task with everything that its file names looked up; data source and kind type `source_spec` and `options`."""

    spec: TaskFile
    source: str
    source_spec: Any
    base: Path
    place: Place
    options: Any = None

    @property
    def name(self) -> str:
        return self.spec.name


@dataclass(frozen=True)
class Model:
    """A model with its loader's settings checked; folders are relative to `base`."""

    spec: ModelFile
    settings: Any
    base: Path
    place: Place

    @property
    def name(self) -> str:
        return self.spec.name


@dataclass(frozen=True)
class Suite:
    """A suite file with all names resolved and all settings typed."""

    name: str
    version: int
    description: str
    tasks: tuple[Task, ...]
    models: tuple[Model, ...]
    adaptations: dict[str, Any]
    seeds: tuple[int, ...]
    measures: dict[str, Any]
    limits: Limits
    gate: Gate
    path: Path
    place: Place
