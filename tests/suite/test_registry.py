from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from fmbench import catalog, registry
from fmbench.registry import Registry, UnknownName

REGISTRIES = {name: value for name, value in vars(registry).items() if isinstance(value, Registry)}


@pytest.fixture
def provide(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that another package provides these entry points."""

    def install(*points: EntryPoint) -> None:
        def entry_points(*, group: str) -> EntryPoints:
            return EntryPoints(point for point in points if point.group == group)

        monkeypatch.setattr(registry, "entry_points", entry_points)
        monkeypatch.setattr(catalog, "entry_points", entry_points)

    return install


def test_nothing_is_imported_before_it_is_asked_for() -> None:
    sys.modules.pop("colorsys", None)
    found = Registry("thing", {"colour": "colorsys:rgb_to_hsv", "never": "no_such_module:no_such_name"})
    assert list(found) == ["colour", "never"]
    assert len(found) == 2
    assert "never" in found
    assert "other" not in found
    assert "colorsys" not in sys.modules
    assert found["colour"](0, 0, 0) == (0.0, 0.0, 0)
    assert found["colour"] is sys.modules["colorsys"].rgb_to_hsv


def test_an_unknown_name_brings_the_nearest() -> None:
    found = Registry("thing", {"alpha": "math:pi", "beta": "math:e"})
    with pytest.raises(UnknownName) as error:
        found["Alhpa"]
    assert error.value.hint == "alpha"
    assert str(error.value) == "unknown thing 'Alhpa'; did you mean 'alpha'?"


def test_an_unknown_name_like_no_other_brings_all() -> None:
    with pytest.raises(UnknownName, match=r"unknown thing 'zzz' \(known: alpha, beta\)"):
        Registry("thing", {"alpha": "math:pi", "beta": "math:e"})["zzz"]
    with pytest.raises(UnknownName, match=r"unknown thing 'zzz' \(none is registered\)"):
        Registry("thing", {})["zzz"]


def test_packages_add_names_through_entry_points(provide: Callable[..., None]) -> None:
    provide(
        EntryPoint("tau", "math:tau", "fmbench.odd_things"),
        EntryPoint("pi", "math:e", "fmbench.odd_things"),
        EntryPoint("inf", "math:inf", "fmbench.others"),
    )
    found: Registry = Registry("odd thing", {"pi": "math:pi"})
    assert list(found) == ["pi", "tau"]
    assert found["tau"] == pytest.approx(6.283185307179586)
    assert found["pi"] == pytest.approx(3.141592653589793), "a package cannot replace a name of ours"


def test_packages_add_tasks_to_the_catalog(provide: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = catalog.files("tasks")
    monkeypatch.setattr(registry, "A_TASK_FILE", "/somewhere/extra.yaml", raising=False)
    provide(
        EntryPoint("extra", "fmbench.registry:A_TASK_FILE", "fmbench.tasks"),
        EntryPoint(next(iter(shipped)), "fmbench.registry:A_TASK_FILE", "fmbench.tasks"),
    )
    files = catalog.files("tasks")
    assert {name: str(path) for name, path in files.items() if name not in shipped} == {
        "extra": "/somewhere/extra.yaml"
    }
    assert {name: files[name] for name in shipped} == shipped


@pytest.mark.parametrize("name", REGISTRIES)
def test_every_registered_name_resolves(name: str) -> None:
    resolved: dict[str, Any] = dict(REGISTRIES[name])
    assert len(resolved) == len(REGISTRIES[name]) > 0
    assert all(thing is not None for thing in resolved.values())


@pytest.mark.parametrize("name", REGISTRIES)
def test_groups_are_plural_and_names_are_words(name: str) -> None:
    found = REGISTRIES[name]
    assert found.group.startswith("fmbench.")
    assert all(key == key.strip().lower() and " " not in key for key in found)
