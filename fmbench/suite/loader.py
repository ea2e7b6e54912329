"""Suite file -> Suite: reads, types and resolves, and reports everything that is wrong at once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fmbench import catalog
from fmbench.errors import InputError, Problem, nearest
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS, MEASURES, METRICS, SOURCES
from fmbench.suite.marks import Document, YamlPath, parse_yaml, read_yaml
from fmbench.suite.problems import Problems, short
from fmbench.suite.schema import Model, ModelFile, Suite, SuiteFile, Task, TaskFile, Weights

_DECLARED = {"class": {"labels"}, "classes": {"labels"}, "score": {"score_range"}}
_TARGETS = {
    "class": "classes",
    "classes": "sets of classes",
    "score": "scores",
    "vector": "series of numbers",
    "ranking": "ranked items",
    "choice": "options of their own",
    "text": "texts",
}
_HUB_MODEL = re.compile(r"hf:(?P<id>[\w.-]+(/[\w.-]+)?)(@(?P<revision>[\w./-]+))?\Z")


def load_suite(path: Path, overrides: Sequence[str] = ()) -> Suite:
    """Read a suite file; `overrides` are `dotted.key=value` strings. Raises InputError with all problems."""
    document = read_yaml(path)
    problems = Problems(document)
    _override(document, overrides)
    file = problems.validate(SuiteFile, document.value)
    value = document.value if isinstance(document.value, dict) else {}
    base = path.parent
    tasks = _each(problems, value, "tasks", lambda item, at: _task(problems, item, at, base))
    kinds = frozenset(task.spec.kind for task in tasks if task)
    models = _each(problems, value, "models", lambda item, at: _model(problems, item, at, base, kinds))
    adaptations = _settings(problems, value, "adaptations", ADAPTATIONS)
    measures = _settings(problems, value, "measure", MEASURES)
    _gated_metrics(problems, value, kinds if all(tasks) else frozenset())
    _fitting(problems, measures, [task for task in tasks if task])
    _unique(problems, [str(seed) for seed in _list(value, "seeds")], ("seeds",), "seed")
    _unique(problems, [task.name if task else "" for task in tasks], ("tasks",), "task")
    _unique(problems, [model.name if model else "" for model in models], ("models",), "model")
    problems.raise_any()
    assert file is not None
    return Suite(
        name=file.suite,
        version=file.version,
        description=file.description,
        tasks=tuple(task for task in tasks if task),
        models=tuple(model for model in models if model),
        adaptations=adaptations,
        seeds=tuple(file.seeds),
        measures=measures,
        limits=file.limits,
        gate=file.gate,
        path=path,
        place=document.place(),
    )


def load_task(path: Path) -> Task:
    """Read one task file of the catalog or of a user. Raises InputError."""
    document = read_yaml(path)
    problems = Problems(document)
    task = _inline_task(problems, document.value, (), path.parent)
    problems.raise_any()
    assert task is not None
    return task


def load_model(path: Path) -> Model:
    """Read one model file of the catalog or of a user. Raises InputError."""
    document = read_yaml(path)
    problems = Problems(document)
    model = _inline_model(problems, document.value, (), path.parent)
    problems.raise_any()
    assert model is not None
    return model


def _override(document: Document, overrides: Sequence[str]) -> None:
    for text in overrides if isinstance(document.value, dict) else ():
        key, equals, raw = text.partition("=")
        if not equals or not key.strip():
            raise InputError(f"--set {text!r}: expected key=value")
        parts = key.strip().split(".")
        node = document.value
        for depth, part in enumerate(parts[:-1], 1):
            if node.get(part) is None:
                node[part] = {}
            node = node[part]
            if not isinstance(node, dict):
                raise InputError(f"--set {text!r}: {'.'.join(parts[:depth])} is not a mapping")
        node[parts[-1]] = parse_yaml(raw, "--set").value if raw.strip() else None


def _list(value: dict[str, Any], key: str) -> list[Any]:
    items = value.get(key)
    return items if isinstance(items, list) else []


def _each(problems: Problems, value: dict[str, Any], key: str, load: Any) -> list[Any]:
    return [load(item, (key, i)) if isinstance(item, str | dict) else None for i, item in enumerate(_list(value, key))]


def _unique(problems: Problems, names: list[str], base: YamlPath, what: str) -> None:
    for i, name in enumerate(names):
        if name and name in names[:i]:
            problems.add(f"duplicate {what} {name!r}", (*base, i))


def _task(problems: Problems, item: Any, at: YamlPath, base: Path) -> Task | None:
    if isinstance(item, dict):
        return _inline_task(problems, item, at, base)
    return _named(problems, item, at, base, "tasks", load_task)


def _named(problems: Problems, name: str, at: YamlPath, base: Path, what: str, load: Any) -> Any:
    known = catalog.files(what)
    path = base / name if name.endswith((".yaml", ".yml")) else known.get(name)
    if path is None:
        hint = nearest(name, known)
        listing = "" if hint else f" (known: {', '.join(known)})"
        problems.add(f"unknown {what.removesuffix('s')} {name!r}{listing}", at, hint=hint)
        return None
    if not path.is_file():
        problems.add(f"no such {what.removesuffix('s')} file: {path}", at)
        return None
    try:
        return replace(load(path), place=problems.document.place(at))
    except InputError as error:
        problems.extend(error, at)
        return None


def _inline_task(problems: Problems, item: Any, at: YamlPath, base: Path) -> Task | None:
    spec = problems.validate(TaskFile, item, at)
    value = item if isinstance(item, dict) else {}
    data = value.get("data")
    source, source_spec = _source(problems, data, (*at, "data")) if isinstance(data, dict) else ("", None)
    kind_name = value.get("kind")
    kind = problems.lookup(KINDS, kind_name, (*at, "kind")) if isinstance(kind_name, str) else None
    for i, name in enumerate(_list(value, "metrics")):
        where = (*at, "metrics", i)
        metric = problems.lookup(METRICS, name, where) if isinstance(name, str) else None
        if metric is not None and kind is not None and kind.name not in metric.kinds:
            fitting = [other for other in METRICS if kind.name in METRICS[other].kinds]
            problems.add(f"the metric {name!r} is not for {kind.name} (fitting: {', '.join(fitting)})", where)
    _unique(problems, [str(name) for name in _list(value, "metrics")], (*at, "metrics"), "metric")
    _unique(problems, [str(name) for name in _list(value, "labels")], (*at, "labels"), "label")
    options = (
        problems.validate(kind.Options, value.get("options") or {}, (*at, "options")) if kind is not None else None
    )
    for key in sorted({"labels", "score_range"} - _DECLARED.get(kind.target, set()) if kind is not None else ()):
        if kind is not None and key in value:
            targets = _TARGETS[kind.target]
            problems.add(f"{key!r} is not for {kind.name}, whose targets are {targets}", (*at, key), key=True)
    if spec is None or source_spec is None or kind is None or options is None:
        return None
    return Task(spec, source, source_spec, base, problems.document.place(at), options)


def _source(problems: Problems, data: dict[str, Any], at: YamlPath) -> tuple[str, Any]:
    named = [key for key in data if key in SOURCES]
    if len(named) != 1:
        hint = next((near for key in data if (near := nearest(key, SOURCES))), None) if not named else None
        what = f"exactly one of {', '.join(SOURCES)} must be given"
        problems.add(what + (f", not {' and '.join(named)}" if named else ""), at, hint=hint)
        return "", None
    return named[0], problems.validate(SOURCES[named[0]].Spec, data, at)


def _model(problems: Problems, item: Any, at: YamlPath, base: Path, kinds: frozenset[str]) -> Model | None:
    if isinstance(item, dict):
        return _inline_model(problems, item, at, base)
    if item.startswith("hf:"):
        match = _HUB_MODEL.match(item)
        if match is None:
            problems.add(f"model {item!r} is not of the form hf:ORG/NAME or hf:ORG/NAME@revision", at)
            return None
        weights = Weights(hub=match["id"], revision=match["revision"])
        return _resolve(problems, _encoder(item, weights, base, kinds), at, base)
    if item.startswith((".", "/", "~")) and not item.endswith((".yaml", ".yml")):
        weights = Weights(folder=str(Path(item).expanduser()))
        return _resolve(problems, _encoder(item, weights, base, kinds), at, base)
    return _named(problems, item, at, base, "models", load_model)


def _encoder(name: str, weights: Weights, base: Path, kinds: frozenset[str]) -> ModelFile:
    """A model named on the spot: its own files tell what it reads; where they are not here, the suite's tasks do.

    Where no task is for an encoder and all are for language models, it is one of these.
    """
    others = {loader: LOADERS[loader] for loader in ("image-encoder", "audio-encoder")}
    told = [loader for loader, owner in others.items() if owner.reads(weights, base)]
    guessed = [loader for loader, owner in others.items() if kinds and kinds <= owner.kinds]
    unknown = any(owner.reads(weights, base) is None for owner in others.values())
    writes = bool(kinds) and kinds <= LOADERS["language-model"].kinds and not kinds & LOADERS["encoder"].kinds
    loader = "language-model" if writes else next(iter(told or (guessed if unknown else [])), "encoder")
    return ModelFile(name=name, loader=loader, weights=weights)


def _inline_model(problems: Problems, item: Any, at: YamlPath, base: Path) -> Model | None:
    spec = problems.validate(ModelFile, item, at)
    return _resolve(problems, spec, at, base) if spec else None


def _resolve(problems: Problems, spec: ModelFile, at: YamlPath, base: Path) -> Model | None:
    loader = problems.lookup(LOADERS, spec.loader, (*at, "loader"))
    if loader is None:
        return None
    settings = problems.validate(loader.Settings, spec.settings, (*at, "settings"))
    if settings is None:
        return None
    model = Model(spec, settings, base, problems.document.place(at))
    for message in loader.check(model):
        problems.add(f"model {spec.name!r}: {message}", at)
    return model


def _settings(problems: Problems, value: dict[str, Any], key: str, registry: Any) -> dict[str, Any]:
    """Typed settings of each name under `key`; `true` and nothing mean the defaults, `false` leaves it out."""
    found: dict[str, Any] = {}
    mapping = value.get(key)
    for name, settings in (mapping if isinstance(mapping, dict) else {}).items():
        owner = problems.lookup(registry, name, (key, name), key=True)
        if owner is None or settings is False:
            continue
        if settings is True:
            settings = {}
        if settings is not None and not isinstance(settings, dict | list):
            if key == "measure":  # the suite's own schema speaks of the other sections
                problems.add(f"{name}: expected true, false or a mapping, got {short(settings)}", (key, name))
            continue
        if isinstance(settings, list) and hasattr(owner, "listed"):
            settings = {owner.listed: settings}
        if hasattr(owner, "names"):
            found[name] = _by_name(problems, owner, settings or {}, (key, name))
        elif isinstance(settings, list):
            problems.add(f"{name}: expected true, false or a mapping, got {short(settings)}", (key, name))
        else:
            found[name] = problems.validate(owner.Settings, settings, (key, name))
    return found


def _gated_metrics(problems: Problems, value: dict[str, Any], kinds: frozenset[str]) -> None:
    """Margins are of metrics that there are, and that a task of one of `kinds` can have (any, if `kinds` is empty)."""
    gate = value.get("gate")
    margins = gate.get("margins") if isinstance(gate, dict) else None
    for name in margins if isinstance(margins, dict) else ():
        at = ("gate", "margins", name)
        metric = problems.lookup(METRICS, name, at, key=True)
        if metric is not None and kinds and not kinds & metric.kinds:
            fitting = [other for other in METRICS if kinds & METRICS[other].kinds]
            problems.add(
                f"no task of the suite can have the metric {name!r}", at, key=True, hint=nearest(name, fitting)
            )


def _by_name(problems: Problems, owner: Any, settings: dict[str, Any] | list[Any], at: YamlPath) -> Any:
    """Settings of a measure that consists of registered parts: a list of names, some with settings, or a mapping.

    Such a measure has `names`, the registry of its parts, `Entry`, the settings of one, and `parts`, the field of its
    Settings where they go. In the mapping, keys that are settings of the measure are those; all others are names.
    """
    own: dict[str, Any] = {}
    parts: list[tuple[Any, Any, YamlPath, bool]] = []
    if isinstance(settings, dict):
        own = {
            key: value for key, value in settings.items() if key in owner.Settings.model_fields and key != owner.parts
        }
        parts = [(name, value, (*at, name), True) for name, value in settings.items() if name not in own]
    else:
        for i, item in enumerate(settings):
            if isinstance(item, dict) and len(item) == 1:
                parts += [(name, value, (*at, i, name), True) for name, value in item.items()]
            else:
                parts.append((item, {}, (*at, i), False))
    entries: dict[str, Any] = {}
    for name, value, where, is_key in parts:
        if not isinstance(name, str):
            problems.add(f"expected a name, or a name with settings, got {short(name)}", where)
        elif name in entries:
            problems.add(f"duplicate {owner.names.what} {name!r}", where, key=is_key)
        elif problems.lookup(owner.names, name, where, key=is_key) is not None:
            if value is not False:
                entries[name] = problems.validate(owner.Entry, {} if value is True else value, where)
        else:
            entries[name] = None
    found = problems.validate(owner.Settings, own, at)
    if not entries and not problems.found:
        problems.add(f"{at[-1]}: name at least one {owner.names.what}", at)
    return found and found.model_copy(update={owner.parts: {name: one for name, one in entries.items() if one}})


def _fitting(problems: Problems, measures: dict[str, Any], tasks: Sequence[Task]) -> None:
    """What a measure is asked for by name must fit one task at least; of the others the results say why not."""
    if problems.found:
        return
    names = [task.name for task in tasks]
    for measure, settings in measures.items():
        owner = MEASURES[measure]
        for name in owner.reads(settings) if hasattr(owner, "reads") else ():
            if name not in names:
                problems.add(
                    f"{measure}: task {name!r} is not in this suite", ("measure", measure), hint=nearest(name, names)
                )
        if not hasattr(owner, "refused"):
            continue
        refusals = [owner.refused(settings, task, KINDS[task.spec.kind]) for task in tasks]
        for name in refusals[0] if refusals else ():
            if all(name in one for one in refusals):
                reasons = "; ".join(dict.fromkeys(one[name] for one in refusals))
                problems.add(reasons, _place_of(problems, ("measure", measure), name))


def _place_of(problems: Problems, at: YamlPath, name: str) -> YamlPath:
    """Where a part of a measure is named."""
    value: Any = problems.document.value
    for key in at:
        value = value[key]
    if isinstance(value, list):
        return next(
            (*at, i) for i, item in enumerate(value) if item == name or (isinstance(item, dict) and name in item)
        )
    return (*at, name)


def unknown_names(asked: Sequence[str], known: Sequence[str], what: str) -> list[Problem]:
    """A problem for each of `asked` that is not in `known`."""
    return [
        Problem(f"{what} {name!r} is not in this suite", hint=nearest(name, known))
        for name in asked
        if name not in known
    ]
