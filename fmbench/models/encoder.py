"""Loader of pretrained encoders: from a Python package, a folder, or the hub."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from fmbench.errors import CellFailed, one_line
from fmbench.files import cache_folder, write_atomic
from fmbench.models.loader import Identity
from fmbench.suite.schema import Model, Spec, Weights

WEIGHT_FILES = ("*.safetensors", "pytorch_model*.bin")
TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model")


class PretrainedEncoder:
    """Any model that transformers' AutoModel loads and that returns hidden states."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["encoder"]] = "encoder"
    kinds: ClassVar[frozenset[str]] = frozenset(
        {
            "text-classification",
            "token-classification",
            "sentence-similarity",
            "text-regression",
            "multi-label-classification",
            "multiple-choice",
            "tabular-classification",
            "tabular-regression",
            "sequential-recommendation",
            "sampled-recommendation",
            "retrieval",
        }
    )

    class Settings(Spec):
        pooling: Literal["mean", "cls"] = Field(default="mean", description="how a text becomes one vector")
        max_length: int = Field(default=512, ge=8, description="subword tokens; the model's own limit if lower")

    @staticmethod
    def check(model: Model) -> list[str]:
        weights = model.spec.weights
        if weights is None or (weights.package or weights.folder or weights.hub) is None:
            return ["`weights` must name a package, a folder or a hub repository"]
        if weights.hub is not None:
            return [] if weights.package is None and weights.folder is None else ["`weights` names a hub and a folder"]
        folder = local_folder(weights, model.base)
        if folder is None:
            return [f"the package {weights.package!r} is not installed"]
        if not folder.is_dir():
            return [f"no such folder: {folder}"]
        if not (folder / "config.json").is_file():
            return [f"no config.json in {folder}"]
        if not weight_files(folder):
            return [f"no weights ({' or '.join(WEIGHT_FILES)}) in {folder}"]
        return []

    @staticmethod
    def identity(model: Model) -> Identity:
        weights = model.spec.weights
        assert weights is not None
        folder = resolve(model)
        digest = weights_sha256(folder)
        if weights.hub is not None:
            return Identity(f"hub: {weights.hub}", folder.name, digest)
        if weights.package is not None:
            return Identity(f"package: {weights.package}", _package_version(weights.package), digest)
        return Identity(f"folder: {weights.folder}", None, digest)

    @staticmethod
    def load(model: Model) -> Encoder:
        folder = resolve(model)
        trust_remote_code = bool(model.spec.weights and model.spec.weights.trust_remote_code)
        return Encoder(folder, model.settings, trust_remote_code, load_network(folder, trust_remote_code))


@dataclass
class Encoder:
    """A pretrained encoder: a fresh copy of its network in fp32 and evaluation mode, and where its files are."""

    folder: Path
    settings: PretrainedEncoder.Settings
    trust_remote_code: bool
    network: Any

    def tokenizer(self, words: bool) -> Any:
        """The fast tokenizer; `words` for input that is split into words already."""
        from transformers import AutoTokenizer

        if not any(list(self.folder.glob(pattern)) for pattern in TOKENIZER_FILES) and not self.trust_remote_code:
            raise CellFailed(f"no tokenizer ({' or '.join(TOKENIZER_FILES)}) in {self.folder}")
        with explained(self.folder):
            options = {"local_files_only": True, "trust_remote_code": self.trust_remote_code}
            tokenizer = AutoTokenizer.from_pretrained(self.folder, **options)
            if words and hasattr(tokenizer, "add_prefix_space"):
                tokenizer = AutoTokenizer.from_pretrained(self.folder, add_prefix_space=True, **options)
        if not tokenizer.is_fast:
            raise CellFailed(f"the tokenizer of {self.folder} is not a fast one (no tokenizer.json)")
        return tokenizer


def automodel(folder: Path, trust_remote_code: bool) -> Any:
    """Whatever AutoModel finds in `folder`, in fp32. Raises CellFailed if it cannot be loaded."""
    import torch
    from transformers import AutoModel

    with explained(folder):
        return AutoModel.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, trust_remote_code=trust_remote_code
        )


def load_network(folder: Path, trust_remote_code: bool) -> Any:
    """The network in `folder`, in fp32 and evaluation mode. Raises CellFailed if it is no encoder."""
    network = automodel(folder, trust_remote_code)
    if network.config.is_encoder_decoder:
        raise CellFailed("an encoder-decoder model cannot be used as an encoder")
    return network.eval()


class explained:
    """Turns whatever transformers raises on loading into one clear line."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        from transformers.utils import logging

        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        if isinstance(error, Exception):
            raise CellFailed(f"cannot load {self.folder}: {one_line(str(error))[:300]}") from error


def local_folder(weights: Weights, base: Path) -> Path | None:
    """The folder of a package or of a path, None if the package is not installed."""
    if weights.package is None:
        return base / Path(weights.folder or ".").expanduser()
    try:
        spec = importlib.util.find_spec(weights.package)
    except ValueError:
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / (weights.folder or ".")


def _package_version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def resolve(model: Model) -> Path:
    """The folder with the model's files; a hub repository is downloaded at its revision, or taken from the cache.

    Raises CellFailed if the hub does not give it, or gives no model.
    """
    weights = model.spec.weights
    assert weights is not None
    if weights.hub is None:
        folder = local_folder(weights, model.base)
        assert folder is not None
        return folder
    from huggingface_hub import snapshot_download

    wanted = ["*.json", "*.txt", "*.model", "*.safetensors"] + (["*.py"] if weights.trust_remote_code else [])
    try:
        folder = Path(snapshot_download(weights.hub, revision=weights.revision, allow_patterns=wanted))
        if not weight_files(folder):
            folder = Path(snapshot_download(weights.hub, revision=weights.revision, allow_patterns=[*wanted, "*.bin"]))
    except Exception as error:
        raise CellFailed(f"cannot fetch {weights.hub} from the hub: {one_line(str(error))[:300]}") from error
    if not (folder / "config.json").is_file() or not weight_files(folder):
        raise CellFailed(f"{weights.hub} has no config.json or no weights ({' or '.join(WEIGHT_FILES)})")
    return folder


def weight_files(folder: Path) -> list[Path]:
    """safetensors files if there are any, else pickled ones (which are loaded with weights_only)."""
    for pattern in WEIGHT_FILES:
        found = sorted(folder.glob(pattern))
        if found:
            return found
    return []


def weights_sha256(folder: Path) -> str:
    """sha256 over configuration, tokenizer and weights; remembered by size and time, as hashing gigabytes is slow."""
    patterns = (
        *TOKENIZER_FILES,
        "tokenizer_config.json",
        "special_tokens_map.json",
        "merges.txt",
        "preprocessor_config.json",
    )
    tokenizer = sorted({path for pattern in patterns for path in folder.glob(pattern)})
    files = [folder / "config.json", *tokenizer, *weight_files(folder)]
    stamp = json.dumps([[str(f.resolve()), f.stat().st_size, f.stat().st_mtime_ns] for f in files])
    memory = cache_folder() / "weights" / hashlib.sha256(stamp.encode()).hexdigest()
    try:
        known = memory.read_bytes()
    except OSError:
        known = b""
    if re.fullmatch(rb"[0-9a-f]{64}", known):
        return known.decode()
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    write_atomic(memory, digest.hexdigest().encode())
    return digest.hexdigest()
