"""A bench: one suite file, one report folder, and a way to run the one into the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fmbench.registry import ADAPTATIONS, LOADERS, MEASURES, Registry
from fmbench.run.check import check_suite
from fmbench.run.execute import Outcome, execute
from fmbench.run.progress import Progress, Silent
from fmbench.run.result import Result
from fmbench.run.store import Store
from fmbench.suite.loader import load_suite
from fmbench.suite.plan import Selection, plan


@dataclass
class Bench:
    """The tiny suite and its report."""

    suite: Path
    store: Store

    def run(
        self,
        *overrides: str,
        fresh: bool = False,
        limit: int | None = None,
        workers: int = 1,
        progress: Progress | None = None,
        **selection: Any,
    ) -> Outcome:
        loaded = load_suite(self.suite, overrides)
        cells = plan(loaded, Selection(**selection))
        datasets = check_suite(loaded, limit)
        return execute(loaded, cells, self.store, datasets, progress or Silent(), "cpu", fresh, limit, workers)

    def edit(self, old: str, new: str) -> None:
        text = self.suite.read_text()
        assert old in text
        self.suite.write_text(text.replace(old, new))

    def files(self) -> dict[str, bytes]:
        """Every file of the cells, by its path in the report."""
        found = sorted(self.store.folder.glob("*/*/*/*/*"))
        return {str(path.relative_to(self.store.folder)): path.read_bytes() for path in found}

    def results(self) -> dict[str, Result]:
        return dict(self.store.all())


@pytest.fixture
def bench(tiny_suite: Path, tmp_path: Path) -> Bench:
    return Bench(tiny_suite, Store(tmp_path / "reports" / "tiny"))


PLUGINS = Path(__file__).parent / "plugins"
"""A package with a loader and a measure that misbehave on request, found through entry points as anyone's would be."""


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The registries know the plugins until the test ends, here and in processes that this one spawns."""
    monkeypatch.syspath_prepend(PLUGINS)
    registries = (LOADERS, MEASURES)
    for registry in registries:
        vars(registry).pop("_plugins", None)
    yield PLUGINS
    for registry in registries:
        for name in vars(registry).pop("_plugins", {}):
            registry._resolved.pop(name, None)


@pytest.fixture
def break_loader(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """break_loader(name, **methods): this loader's methods are replaced until the test ends."""
    return lambda name, **methods: _replace(monkeypatch, LOADERS, name, methods)


@pytest.fixture
def break_adaptation(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """The same for an adaptation."""
    return lambda name, **methods: _replace(monkeypatch, ADAPTATIONS, name, methods)


def _replace(monkeypatch: pytest.MonkeyPatch, registry: Registry, name: str, methods: dict[str, Any]) -> None:
    changed = {key: staticmethod(value) if callable(value) else value for key, value in methods.items()}
    monkeypatch.setitem(registry._resolved, name, type("Broken", (registry[name],), changed))
