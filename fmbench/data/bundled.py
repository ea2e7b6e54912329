"""The source `sklearn`: the small real data sets that scikit-learn carries, readable without network."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from fmbench.data.rows import Asked, RawData, Rows
from fmbench.errors import InputError, Problem
from fmbench.suite import schema

CLASSES = ("breast_cancer", "digits", "wine")


class Bundled:
    """One table in one piece; a task cuts its splits."""

    class Spec(schema.Spec):
        sklearn: Literal["breast_cancer", "digits", "diabetes", "wine"] = Field(description="name of the data set")
        drop: list[str] = Field(default=[], description="columns to leave out")

    @staticmethod
    def at_hand(spec: Bundled.Spec, base: Path) -> bool:
        return True

    @staticmethod
    def read(spec: Bundled.Spec, base: Path, asked: Asked) -> RawData:
        """Features as the task's gathered field, and the target as `label` or `score`. Raises InputError."""
        import sklearn
        from sklearn import datasets

        if spec.sklearn == "digits" and asked.fields == ("image", "label"):
            if spec.drop:
                raise InputError(Problem("drop: images have no columns"))
            made: dict[str, list[Any]] = digit_images()
            return RawData({"train": [Rows(made, spec.sklearn)]}, f"sklearn {sklearn.__version__}: {spec.sklearn}")
        target = "label" if spec.sklearn in CLASSES else "score"
        if asked.gather is None or set(asked.fields) != {asked.gather, target}:
            kind = "tabular-classification" if target == "label" else "tabular-regression"
            raise InputError(Problem(f"sklearn: {spec.sklearn} is a table for the kind {kind}"))
        options = {"scaled": False} if spec.sklearn == "diabetes" else {}
        data = getattr(datasets, f"load_{spec.sklearn}")(**options)
        names = [str(name) for name in data.feature_names]
        unknown = [name for name in spec.drop if name not in names]
        if unknown:
            raise InputError(Problem(f"drop: {spec.sklearn} has no column {unknown[0]!r} (it has {', '.join(names)})"))
        kept = [i for i, name in enumerate(names) if name not in spec.drop]
        rows: list[dict[str, Any]] = [{names[i]: float(values[i]) for i in kept} for values in data.data]
        targets = [str(data.target_names[i]) for i in data.target] if target == "label" else data.target.tolist()
        columns = {asked.gather: rows, target: targets}
        return RawData({"train": [Rows(columns, spec.sklearn)]}, f"sklearn {sklearn.__version__}: {spec.sklearn}")


def digit_images() -> dict[str, list[Any]]:
    """The 1797 handwritten digits as pgm files of 8 x 8 pixels, black on white; their 17 levels of ink are kept."""
    from sklearn.datasets import load_digits

    data = load_digits()
    pixels = (255 - np.round(data.images * 255 / 16)).astype(np.uint8)
    return {
        "image": [b"P5 8 8 255\n" + image.tobytes() for image in pixels],
        "label": [str(digit) for digit in data.target],
    }
