"""image-classification: one label for an image."""

from __future__ import annotations

from typing import ClassVar

from fmbench.data.images import image_problem
from fmbench.suite.schema import Spec
from fmbench.tasks.media import ImageOptions, resized_note
from fmbench.tasks.media_classification import MediaClassification


class ImageClassification(MediaClassification):
    """Fields `image`, the bytes or the path of an image file, and `label`; models read uint8 [height, width, channels].

    Labels are those of text-classification: any string or number, kept as a string.
    """

    name: ClassVar[str] = "image-classification"
    version: ClassVar[int] = 1
    fields: ClassVar[tuple[str, ...]] = ("image", "label")
    input_fields: ClassVar[tuple[str, ...]] = ("image",)
    modality: ClassVar[str | None] = "image"
    Options: ClassVar[type[Spec]] = ImageOptions
    file_problem = staticmethod(image_problem)
    changed_note = staticmethod(resized_note)
