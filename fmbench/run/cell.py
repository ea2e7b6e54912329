"""One cell: load, fit, predict, measure. The only place where test rows meet a fitted predictor."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from fmbench.adapt.adaptation import Fitted
from fmbench.data.dataset import Dataset
from fmbench.data.rationales import rationales_of
from fmbench.engine.context import FitContext, Step
from fmbench.errors import FmbenchError, one_line
from fmbench.measure.efficiency import reset_peak_memory
from fmbench.measure.evidence import Evidence
from fmbench.measure.judge import judge, missing
from fmbench.measure.quality import score
from fmbench.measure.scene import Collects, Elsewhere, Scene, Times
from fmbench.models.loader import Identity
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS, MEASURES, METRICS
from fmbench.run.chance import ChanceLevels
from fmbench.run.environment import Moment, environment, moment
from fmbench.run.identity import main_metrics
from fmbench.run.measures import Answers, measured_by, measures_of, stored_of
from fmbench.run.result import DataInfo, Error, ModelInfo, Result, finite
from fmbench.suite.plan import Cell
from fmbench.suite.schema import Suite
from fmbench.tasks.examples import Examples, model_inputs
from fmbench.tasks.kind import predictions_table


@dataclass(frozen=True)
class Job:
    """A cell with its data read and its identity known.

    Args:
        error: why its model cannot even be found.
        elsewhere: test rows of other tasks that its measures need, by name of the task.
    """

    cell: Cell
    data: Dataset
    identity: Identity
    hash: str
    error: Exception | None = None
    elsewhere: Mapping[str, Elsewhere] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """The process that computes a cell, as far as the cell knows it.

    Args:
        workers: how many processes share the machine for this run.
        threads: of each of them; None leaves it to the libraries.
        clock: `time.monotonic`, without the time in which the process was stopped for the sake of others.
        alone: a context in which no other cell of this run is computed.
        chances: chance levels of the tasks it has seen.
    """

    workers: int = 1
    threads: int | None = None
    clock: Callable[[], float] = time.monotonic
    alone: Callable[[], AbstractContextManager[None]] = nullcontext
    chances: ChanceLevels = field(default_factory=ChanceLevels)

    def environment(self, device: str, before: Moment | None = None) -> dict[str, Any]:
        """Machine, packages, device, threads and workers, for the result; `before` is when the cell began."""
        threads = {} if self.threads is None else {"threads": self.threads}
        return threads | environment(device, before) | {"workers": self.workers}


def attempt(
    suite: Suite, job: Job, device: str, on_step: Callable[[Step], None], host: Host | None = None
) -> tuple[Result, pa.Table | None]:
    """Compute one cell; whatever it raises becomes a failed result without predictions."""
    host = host or Host()
    start = host.clock()
    try:
        return compute(suite, job, device, on_step, host)
    except Exception as error:  # noqa: BLE001 - one cell's failure, of whatever sort, must not stop the others
        return failed(suite, job, device, error, host.clock() - start, host), None


def compute(
    suite: Suite, job: Job, device: str, on_step: Callable[[Step], None], host: Host | None = None
) -> tuple[Result, pa.Table]:
    """Compute one cell. Raises whatever goes wrong; `failed` makes a result of it."""
    host = host or Host()
    if job.error is not None:
        raise job.error
    cell, data = job.cell, job.data
    kind = KINDS[cell.task.spec.kind]
    metrics = main_metrics(cell)
    started_at, start = datetime.now(UTC), host.clock()
    before, memory_at_start = moment(), reset_peak_memory()
    model = LOADERS[cell.model.spec.loader].load(cell.model)
    load_seconds = host.clock() - start
    context = context_of(suite, cell, data, metrics[0], device, on_step, host.clock)
    fit_start = host.clock()
    examples = Examples(
        kind, data.labels, data.train, data.validation, data.score_range, data.side, cell.task.options, cell.task.name
    )
    fitted: Fitted = ADAPTATIONS[cell.adaptation].fit(model, examples, cell.settings, context)
    fit_seconds = host.clock() - fit_start
    inputs = model_inputs(kind, data.test, cell.task.options)
    answers = Answers(fitted.scorer.predict)
    predictions = kind.annotate(kind.predictions(answers, inputs, data.test, data.labels, cell.task.options), data.side)
    predictions = predictions.replace_schema_metadata({"labels": "\n".join(data.labels), "kind": kind.name})
    evidence = Evidence(
        fitted.predictor,
        data.test,
        inputs,
        data.labels,
        device,
        load_seconds,
        fit_seconds,
        fit_work=fitted.work,
        fit_training_seconds=fitted.work_seconds,
        memory_at_start=memory_at_start,
        task=cell.task,
        kind=kind,
        predictions=predictions,
        rationales=rationales_of(cell.task),
    )
    timings = []
    timed = {name: settings for name, settings in suite.measures.items() if isinstance(MEASURES[name], Times)}
    with host.alone() if timed else nullcontext():
        for name, settings in timed.items():
            timings += MEASURES[name].measure(evidence, settings)
    scene = Scene(
        kind,
        fitted.scorer.predict,
        fitted.predictor.predict,
        lambda table: model_inputs(kind, table, cell.task.options),
        data.train,
        data.validation,
        data.test,
        inputs,
        answers.only(),
        data.labels,
        cell.task.options,
        cell.task.spec.language,
        data.side,
        job.elsewhere,
        evidence.notes,
    )
    measures = measures_of(suite, cell)
    for name, settings in measures.items():
        if isinstance(MEASURES[name], Collects):
            predictions = MEASURES[name].collect(scene, settings, predictions)
    stored = stored_of(predictions, cell, data.labels)
    judged = judge(stored, measures)
    result = _result(suite, job, device, started_at, host.clock() - start, host).model_copy(
        update={
            "measurements": judged.measurements + timings,
            "curves": finite(fitted.curves | judged.curves),
            "model_info": _model_info(job.identity, fitted),
            "settings": settings_of(cell) | {"fit": fitted.notes, "measured": measured_by(cell, measures)},
            "environment": host.environment(device, before) | {"missing": evidence.notes | missing(stored, measures)},
        }
    )
    result.tables.update(evidence.tables)
    return result, predictions


def failed(suite: Suite, job: Job, device: str, error: BaseException, seconds: float, host: Host) -> Result:
    """The result of a cell that raised `error`."""
    message = one_line(str(error)) or type(error).__name__
    what = message if isinstance(error, FmbenchError) else f"{type(error).__name__}: {message}"
    update = {"status": "failed", "error": Error(type=type(error).__name__, message=what[:500])}
    return _result(suite, job, device, datetime.now(UTC), seconds, host).model_copy(update=update)


def context_of(
    suite: Suite,
    cell: Cell,
    data: Dataset,
    metric_name: str,
    device: str,
    on_step: Callable[[Step], None],
    clock: Callable[[], float],
) -> FitContext:
    """What fitting `cell` may know: seed, device, the validation score, and when time is up."""
    kind, metric = KINDS[cell.task.spec.kind], METRICS[metric_name]

    def validate(scores: Any) -> float:
        return score(metric, predictions_table(kind, data.validation, scores, data.labels), data.labels)

    deadline = clock() + 60 * suite.limits.minutes_per_cell
    return FitContext(cell.seed, device, validate, metric.higher_is_better, on_step, deadline, clock=clock)


def _result(suite: Suite, job: Job, device: str, started_at: datetime, seconds: float, host: Host) -> Result:
    cell, data = job.cell, job.data
    task = cell.task.spec
    return Result(
        schema="fmbench.result/1",
        status="ok",
        error=None,
        suite=suite.name,
        suite_version=suite.version,
        task=task.name,
        task_version=task.version,
        domain=task.domain,
        kind=task.kind,
        model=cell.model.name,
        adaptation=cell.adaptation,
        seed=cell.seed,
        cell_hash=job.hash,
        main_metric=main_metrics(cell)[0],
        measurements=[],
        curves={},
        data=DataInfo(
            source=data.source,
            revision=data.revision,
            license=data.license,
            fingerprint=data.fingerprint,
            rows=data.rows,
            labels=list(data.labels),
            notes=list(data.notes),
            ceiling=dict(data.ceiling) or None,
            chance=host.chances.of(cell.task, data, main_metrics(cell)[0]),
        ),
        model_info=_model_info(job.identity, None),
        settings=settings_of(cell),
        environment=host.environment(device),
        started_at=started_at.isoformat(timespec="seconds"),
        seconds=round(seconds, 3),
    )


def _model_info(identity: Identity, fitted: Fitted | None) -> ModelInfo:
    return ModelInfo(
        source=identity.source,
        revision=identity.revision,
        weights_sha256=identity.weights_sha256,
        parameters=fitted.parameters if fitted else None,
        trainable_parameters=fitted.trainable_parameters if fitted else None,
    )


def settings_of(cell: Cell) -> dict[str, Any]:
    return {
        "model": cell.model.settings.model_dump(mode="json"),
        "adaptation": cell.settings.model_dump(mode="json"),
        "cluster_key": cell.task.spec.cluster_key,
    }
