"""The classical baseline for recordings: logistic regression on a spectrogram of fixed length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from fmbench.models.classical.pixels import FittedOnArrays, _Baseline, fitted_quietly, training
from fmbench.models.mel import log_mel, log_spectrogram, stretched
from fmbench.suite.schema import Spec
from fmbench.tasks.examples import Examples
from fmbench.tasks.media import SoundOptions


class SpectrogramLogreg(_Baseline):
    """Log-magnitudes or log-mel energies, stretched to a number of frames; standardised; logistic regression."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio-classification"})

    class Settings(Spec):
        n_mels: int = Field(default=0, ge=0, le=512, description="mel bands; 0 for the plain spectrogram")
        frames: int = Field(default=20, ge=1, description="to which every recording is stretched in time")
        window_ms: float = Field(default=32.0, gt=0)
        hop_ms: float = Field(default=16.0, gt=0)
        C: float = Field(default=1.0, gt=0, description="inverse regularisation strength")
        max_iter: int = Field(default=1000, ge=1)

    def fit(self, data: Examples, seed: int) -> FittedOnArrays:
        from sklearn.linear_model import LogisticRegression
        from sklearn.preprocessing import StandardScaler

        features = self.features(data)
        x, y = training(data, features)
        scaler = StandardScaler().fit(x)
        regression = LogisticRegression(C=self.settings.C, max_iter=self.settings.max_iter)
        fitted = fitted_quietly(regression, scaler.transform(x), y)
        return FittedOnArrays(fitted, lambda waves: scaler.transform(features(waves)), len(data.outputs))

    def features(self, data: Examples) -> Callable[[Sequence[Any]], np.ndarray]:
        """Recordings -> float32 [n, frames * bands]."""
        own = self.settings
        rate = (data.options or SoundOptions()).sample_rate
        frames = {"window_ms": own.window_ms, "hop_ms": own.hop_ms}
        if own.n_mels:
            spectrogram: Any = partial(log_mel, sample_rate=rate, n_mels=own.n_mels, **frames)
        else:
            spectrogram = partial(log_spectrogram, sample_rate=rate, **frames)
        return lambda waves: np.stack([stretched(spectrogram(wave), own.frames).ravel() for wave in waves])
