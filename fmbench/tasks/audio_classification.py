"""audio-classification: one label for a recording."""

from __future__ import annotations

from typing import ClassVar

from fmbench.data.sound import sound_problem
from fmbench.suite.schema import Spec
from fmbench.tasks.media import SoundOptions, cut_note
from fmbench.tasks.media_classification import MediaClassification


class AudioClassification(MediaClassification):
    """Fields `audio`, the bytes or the path of a wav file, and `label`; models read float32 [n_samples], one channel.

    Labels are those of text-classification: any string or number, kept as a string.
    """

    name: ClassVar[str] = "audio-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("audio", "label")
    input_fields: ClassVar[tuple[str, ...]] = ("audio",)
    modality: ClassVar[str | None] = "audio"
    Options: ClassVar[type[Spec]] = SoundOptions
    file_problem = staticmethod(sound_problem)
    changed_note = staticmethod(cut_note)
