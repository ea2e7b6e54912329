"""The generator `spoken-digits`: ten digits from a source-filter synthesiser, by speakers who differ, in noise."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field

from fmbench.data.generator import Columns, Generated
from fmbench.suite.schema import Seed, Spec

RATE = 8000
SAMPLES = 3200
FRAME, HOP = 256, 128
FRAMES = SAMPLES // HOP + 1
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PHONES: dict[str, tuple[float, float, float, float, float, float]] = {
    "-": (0.0, 0.0, 500, 1500, 2500, 2500),
    "z": (0.4, 0.3, 300, 1700, 2600, 3600),
    "s": (0.0, 0.6, 300, 1700, 2600, 3700),
    "f": (0.0, 0.3, 350, 1200, 2400, 2600),
    "v": (0.4, 0.1, 300, 1200, 2300, 2400),
    "th": (0.0, 0.25, 350, 1500, 2600, 3100),
    "t": (0.0, 0.8, 350, 1800, 2700, 3400),
    "k": (0.0, 0.7, 350, 1900, 2500, 1900),
    "n": (0.5, 0.0, 280, 1500, 2500, 2500),
    "w": (0.6, 0.0, 300, 650, 2200, 2500),
    "r": (0.7, 0.0, 400, 1150, 1600, 2500),
    "iy": (1.0, 0.0, 280, 2250, 2950, 2500),
    "ih": (1.0, 0.0, 400, 1950, 2550, 2500),
    "ey": (1.0, 0.0, 470, 2050, 2600, 2500),
    "eh": (1.0, 0.0, 550, 1800, 2500, 2500),
    "aa": (1.0, 0.0, 730, 1150, 2450, 2500),
    "ah": (1.0, 0.0, 630, 1200, 2400, 2500),
    "ao": (1.0, 0.0, 560, 850, 2400, 2500),
    "ow": (1.0, 0.0, 480, 900, 2300, 2500),
    "uw": (1.0, 0.0, 310, 900, 2250, 2500),
}
"""Voice, breath, three formants and the middle of the breath's band (Hz); formants of men, Peterson and Barney 1952."""
WORDS: dict[str, tuple[tuple[str, float], ...]] = {
    "zero": (("z", 2), ("ih", 2), ("r", 1), ("ow", 4)),
    "one": (("w", 2), ("ah", 4), ("n", 3)),
    "two": (("t", 1), ("uw", 6)),
    "three": (("th", 2), ("r", 1.5), ("iy", 5)),
    "four": (("f", 2), ("ao", 4), ("r", 2)),
    "five": (("f", 2), ("aa", 3), ("ih", 2), ("v", 2)),
    "six": (("s", 3), ("ih", 2), ("-", 1), ("k", 0.7), ("s", 3)),
    "seven": (("s", 3), ("eh", 2), ("v", 1), ("ah", 2), ("n", 2)),
    "eight": (("ey", 5), ("-", 1), ("t", 1)),
    "nine": (("n", 2), ("aa", 3), ("ih", 2), ("n", 2)),
}
"""Phones of each word, and how long each is beside the others."""


@dataclass(frozen=True)
class Manner:
    """How n words are said, whatever the words are; arrays [n] unless told.

    Args:
        pitch: Hz at the middle of the word; it falls by `fall` of itself to either side.
        tract: factor of all formants; a short vocal tract has high ones.
        formants: factors of the three formants, [n, 3].
        begin, length: of the word, as shares of the recording.
        breath: white noise, [n, SAMPLES].
    """

    pitch: np.ndarray
    fall: np.ndarray
    tract: np.ndarray
    formants: np.ndarray
    begin: np.ndarray
    length: np.ndarray
    breath: np.ndarray


class SpokenDigits:
    """Pulses and noise through three formants that move from phone to phone; speakers of the test are new.

    The ceiling is that of a listener who knows the manner of each recording to the last pulse (pitch, tract, timing,
    breath, loudness) and the strength of the noise, and only has to tell which of the ten words it is: in white noise
    the nearest of ten waveforms, which is Bayes' rule. Nobody can do better; who hears only the recording may do worse.
    It stays a bound: a tighter one would have to sum over pitch, timing, formants and every sample of the breath, whose
    likelihoods are far too narrow for a grid, and a sum that misses its peaks bounds nothing.
    """

    version: ClassVar[int] = 1

    class Settings(Spec):
        seed: Seed = 0
        train: int = Field(default=1000, ge=20)
        validation: int = Field(default=200, ge=10)
        test: int = Field(default=600, ge=10)
        speakers: int = Field(
            default=12, ge=2, description="in train; half as many in the test, all of them new; moves no bound"
        )
        snr: float = Field(default=5.0, ge=-60, le=60, description="signal to noise ratio in dB: difficulty")

    @staticmethod
    def generate(settings: SpokenDigits.Settings) -> Generated:
        rng = np.random.default_rng(settings.seed)
        splits: dict[str, Columns] = {}
        ceiling: dict[str, float] = {}
        for split in ("train", "validation", "test"):
            n = getattr(settings, split)
            speakers = settings.speakers if split == "train" else max(2, settings.speakers // 2)
            who = rng.integers(speakers, size=n)
            manner = manners(rng, who, _voices(rng, speakers))
            digits = rng.permutation(np.arange(n) % len(DIGITS))
            noise = rng.normal(size=(n, SAMPLES)) * 10 ** (-settings.snr / 20)
            loudness = rng.uniform(0.03, 0.08, n)[:, None]
            heard = np.clip((say(digits, manner) + noise) * loudness, -1, 1)
            pcm = np.round(heard * 32767).astype("<i2")
            splits[split] = {
                "audio": [wav(samples) for samples in pcm],
                "label": [DIGITS[digit] for digit in digits],
                "speaker": [f"{split}-{speaker}" for speaker in who],
            }
            if split == "test":
                found = nearest_word(pcm / 32767 / loudness, manner)
                ceiling = {"accuracy": float((found == digits).mean())}
        return Generated(splits, ceiling=ceiling)


def _voices(rng: np.random.Generator, n: int) -> np.ndarray:
    """[n, 2] pitch (Hz) and tract factor; who speaks high has a short tract, more or less."""
    high = rng.uniform(0, 1, n)
    return np.stack([90 * (240 / 90) ** high, 0.95 + 0.2 * high + rng.normal(size=n) * 0.03], axis=1)


def manners(rng: np.random.Generator, who: np.ndarray, voices: np.ndarray) -> Manner:
    n = len(who)
    pitch, tract = voices[who].T
    return Manner(
        pitch * np.exp(rng.normal(size=n) * 0.05),
        rng.uniform(0.0, 0.2, n),
        tract,
        np.exp(rng.normal(size=(n, 3)) * 0.04),
        rng.uniform(0.02, 0.15, n),
        rng.uniform(0.65, 0.82, n),
        rng.normal(size=(n, SAMPLES)),
    )


def say(digits: np.ndarray, manner: Manner) -> np.ndarray:
    """[n, SAMPLES] of power 1: the words `digits` [n] said in the manners [n]."""
    track = _tracks(digits, manner)
    times = (np.arange(SAMPLES) + 0.5) / SAMPLES
    pitch = manner.pitch[:, None] * (1 - manner.fall[:, None] * (2 * times - 1) ** 2)
    turn = np.cumsum(pitch / RATE, axis=1) % 1.0
    pulses = np.exp(-turn / 0.08)
    voiced = _filtered(pulses - pulses.mean(axis=1, keepdims=True), _formant_gains(track, manner))
    breathed = _filtered(manner.breath * 0.15, _breath_gains(track, manner))
    wave = voiced + breathed
    return np.asarray(wave / np.sqrt((wave**2).mean(axis=1, keepdims=True)))


def _tracks(digits: np.ndarray, manner: Manner) -> np.ndarray:
    """[n, FRAMES, 6]: the columns of PHONES at each frame, moving linearly from the middle of a phone to the next."""
    frames = np.linspace(0, 1, FRAMES)
    tracks = np.empty((len(digits), FRAMES, 6))
    for digit in np.unique(digits):
        phones = WORDS[DIGITS[digit]]
        ends = np.cumsum([length for _, length in phones])
        middles = (ends - np.array([length for _, length in phones]) / 2) / ends[-1]
        knots = np.concatenate([[-0.02], middles, [1.02]])
        values = np.array([PHONES[name] for name, _ in phones])
        values = np.concatenate([values[:1], values, values[-1:]])
        values[0, :2] = values[-1, :2] = 0
        for i in np.flatnonzero(digits == digit):
            at = (frames - manner.begin[i]) / manner.length[i]
            tracks[i] = np.stack([np.interp(at, knots, column) for column in values.T], axis=1)
    return tracks


def _formant_gains(track: np.ndarray, manner: Manner) -> np.ndarray:
    """[n, FRAMES, bins]: resonances of 60 to 120 Hz width at the three formants, times the voice."""
    bins = np.fft.rfftfreq(FRAME, 1 / RATE)
    gains = np.full((*track.shape[:2], len(bins)), 1e-9)
    for i, (width, weight) in enumerate(((60.0, 1.0), (90.0, 0.7), (120.0, 0.4))):
        middle = track[..., 2 + i] * (manner.tract * manner.formants[:, i])[:, None]
        gains += weight / (1 + ((bins - middle[..., None]) / width) ** 2)
    return np.asarray(gains * track[..., :1])


def _breath_gains(track: np.ndarray, manner: Manner) -> np.ndarray:
    bins = np.fft.rfftfreq(FRAME, 1 / RATE)
    middle = (track[..., 5] * manner.tract[:, None])[..., None]
    return np.asarray(np.exp(-(((bins - middle) / 700) ** 2)) * track[..., 1:2])


def _filtered(source: np.ndarray, gains: np.ndarray) -> np.ndarray:
    """[n, SAMPLES]: overlapping frames of `source` under a Hann window, each with its own gains."""
    half = FRAME // 2
    padded = np.pad(source, ((0, 0), (half, half + HOP)))
    window = np.hanning(FRAME + 1)[:-1]
    done = np.zeros_like(padded)
    for i in range(FRAMES):
        here = slice(i * HOP, i * HOP + FRAME)
        done[:, here] += np.fft.irfft(np.fft.rfft(padded[:, here] * window) * gains[:, i], FRAME)
    return done[:, half : half + SAMPLES]


def nearest_word(heard: np.ndarray, manner: Manner) -> np.ndarray:
    """[n] which digit is nearest to `heard` [n, SAMPLES] in the manner in which it was said."""
    n = len(heard)
    distances = [((heard - say(np.full(n, digit), manner)) ** 2).sum(axis=1) for digit in range(len(DIGITS))]
    return np.asarray(np.argmin(distances, axis=0))


def wav(samples: np.ndarray) -> bytes:
    """A wav file of int16 samples [n], one channel at RATE."""
    body = samples.astype("<i2").tobytes()
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16)
    return b"RIFF" + struct.pack("<I", 36 + len(body)) + b"WAVE" + form + b"data" + struct.pack("<I", len(body)) + body
