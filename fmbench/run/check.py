"""Everything that can be wrong with a suite, found before anything is computed."""

from __future__ import annotations

from fmbench.data.dataset import Dataset, at_hand, load_dataset
from fmbench.errors import InputError, Problem
from fmbench.registry import ADAPTATIONS, KINDS, LOADERS
from fmbench.suite.plan import fits, idle_models
from fmbench.suite.schema import Model, Suite, Task


def check_suite(suite: Suite, limit: int | None = None) -> dict[str, Dataset]:
    """Read the data of every task that is at hand, and see that every model has something to do.

    Args:
        limit: keep only the first rows of each split.

    Returns:
        Task name -> Dataset, without the tasks whose data must come from a hub.

    Raises:
        InputError: all problems together.
    """
    problems: list[Problem] = []
    datasets: dict[str, Dataset] = {}
    for task in suite.tasks:
        if not at_hand(task):
            continue
        try:
            datasets[task.name] = load_dataset(task, limit)
        except InputError as error:
            problems += [_placed(problem, task) for problem in error.problems]
    problems += _transfer_nowhere(suite, datasets)
    problems += _unsupported_settings(suite)
    for model in idle_models(suite):
        what = f"model {model.name!r} fits none of the adaptations ({', '.join(suite.adaptations)}) on these tasks"
        problems.append(Problem(what + _what_fits(model, suite), model.place))
    if problems:
        raise InputError(problems)
    return datasets


def _what_fits(model: Model, suite: Suite) -> str:
    """The kinds that the model is for, and the models that are for the kinds of the suite."""
    kinds = sorted({task.spec.kind for task in suite.tasks})
    loader = LOADERS[model.spec.loader]
    if loader.kinds.intersection(kinds):
        return ""
    others = [name for name in LOADERS if LOADERS[name].kinds.intersection(kinds)]
    return f": it is for {', '.join(sorted(loader.kinds))}; for {', '.join(kinds)} there are {', '.join(others)}"


def _unsupported_settings(suite: Suite) -> list[Problem]:
    """Settings of adaptations, other than the defaults, that mean nothing on a task of the suite."""
    problems = []
    for name, settings in suite.adaptations.items():
        unsupported = getattr(ADAPTATIONS[name], "unsupported", {})
        changed = {field for field, value in settings if value != type(settings).model_fields[field].get_default()}
        for task in suite.tasks:
            meaningless = sorted(changed & unsupported.get(KINDS[task.spec.kind].target, frozenset()))
            if meaningless and any(fits(task, model, name) for model in suite.models):
                what = f"{name}: {', '.join(meaningless)} cannot be set for {task.spec.kind} (task {task.name!r})"
                problems.append(Problem(what, suite.place))
    return problems


def _placed(problem: Problem, task: Task) -> Problem:
    return problem if problem.place else Problem(f"task {task.name!r}: {problem.message}", task.place, problem.hint)


def _transfer_nowhere(suite: Suite, datasets: dict[str, Dataset]) -> list[Problem]:
    """Tasks named under `transfer` to which no other task of the suite can be carried over, as far as is known."""
    settings = suite.measures.get("transfer")
    known = {
        task.name: (task.spec.kind, set(datasets[task.name].labels)) for task in suite.tasks if task.name in datasets
    }
    if settings is None or len(known) < len(suite.tasks):
        return []
    lonely = [name for name in settings.tasks if sum(known[name] == other for other in known.values()) < 2]
    what = "no other task of this suite has its kind and its labels"
    return [Problem(f"transfer: task {name!r}: {what}", suite.place) for name in lonely]
