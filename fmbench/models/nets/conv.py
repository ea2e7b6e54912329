"""Small convolutional networks for images and spectrograms, and one that reads a text beside the image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fmbench.models.nets.bilstm import BiLSTMTrunk

GROUPS = 8


class ConvTrunk(nn.Module):
    """Standardised input -> 3 x 3 convolutions, group norm, ReLU -> mean and maximum over all positions.

    Every block halves height and width. Group norm (Wu and He 2018, 1803.08494) knows no batch, so that one example
    alone gives what it gives in a batch.

    Args:
        mean, std: float32 [channels, 1, 1] or [channels, height, 1], what the input is standardised with.
        widths: channels after each block, multiples of 8.
        shift: in training, images move by up to that many pixels; flip: and are mirrored half the time.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        mean: Tensor,
        std: Tensor,
        widths: tuple[int, ...],
        shift: int = 0,
        flip: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)
        self.shift, self.flip = shift, flip
        blocks: list[nn.Module] = []
        for before, after in zip((len(mean), *widths), widths, strict=False):
            blocks.append(nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False))
            blocks += [nn.GroupNorm(GROUPS, after), nn.ReLU()]
        self.blocks = nn.Sequential(*blocks)
        self.hidden_size = 2 * widths[-1]

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] of any number type -> [n, hidden_size]."""
        x = (images.float() - self.mean) / self.std
        if self.training and (self.shift or self.flip):
            x = _moved(x, self.shift, self.flip)
        maps = self.blocks(x).flatten(2)
        return torch.cat([maps.mean(dim=2), maps.max(dim=2).values], dim=1)


class ConvClassifier(nn.Module):
    """A trunk, dropout and a linear layer."""

    def __init__(self, trunk: ConvTrunk, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.trunk, self.dropout = trunk, nn.Dropout(dropout)
        self.head = nn.Linear(trunk.hidden_size, n_outputs)

    def forward(self, images: Tensor) -> Tensor:
        """-> logits [n, n_outputs]."""
        logits: Tensor = self.head(self.dropout(self.trunk(images)))
        return logits


class LateFusion(nn.Module):
    """An image through convolutions, its text through a BiLSTM; both vectors side by side into a linear layer."""

    def __init__(self, images: ConvTrunk, texts: BiLSTMTrunk, n_outputs: int, dropout: float) -> None:
        super().__init__()
        self.images, self.texts, self.dropout = images, texts, nn.Dropout(dropout)
        self.head = nn.Linear(images.hidden_size + texts.hidden_size, n_outputs)

    def forward(self, images: Tensor, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """Images [n, channels, height, width], tokens [total_tokens] and how many each has -> logits [n, n_outputs]."""
        lengths = lengths.cpu()
        hidden = self.texts(input_ids, lengths)
        words = torch.stack([part.mean(dim=0) for part in hidden.split(lengths.tolist())])
        logits: Tensor = self.head(self.dropout(torch.cat([self.images(images), words], dim=1)))
        return logits


def _moved(x: Tensor, shift: int, flip: bool) -> Tensor:
    """Images [n, c, h, w] moved by up to `shift` pixels, each by its own way, and mirrored at random."""
    n, _, height, width = x.shape
    down, right = torch.randint(0, 2 * shift + 1, (2, n, 1)).unbind()
    rows, columns = down + torch.arange(height), right + torch.arange(width)
    if flip:
        columns = torch.where(torch.rand(n, 1) < 0.5, columns.flip(1), columns)
    padded = F.pad(x, (shift, shift, shift, shift))
    place = x.device
    at = torch.arange(n, device=place)[:, None, None]
    return padded.permute(0, 2, 3, 1)[at, rows.to(place)[:, :, None], columns.to(place)[:, None]].permute(0, 3, 1, 2)
