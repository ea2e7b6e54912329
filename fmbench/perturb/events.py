"""Histories that go wrong: events lost, foreign, twice, in another order, or known only from some day on."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from fmbench.perturb.draws import OF_WORDS, Stream, count, pick, picks
from fmbench.perturb.examples import Events
from fmbench.perturb.perturbation import perturbation

_SHARE = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
_LOST = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9)


@perturbation("events")
def events_dropped(example: Events, rng: Stream, severity: int) -> Events:
    """10 to 50 % of the events missing; one stays."""
    n = len(example.items)
    if n < 2:
        return example
    gone = {j for j, _ in picks(rng, n, min(n - 1, count(n, _SHARE[severity])))}
    return Events(tuple(item for i, item in enumerate(example.items) if i not in gone), example.gold)


@perturbation("events", takes=["items"])
def events_injected(example: Events, rng: Stream, severity: int, items: Sequence[Hashable] = ()) -> Events:
    """10 to 50 % more events, drawn from the given items, or from the sequence itself where none are given."""
    n, pool = len(example.items), items or example.items
    if not n:
        return example
    found = list(example.items)
    chosen = [(j, pick(pool, u)) for j, u in picks(rng, n + 1, count(n + 1, _SHARE[severity]))]
    for j, item in sorted(chosen, key=lambda one: -one[0]):
        if example.gold is None or item != example.gold:
            found.insert(j, item)
    return Events(tuple(found), example.gold)


@perturbation("events")
def events_repeated(example: Events, rng: Stream, severity: int) -> Events:
    """10 to 50 % of the events logged twice, one after the other."""
    n = len(example.items)
    if not n:
        return example
    again = {j for j, _ in picks(rng, n, count(n, _SHARE[severity]))}
    items = [item for i, item in enumerate(example.items) for _ in range(1 + (i in again))]
    return Events(tuple(items), example.gold)


@perturbation("events")
def events_swapped(example: Events, rng: Stream, severity: int) -> Events:
    """Neighbouring events swapped, in 5 to 50 % of the places where they differ."""
    items = list(example.items)
    places = [i for i in range(1, len(items)) if items[i - 1] != items[i]]
    if not places:
        return example
    taken: set[int] = set()
    for j, _ in picks(rng, len(places), count(len(places), OF_WORDS[severity])):
        i = places[j]
        if i - 1 not in taken and i not in taken:
            items[i - 1], items[i] = items[i], items[i - 1]
            taken |= {i - 1, i}
    return Events(tuple(items), example.gold)


@perturbation("events")
def events_truncated(example: Events, rng: Stream, severity: int) -> Events:
    """The oldest 20 to 90 % of the events unknown; the last one stays."""
    n = len(example.items)
    if n < 2:
        return example
    return Events(example.items[min(n - 1, count(n, _LOST[severity])) :], example.gold)
