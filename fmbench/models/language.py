"""Loader of language models, masked and causal ones, that tell how likely a text is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from fmbench.errors import CellFailed
from fmbench.models.encoder import Encoder, PretrainedEncoder, explained, resolve
from fmbench.models.loader import Identity
from fmbench.suite.schema import Model, Spec

Objective = Literal["auto", "masked", "causal"]


@dataclass(frozen=True)
class LanguageModel:
    """A network of transformers with a language-model head, and what its tokenizer does.

    Args:
        network: gives `logits` [n, length, vocabulary] of input_ids and attention_mask.
        encode: texts -> token ids without special tokens.
        prefix, suffix: special tokens around a text.
        mask: the mask token, None for causal models; pad: any token that may fill up a batch.
        decode: token ids -> text, without special tokens; None where nothing is written.
        ends: tokens that end a text.
    """

    network: Any
    encode: Callable[[Sequence[str]], list[list[int]]]
    prefix: list[int]
    suffix: list[int]
    mask: int | None
    pad: int
    max_length: int
    decode: Callable[[Sequence[int]], str] | None = None
    ends: frozenset[int] = frozenset()

    @property
    def masked(self) -> bool:
        return self.mask is not None

    @property
    def parameters(self) -> int:
        return sum(p.numel() for p in self.network.parameters())


class PretrainedLanguageModel:
    """Masked or causal language models of transformers, from a hub, a folder or a package."""

    version: ClassVar[int] = 1
    provides: ClassVar[Literal["lm"]] = "lm"
    kinds: ClassVar[frozenset[str]] = frozenset({"minimal-pairs", "multiple-choice", "text-generation"})

    class Settings(Spec):
        objective: Objective = Field(default="auto", description="auto: as the architecture in config.json says")
        max_length: int = Field(default=512, ge=8, description="tokens of a text; the model's own limit if lower")

    @staticmethod
    def check(model: Model) -> list[str]:
        return PretrainedEncoder.check(model)

    @staticmethod
    def identity(model: Model) -> Identity:
        return PretrainedEncoder.identity(model)

    @staticmethod
    def load(model: Model) -> LanguageModel:
        import torch
        from transformers import AutoModelForCausalLM, AutoModelForMaskedLM

        folder = resolve(model)
        trust = bool(model.spec.weights and model.spec.weights.trust_remote_code)
        masked = _is_masked(model.settings.objective, json.loads((folder / "config.json").read_text()))
        auto = AutoModelForMaskedLM if masked else AutoModelForCausalLM
        options = {"local_files_only": True, "trust_remote_code": trust}
        with explained(folder):
            network, found = auto.from_pretrained(folder, dtype=torch.float32, output_loading_info=True, **options)
        if found["missing_keys"]:
            missing = sorted(found["missing_keys"])[0]
            raise CellFailed(f"{folder} holds no weights of a language-model head ({missing} is missing)")
        tokenizer = Encoder(folder, model.settings, trust, network).tokenizer(words=False)
        return _wrapped(network.eval(), tokenizer, masked, model.settings.max_length)


def _is_masked(objective: Objective, config: dict[str, Any]) -> bool:
    if objective != "auto":
        return objective == "masked"
    names = config.get("architectures") or []
    if any("MaskedLM" in name or "ForPreTraining" in name for name in names):
        return True
    if any("CausalLM" in name or "LMHeadModel" in name for name in names):
        return False
    named = ", ".join(names) or "none"
    raise CellFailed(f"config.json names no language model (architectures: {named}); set `objective`")


def _wrapped(network: Any, tokenizer: Any, masked: bool, max_length: int) -> LanguageModel:
    def encode(texts: Sequence[str]) -> list[list[int]]:
        return [list(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]

    start = [tokenizer.cls_token_id] if masked else [tokenizer.bos_token_id]
    prefix = [token for token in start if token is not None]
    suffix = [tokenizer.sep_token_id] if masked and tokenizer.sep_token_id is not None else []
    if masked and tokenizer.mask_token_id is None:
        raise CellFailed("the tokenizer of this model has no mask token")
    positions = getattr(network.config, "max_position_embeddings", None) or max_length
    after_padding = network.config.model_type in ("roberta", "xlm-roberta", "camembert", "mpnet")
    limits = [max_length, int(tokenizer.model_max_length), positions - 2 if after_padding else positions]
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0

    def decode(ids: Sequence[int]) -> str:
        return str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))

    mask = tokenizer.mask_token_id if masked else None
    ends = _ends(network, tokenizer)
    return LanguageModel(network, encode, prefix, suffix, mask, pad, min(limits), None if masked else decode, ends)


def _ends(network: Any, tokenizer: Any) -> frozenset[int]:
    """Tokens that end a text: the tokenizer's, and those that the model's own generation settings name."""
    own = getattr(getattr(network, "generation_config", None), "eos_token_id", None)
    named = [tokenizer.eos_token_id, *(own if isinstance(own, list | tuple) else [own])]
    return frozenset(int(token) for token in named if token is not None)
