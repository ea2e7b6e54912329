"""Loaders of pretrained encoders of images and of recordings: from a folder, a Python package, or the hub."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from fmbench.errors import CellFailed
from fmbench.models.encoder import PretrainedEncoder, automodel, explained, local_folder, resolve
from fmbench.models.loader import Identity
from fmbench.suite.schema import Model, Spec, Weights

PROCESSOR = "preprocessor_config.json"


@dataclass(frozen=True)
class MediaEncoder:
    """A pretrained encoder of images or recordings, and what prepares its input.

    Args:
        network: in fp32 and evaluation mode.
        processor: transformers' image processor or feature extractor.
        sampling_rate: in Hz, of the recordings that it reads; None for images.
    """

    folder: Path
    settings: Any
    network: Any
    processor: Any
    sampling_rate: int | None = None


class _MediaLoader:
    version: ClassVar[int] = 1
    provides: ClassVar[Literal["encoder"]] = "encoder"
    part: ClassVar[str]
    """Name of the part of models of two modalities, such as CLIP."""

    @classmethod
    def check(cls, model: Model) -> list[str]:
        found = PretrainedEncoder.check(model)
        weights = model.spec.weights
        if found or weights is None or weights.hub is not None:
            return found
        folder = local_folder(weights, model.base)
        if folder is not None and not (folder / PROCESSOR).is_file():
            return [f"no {PROCESSOR} in {folder}"]
        return []

    @staticmethod
    def identity(model: Model) -> Identity:
        return PretrainedEncoder.identity(model)

    @classmethod
    def reads(cls, weights: Weights, base: Path) -> bool | None:
        """Whether the model's own files say that it is one of these; None if they are not at hand."""
        config = _processor_config(weights, base)
        return None if config is None else cls.told_by(config)

    @staticmethod
    def told_by(config: dict[str, Any]) -> bool:
        """The same from the content of preprocessor_config.json."""
        raise NotImplementedError

    @classmethod
    def network(cls, folder: Path, trust_remote_code: bool) -> Any:
        """The encoder alone, of models that have more."""
        network = automodel(folder, trust_remote_code)
        if network.config.is_encoder_decoder:
            network = network.get_encoder()
        return getattr(network, cls.part, network).eval()

    @classmethod
    def prepared(cls, model: Model, reader: Any) -> tuple[Path, Any, Any]:
        """The folder, the network and what transformers' `reader` makes of the folder."""
        folder, trust = resolve(model), bool(model.spec.weights and model.spec.weights.trust_remote_code)
        network = cls.network(folder, trust)
        with explained(folder):
            processor = reader.from_pretrained(folder, local_files_only=True, trust_remote_code=trust)
        return folder, network, processor


class ImageEncoder(_MediaLoader):
    """Any encoder of images that transformers' AutoModel loads with its AutoImageProcessor."""

    kinds: ClassVar[frozenset[str]] = frozenset({"image-classification"})
    part: ClassVar[str] = "vision_model"

    class Settings(Spec):
        pooling: Literal["mean", "cls"] = Field(default="mean", description="how patches become one vector")

    @staticmethod
    def told_by(config: dict[str, Any]) -> bool:
        return "sampling_rate" not in config and ("image_processor_type" in config or "image_mean" in config)

    @classmethod
    def load(cls, model: Model) -> MediaEncoder:
        from transformers import AutoImageProcessor

        folder, network, processor = cls.prepared(model, AutoImageProcessor)
        return MediaEncoder(folder, model.settings, network, processor)


class AudioEncoder(_MediaLoader):
    """Any encoder of recordings that transformers' AutoModel loads with its AutoFeatureExtractor."""

    kinds: ClassVar[frozenset[str]] = frozenset({"audio-classification"})
    part: ClassVar[str] = "audio_model"

    class Settings(Spec):
        pooling: Literal["mean", "cls"] = Field(default="mean", description="how frames become one vector")

    @staticmethod
    def told_by(config: dict[str, Any]) -> bool:
        return "sampling_rate" in config

    @classmethod
    def load(cls, model: Model) -> MediaEncoder:
        from transformers import AutoFeatureExtractor

        folder, network, processor = cls.prepared(model, AutoFeatureExtractor)
        rate = getattr(processor, "sampling_rate", None)
        if rate is None:
            raise CellFailed(f"{folder} is not an encoder of recordings: its {PROCESSOR} has no sampling_rate")
        return MediaEncoder(folder, model.settings, network, processor, int(rate))


def _processor_config(weights: Weights, base: Path) -> dict[str, Any] | None:
    """What preprocessor_config.json says, {} if there is none; None if the model is not on this machine."""
    if weights.hub is not None:
        from huggingface_hub import try_to_load_from_cache

        revision = weights.revision or "main"
        if not isinstance(try_to_load_from_cache(weights.hub, "config.json", revision=revision), str):
            return None
        found = try_to_load_from_cache(weights.hub, PROCESSOR, revision=revision)
        path = Path(found) if isinstance(found, str) else None
    else:
        folder = local_folder(weights, base)
        if folder is None or not folder.is_dir():
            return None
        path = folder / PROCESSOR
    try:
        config = json.loads(path.read_bytes()) if path is not None else {}
    except (OSError, ValueError):
        return {}
    return config if isinstance(config, dict) else {}
