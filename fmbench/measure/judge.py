"""Everything that is told by stored predictions alone: quality, then every measure that is a function of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fmbench.measure.quality import confusion, quality
from fmbench.measure.scene import Judged, Judges, Misses, Stored
from fmbench.registry import MEASURES


def judge(stored: Stored, measures: Mapping[str, Any]) -> Judged:
    """Measurements, the main metric first, and curves; `measures` are settings by name of those that were asked for."""
    measurements = quality(stored.clean, stored.metrics, stored.labels, stored.cluster_key)
    curves = confusion(stored)
    for name, settings in measures.items():
        owner = MEASURES[name]
        if isinstance(owner, Judges):
            found = owner.judge(stored, settings)
            measurements += found.measurements
            curves |= found.curves
    return Judged(measurements, curves)


def missing(stored: Stored, measures: Mapping[str, Any]) -> dict[str, str]:
    """Metric -> why it is missing, as far as the predictions tell."""
    found: dict[str, str] = {}
    for name, settings in measures.items():
        owner = MEASURES[name]
        if isinstance(owner, Misses):
            found |= owner.missing(stored, settings)
    return found
