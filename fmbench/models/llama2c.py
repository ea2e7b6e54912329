"""Loader of checkpoints of llama2.c (Karpathy 2023, MIT): small Llama models in one binary file, and their tokenizer.

Version 0 of the format: seven int32 (dim, hidden, layers, heads, key-value heads, vocabulary, positions), then float32
tensors in a fixed order; a negative vocabulary means that the classifier is not the embedding table.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from fmbench.errors import CellFailed
from fmbench.models.encoder import local_folder
from fmbench.models.language import LanguageModel
from fmbench.models.loader import Identity
from fmbench.suite.schema import Model, Spec

BOS, EOS, FIRST_BYTE = 1, 2, 3


class Llama2c:
    """A checkpoint and a tokenizer of llama2.c in one folder."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["lm"]] = "lm"
    kinds: ClassVar[frozenset[str]] = frozenset({"minimal-pairs", "multiple-choice", "text-generation"})

    class Settings(Spec):
        checkpoint: str = Field(default="stories260K.bin", min_length=1, description="file in the folder")
        tokenizer: str = Field(default="tok512.bin", min_length=1, description="file in the folder")

    @staticmethod
    def check(model: Model) -> list[str]:
        weights = model.spec.weights
        if weights is None or weights.folder is None or weights.hub is not None:
            return ["`weights` must name a folder"]
        return [f"no such file: {path}" for path in _files(model) if not path.is_file()]

    @staticmethod
    def identity(model: Model) -> Identity:
        digest = hashlib.sha256(b"".join(hashlib.sha256(path.read_bytes()).digest() for path in _files(model)))
        folder = model.spec.weights.folder if model.spec.weights else ""
        return Identity(f"folder: {folder}", None, digest.hexdigest())

    @staticmethod
    def load(model: Model) -> LanguageModel:
        checkpoint, tokenizer = _files(model)
        network = llama(checkpoint)
        pieces = Llama2cTokenizer(tokenizer, int(network.config.vocab_size))
        positions = int(network.config.max_position_embeddings)
        ends = frozenset({BOS, EOS})
        return LanguageModel(network, pieces.encode_all, [BOS], [], None, 0, positions, pieces.decode, ends)


def _files(model: Model) -> tuple[Path, Path]:
    weights = model.spec.weights
    folder = local_folder(weights, model.base) if weights is not None else None
    assert folder is not None
    return folder / model.settings.checkpoint, folder / model.settings.tokenizer


def llama(path: Path) -> Any:
    """The transformers model of a checkpoint. Raises CellFailed if the file is not one."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    raw = path.read_bytes()
    if len(raw) < 28:
        raise CellFailed(f"{path} is no llama2.c checkpoint")
    dim, hidden, layers, heads, kv_heads, vocabulary, positions = struct.unpack("<7i", raw[:28])
    tied, vocabulary = vocabulary > 0, abs(vocabulary)
    head = dim // heads if heads > 0 else 0
    kv = kv_heads * head
    shapes: dict[str, tuple[int, ...]] = {
        "embedding": (vocabulary, dim), "input_norm": (layers, dim), "q": (layers, dim, dim), "k": (layers, kv, dim),
        "v": (layers, kv, dim), "o": (layers, dim, dim), "post_norm": (layers, dim), "gate": (layers, hidden, dim),
        "down": (layers, dim, hidden), "up": (layers, hidden, dim), "norm": (dim,), "cos": (positions, head // 2),
        "sin": (positions, head // 2),
    }  # fmt: skip
    if not tied:
        shapes["classifier"] = (vocabulary, dim)
    sizes = [int(np.prod(shape)) for shape in shapes.values()]
    if min(dim, layers, heads, kv_heads, positions) <= 0 or 28 + 4 * sum(sizes) != len(raw):
        raise CellFailed(f"{path} is no llama2.c checkpoint: its size is not what its header says")
    flat = torch.from_numpy(np.frombuffer(raw, dtype="<f4", offset=28).copy()).split(sizes)
    part = {name: values.view(shape) for (name, shape), values in zip(shapes.items(), flat, strict=True)}
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=dim, intermediate_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=positions,
        rms_norm_eps=1e-5, tie_word_embeddings=tied, bos_token_id=BOS, eos_token_id=EOS,
    )  # fmt: skip
    network = LlamaForCausalLM(config)
    state = {
        "model.embed_tokens.weight": part["embedding"],
        "model.norm.weight": part["norm"],
        "lm_head.weight": part.get("classifier", part["embedding"]),
    }
    for i in range(layers):
        at = f"model.layers.{i}"
        state |= {
            f"{at}.input_layernorm.weight": part["input_norm"][i],
            f"{at}.post_attention_layernorm.weight": part["post_norm"][i],
            f"{at}.self_attn.q_proj.weight": _halves(part["q"][i], heads),
            f"{at}.self_attn.k_proj.weight": _halves(part["k"][i], kv_heads),
            f"{at}.self_attn.v_proj.weight": part["v"][i],
            f"{at}.self_attn.o_proj.weight": part["o"][i],
            f"{at}.mlp.gate_proj.weight": part["gate"][i],
            f"{at}.mlp.down_proj.weight": part["down"][i],
            f"{at}.mlp.up_proj.weight": part["up"][i],
        }
    network.load_state_dict(state)
    return network.eval()


def _halves(weight: Any, heads: int) -> Any:
    """Rows of a head from pairs next to each other, as llama2.c turns them, to two halves, as transformers does."""
    rows, dim = weight.shape
    return weight.view(heads, rows // heads // 2, 2, dim).transpose(1, 2).reshape(rows, dim)


class Llama2cTokenizer:
    """Byte-pair merges by score, as `encode` of run.c: a space before the text, bytes for what is unknown."""

    def __init__(self, path: Path, vocabulary: int) -> None:
        self.pieces, self.scores = [], []
        for score, piece in _read_pieces(path.read_bytes(), vocabulary):
            self.pieces.append(piece)
            self.scores.append(score)

    @cached_property
    def _ids(self) -> dict[bytes, int]:
        return {piece: i for i, piece in reversed(list(enumerate(self.pieces)))}

    def encode_all(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, without special ones."""
        return [self.encode(text) for text in texts]

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without special ones."""
        ids: list[int] = []
        for letter in f" {text}" if text else "":
            raw = letter.encode()
            ids += [self._ids[raw]] if raw in self._ids else [FIRST_BYTE + byte for byte in raw]
        while True:
            merged = [self._ids.get(self.pieces[a] + self.pieces[b]) for a, b in pairwise(ids)]
            options = [(self.scores[new], -i) for i, new in enumerate(merged) if new is not None]
            if not options:
                return ids
            i = -max(options)[1]
            new = merged[i]
            assert new is not None
            ids[i : i + 2] = [new]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens that follow the first one, BOS; the space that begins every text is left out."""
        raw = b""
        for before, token in zip([BOS, *ids], ids, strict=False):
            piece = self.pieces[token]
            if before == BOS and piece.startswith(b" "):
                piece = piece[1:]
            is_byte = FIRST_BYTE <= token < FIRST_BYTE + 256
            raw += bytes([token - FIRST_BYTE]) if is_byte else piece
        return raw.decode("utf-8", "replace")


def _read_pieces(raw: bytes, vocabulary: int) -> Iterator[tuple[float, bytes]]:
    at = 4
    for _ in range(vocabulary):
        if at + 8 > len(raw):
            raise CellFailed(f"the llama2.c tokenizer has fewer than {vocabulary} pieces")
        score, length = struct.unpack_from("<fi", raw, at)
        yield score, raw[at + 8 : at + 8 + length]
        at += 8 + length
