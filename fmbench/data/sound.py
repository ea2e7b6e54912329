"""wav files as arrays (scipy)."""

from __future__ import annotations

import io
import math
import struct
import warnings

import numpy as np


class Unreadable(ValueError):
    """Why a recording cannot be read."""


def sound_problem(content: bytes) -> str | None:
    """What is wrong with a wav file, None if it can be read to its end."""
    try:
        read_wav(content)
    except Unreadable as error:
        return str(error)
    return None


def read_wav(content: bytes) -> tuple[np.ndarray, int]:
    """Samples float32 [n] between -1 and 1, channels averaged, and their rate in Hz. Raises Unreadable.

    PCM of 8 to 32 bits and floats are read.
    """
    from scipy.io import wavfile

    if not content:
        raise Unreadable("the file is empty")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)
            warnings.filterwarnings("error", message=".*(EOF|truncated|incomplete).*")
            rate, samples = wavfile.read(io.BytesIO(content))
    except Exception as error:  # noqa: BLE001 - the reader raises anything, from ValueError to UnboundLocalError
        told = isinstance(error, ValueError | EOFError | wavfile.WavFileWarning)
        raise Unreadable(f"not a whole wav file: {error if told else type(error).__name__}") from None
    declared = _declared_bytes(content)
    if declared is not None and declared > len(content):
        raise Unreadable(f"not a whole wav file: {len(content)} bytes of {declared}")
    if samples.size == 0 or rate <= 0:
        raise Unreadable("no samples")
    if samples.dtype == np.uint8:
        wave = (samples.astype(np.float32) - 128) / 128
    elif samples.dtype.kind == "i":
        wave = (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)
    else:
        wave = samples.astype(np.float32)
    if not np.isfinite(wave).all():
        raise Unreadable("a sample is not a finite number")
    return (wave.mean(axis=1, dtype=np.float32) if wave.ndim > 1 else wave), int(rate)


def _declared_bytes(content: bytes) -> int | None:
    """Where the chunk of samples ends, by its own head; None if there is none (RF64, or streamed with size 0)."""
    at = content.find(b"data", 12)
    if not content.startswith(b"RIFF") or at < 0 or len(content) < at + 8:
        return None
    size = int(struct.unpack_from("<I", content, at + 4)[0])
    return at + 8 + size if size != 0xFFFFFFFF else None


def resampled(wave: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """float32 [n] at another rate, by a polyphase filter."""
    if rate == wanted:
        return wave
    from scipy.signal import resample_poly

    common = math.gcd(rate, wanted)
    return np.asarray(resample_poly(wave, wanted // common, rate // common), dtype=np.float32)
