"""Small images, recordings and encoders, made on the spot."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image
from scipy.io import wavfile

RATE = 8000
COLOURS = {"blue": (30, 60, 200), "red": (200, 40, 50)}
PITCHES = {"high": 1500.0, "low": 300.0}


def png(array: np.ndarray, kind: str = "PNG") -> bytes:
    """An image file of uint8 [h, w] or [h, w, 3]."""
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, kind)
    return stream.getvalue()


def wav(samples: np.ndarray, rate: int = RATE) -> bytes:
    """A wav file in the number type of `samples`."""
    stream = io.BytesIO()
    wavfile.write(stream, rate, samples)
    return stream.getvalue()


def picture(label: str, i: int, side: int = 12) -> np.ndarray:
    """A noisy patch of one colour, uint8 [side, side, 3]."""
    noise = np.random.default_rng(i).integers(-25, 26, (side, side, 3))
    return np.clip(np.array(COLOURS[label]) + noise, 0, 255).astype(np.uint8)


def tone(label: str, i: int) -> np.ndarray:
    """A noisy tone of 0.15 to 0.25 s, int16."""
    rng = np.random.default_rng(i)
    time = np.arange(1200 + 200 * (i % 5)) / RATE
    wave = 0.4 * np.sin(2 * np.pi * (PITCHES[label] + rng.uniform(-40, 40)) * time) + rng.normal(0, 0.02, len(time))
    return (wave * 32767).astype(np.int16)


def image_folder(root: Path, n: int = 12) -> Path:
    """Class folders with `n` png files each."""
    for label in COLOURS:
        (root / label).mkdir(parents=True)
        for i in range(n):
            (root / label / f"{i:02d}.png").write_bytes(png(picture(label, i)))
    return root


def wav_folder(root: Path, n: int = 12) -> Path:
    """Class folders with `n` wav files each."""
    for label in PITCHES:
        (root / label).mkdir(parents=True)
        for i in range(n):
            (root / label / f"{i:02d}.wav").write_bytes(wav(tone(label, i)))
    return root


def media_table(kind: str, n: int) -> tuple[pa.Table, tuple[str, ...]]:
    """Rows of one of the three kinds, classes in turn, and their labels."""
    labels = sorted(PITCHES if kind == "audio-classification" else COLOURS)
    gold = [labels[i % 2] for i in range(n)]
    columns: dict[str, Any] = {"id": [str(i) for i in range(n)]}
    if kind == "audio-classification":
        columns["audio"] = [wav(tone(label, i)) for i, label in enumerate(gold)]
    else:
        columns["image"] = [png(picture(label, i)) for i, label in enumerate(gold)]
    if kind == "image-text-classification":
        columns["text"] = [f"something {label} number {i}" for i, label in enumerate(gold)]
    return pa.table({**columns, "label": gold}), tuple(labels)


def tiny_vit(folder: Path) -> Path:
    """A random vision transformer of two layers, with its image processor."""
    from transformers import ViTConfig, ViTImageProcessorPil, ViTModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    ViTModel(ViTConfig(image_size=16, patch_size=4, **sizes)).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(folder)
    return folder


def tiny_resnet(folder: Path) -> Path:
    """A random ResNet of two stages, whose states are maps of different widths."""
    from transformers import ResNetConfig, ResNetModel, ViTImageProcessorPil

    torch.manual_seed(0)
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 16], "depths": [1, 1], "layer_type": "basic"}
    ResNetModel(ResNetConfig(**sizes)).save_pretrained(folder)
    ViTImageProcessorPil(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def tiny_wav2vec2(folder: Path) -> Path:
    """A random wav2vec2 of two layers, with its feature extractor for 16 kHz."""
    from transformers import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2Model

    torch.manual_seed(0)
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, conv_dim=(8, 8, 8),
        conv_stride=(5, 4, 4), conv_kernel=(10, 8, 4), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
    )  # fmt: skip
    Wav2Vec2Model(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(sampling_rate=16000).save_pretrained(folder)
    return folder


def tiny_whisper(folder: Path) -> Path:
    """A random Whisper of two layers that hears one second, with its feature extractor."""
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=16, encoder_layers=2, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=32, decoder_ffn_dim=32, vocab_size=40, num_mel_bins=16, max_source_positions=50,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1, suppress_tokens=None,
        begin_suppress_tokens=None,
    )  # fmt: skip
    WhisperModel(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=16, chunk_length=1).save_pretrained(folder)
    return folder
