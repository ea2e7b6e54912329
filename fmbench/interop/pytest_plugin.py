"""pytest plugin: `pytest --fmbench SUITE --fmbench-baseline DIR` makes a test of each task x model x adaptation.

Off unless asked: without `--fmbench` it does nothing and imports nothing. A test runs what is missing of its cells
and fails if they became worse than the baseline; where that is undecided it is skipped with the reason (with
`--fmbench-strict` it fails). -k, --lf, --junitxml and the rest work as with any test.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from fmbench.gate.side import Side
    from fmbench.gate.verdict import Cells, Check
    from fmbench.run.store import Store
    from fmbench.suite.plan import Cell
    from fmbench.suite.schema import Suite


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("fmbench", "fmbench: models that must not become worse")
    group.addoption("--fmbench", metavar="SUITE", help="suite file whose cells become tests")
    group.addoption("--fmbench-baseline", metavar="DIR", help="baseline or report to compare with")
    group.addoption("--fmbench-out", metavar="DIR", default="reports", help="where results go (default: reports)")
    group.addoption("--fmbench-limit", metavar="N", type=int, help="first N rows of each split")
    group.addoption("--fmbench-seeds", metavar="0,1", type=_seeds, help="these seeds instead of the suite's")
    group.addoption("--fmbench-strict", action="store_true", help="what is undecided fails, instead of being skipped")


def _seeds(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def pytest_configure(config: pytest.Config) -> None:
    """With `--fmbench`, the suite file is collected beside whatever else was asked for."""
    named = config.getoption("--fmbench")
    if not named:
        return
    if not config.getoption("--fmbench-baseline"):
        raise pytest.UsageError("--fmbench needs --fmbench-baseline DIR: a baseline or report to compare with")
    if not Path(named).is_file():
        raise pytest.UsageError(f"--fmbench {named}: no such file")
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        config.args.append(named)
    else:
        config.args[:] = [named]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    named = parent.config.getoption("--fmbench")
    if not named or file_path != Path(os.path.abspath(parent.config.invocation_params.dir / named)):
        return None
    found: SuiteFile = SuiteFile.from_parent(parent, path=file_path)
    return found


class Worse(Exception):
    """A regression, or something undecided under --fmbench-strict."""


class SuiteFile(pytest.File):
    """A suite, with everything that its tests share."""

    suite: Suite
    base: Side
    store: Store

    def collect(self) -> Iterable[pytest.Item]:
        from fmbench.errors import FmbenchError
        from fmbench.gate.rules import rules_of
        from fmbench.gate.side import read_side
        from fmbench.gate.verdict import Cells
        from fmbench.run.identity import main_metrics
        from fmbench.run.store import Store
        from fmbench.suite.loader import load_suite
        from fmbench.suite.plan import Selection, plan

        option = self.config.getoption
        limit = option("--fmbench-limit")
        try:
            self.suite = load_suite(self.path)
            self.base = read_side(Path(option("--fmbench-baseline")))
            cells = plan(self.suite, Selection(seeds=option("--fmbench-seeds")))
        except FmbenchError as error:
            raise self.CollectError(str(error)) from None
        name = self.suite.name if limit is None else f"{self.suite.name}-limit-{limit}"
        self.store = Store(Path(option("--fmbench-out")) / name)
        if _overwrites(self.base.path, self.store.folder):
            raise self.CollectError(
                f"--fmbench-baseline {self.base.path} is where the results would go: name another folder with "
                f"--fmbench-out, or save a baseline (fmbench baseline save {self.base.path})"
            )
        groups: dict[Cells, list[Cell]] = {}
        for cell in cells:
            groups.setdefault(Cells(cell.task.name, cell.model.name, cell.adaptation), []).append(cell)
        rules, compared = rules_of(self.suite.gate), {cell.cells for cell in self.base.cells}
        family = sum(
            len(rules.gated(main_metrics(members[0])[0], members[0].task.spec.kind))
            for key, members in groups.items()
            if key in compared
        )
        for key, members in groups.items():
            name = f"{key.task}/{key.model}/{key.adaptation}"
            yield CellTest.from_parent(self, name=name, cells=key, members=members, family=family)


def _overwrites(base: Path, out: Path) -> bool:
    """Whether results in `out` would replace the report that they are compared with; a baseline file stays as it is."""
    from fmbench.gate.baseline import BASELINE_FILE

    return base.resolve() == out.resolve() and not (base / BASELINE_FILE).is_file()


class CellTest(pytest.Item):
    """All seeds of a task x model x adaptation, compared with the baseline.

    Args:
        family: how many metrics are gated in all tests together; p-values are adjusted for them.
    """

    parent: SuiteFile

    def __init__(self, *, cells: Cells, members: list[Cell], family: int, **others: Any) -> None:
        super().__init__(**others)
        self.cells, self.members, self.family = cells, members, family

    def runtest(self) -> None:
        from fmbench.errors import NothingMeasured
        from fmbench.gate.pairing import gate
        from fmbench.gate.rules import rules_of
        from fmbench.gate.side import side_of_report
        from fmbench.gate.text import sentence
        from fmbench.run.execute import execute
        from fmbench.run.progress import Silent

        suite, option = self.parent.suite, self.config.getoption
        if all(cell.cells != self.cells for cell in self.parent.base.cells):
            pytest.skip(f"not in the baseline {self.parent.base.path}")
        execute(suite, self.members, self.parent.store, {}, Silent(), "auto", limit=option("--fmbench-limit"))
        rules = rules_of(suite.gate, inconclusive="fail" if option("--fmbench-strict") else None)
        only = _only(self.parent.base, self.cells), _only(side_of_report(self.parent.store), self.cells)
        verdict = gate(*only, rules, family=self.family)
        if verdict.refused:
            raise NothingMeasured("; ".join(one.why for one in verdict.refused))
        for check in verdict.checks:
            self.user_properties += _properties(check)
        lines = [f"{check.outcome}: {check.metric} {sentence(check)}" for check in verdict.checks]
        if any(map(verdict.fails, verdict.checks)):
            raise Worse("\n".join([*lines, *_flips(verdict.checks)]))
        if verdict.of("inconclusive"):
            pytest.skip("; ".join(lines))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        from fmbench.errors import FmbenchError

        if isinstance(excinfo.value, Worse | FmbenchError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        line = self.members[0].task.place.line
        return self.path, None if line is None else line - 1, self.name


def _only(side: Side, cells: Cells) -> Side:
    from dataclasses import replace

    return replace(side, cells=tuple(cell for cell in side.cells if cell.cells == cells))


def _properties(check: Check) -> list[tuple[str, object]]:
    names = ("base", "new", "change", "low", "high", "margin", "n", "seeds", "adjusted")
    return [(f"{check.metric}.{name}", getattr(check, name)) for name in names]


def _flips(checks: Iterable[Check]) -> list[str]:
    from fmbench.gate.text import flip

    return [flip(one) for check in checks for one in check.flips[:5]]
