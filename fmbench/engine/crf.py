"""A linear-chain conditional random field over the tags of a sentence (Lafferty, McCallum and Pereira 2001)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from fmbench.engine.classifier import Classifier
from fmbench.engine.devices import Device
from fmbench.engine.sequences import Batch, Sequences
from fmbench.tasks.kind import IGNORED


class CrfTagger(nn.Module):
    """A classifier of tokens whose logits are the emissions of a chain; transitions are learned with it.

    Args:
        emissions: gives [n_targets, n_outputs].
        outputs: tags in IOB2, "O", "B-x", "I-x"; what IOB2 forbids (I-x after anything but B-x and I-x) has no weight.
    """

    def __init__(self, emissions: Classifier, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.emissions = emissions
        self.trunk, self.pooling, self.width = emissions.trunk, emissions.pooling, emissions.width
        self.start = nn.Parameter(torch.zeros(len(outputs)))
        self.end = nn.Parameter(torch.zeros(len(outputs)))
        self.transitions = nn.Parameter(torch.zeros(len(outputs), len(outputs)))
        first, between = forbidden(outputs)
        self.register_buffer("no_start", torch.from_numpy(first))
        self.register_buffer("no_transition", torch.from_numpy(between))

    def forward(self, batch: Batch) -> Tensor:
        """Emissions, [n_targets, n_outputs]."""
        found: Tensor = self.emissions(batch)
        return found

    def weights(self) -> tuple[Tensor, Tensor, Tensor]:
        """Start [n], transitions from row to column [n, n] and end [n], with what IOB2 forbids at -10,000."""
        start: Any = self.no_start
        between: Any = self.no_transition
        return (
            self.start.masked_fill(start, -1e4),
            self.transitions.masked_fill(between, -1e4),
            self.end,
        )


def forbidden(outputs: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Which tags may not begin a sentence, bool [n], and which may not follow which, bool [n, n] (row, then column)."""
    inside = [tag.startswith("I-") for tag in outputs]
    follows = [[tag[2:] == before[2:] and before != "O" for tag in outputs] for before in outputs]
    return np.array(inside), np.array(inside)[None, :] & ~np.array(follows)


def log_partition(emissions: Tensor, real: Tensor, start: Tensor, between: Tensor, end: Tensor) -> Tensor:
    """log of the summed weight of all tag sequences, [n] (the forward algorithm).

    Args:
        emissions: [n, longest, n_outputs]; real: bool [n, longest].
    """
    alpha = start + emissions[:, 0]
    for t in range(1, emissions.shape[1]):
        step = torch.logsumexp(alpha[:, :, None] + between, dim=1) + emissions[:, t]
        alpha = torch.where(real[:, t, None], step, alpha)
    return torch.logsumexp(alpha + end, dim=1)


def path_score(emissions: Tensor, tags: Tensor, real: Tensor, start: Tensor, between: Tensor, end: Tensor) -> Tensor:
    """log of the weight of one tag sequence each, [n]; tags int64 [n, longest]."""
    at = emissions.gather(2, tags[:, :, None])[:, :, 0]
    moves = between[tags[:, :-1], tags[:, 1:]]
    last = tags.gather(1, real.sum(dim=1, keepdim=True) - 1)[:, 0]
    return start[tags[:, 0]] + (at * real).sum(dim=1) + (moves * real[:, 1:]).sum(dim=1) + end[last]


class ChainLikelihood:
    """The negative log-likelihood of each sentence's tags; a step's loss is a mean a token.

    Args:
        sequences: with `reads`, one for each token.
        targets: int64 [sequences.n_targets]; a tag outside of the label space counts as the first one, "O".
    """

    def __init__(self, sequences: Sequences, targets: np.ndarray) -> None:
        self.sequences, self.targets = sequences, np.where(targets == IGNORED, 0, targets)
        self.lengths = sequences.lengths

    def weight(self, index: np.ndarray) -> float:
        return float(max(len(self.sequences.targets_of(index)), 1))

    def loss(self, model: CrfTagger, index: np.ndarray, device: Device) -> Tensor:
        counts = _counts(self.sequences, index)
        tags = device.send(self.targets[self.sequences.targets_of(index)])
        emissions, real = _padded(model(self.sequences.batch(index, device)).float(), counts)
        padded_tags = pad_sequence(tags.split(counts), batch_first=True)
        chain = model.weights()
        return (log_partition(emissions, real, *chain) - path_score(emissions, padded_tags, real, *chain)).sum()


@torch.inference_mode()
def marginals(model: CrfTagger, emissions: np.ndarray, sequences: Sequences) -> np.ndarray:
    """The probability of each tag at each token given the whole sentence, float64 [n_targets, n_outputs].

    The best of them at each token is the decoding with the fewest expected wrong tags (forward-backward).
    """
    start, between, end = (weight.detach().double().cpu() for weight in model.weights())
    found = np.empty(emissions.shape, dtype=np.float64)
    assert sequences.read_offsets is not None
    order = np.argsort(np.diff(sequences.read_offsets), kind="stable")
    for index in np.array_split(order, max(1, len(order) // 256)):
        counts = _counts(sequences, index)
        targets = sequences.targets_of(index)
        padded, real = _padded(torch.from_numpy(emissions[targets]).double(), counts)
        found[targets] = _forward_backward(padded, real, start, between, end)[real].numpy()
    return found


def _forward_backward(emissions: Tensor, real: Tensor, start: Tensor, between: Tensor, end: Tensor) -> Tensor:
    longest = emissions.shape[1]
    alphas = [start + emissions[:, 0]]
    for t in range(1, longest):
        step = torch.logsumexp(alphas[-1][:, :, None] + between, dim=1) + emissions[:, t]
        alphas.append(torch.where(real[:, t, None], step, alphas[-1]))
    beta = end.expand_as(alphas[0])
    betas = [beta]
    for t in range(longest - 1, 0, -1):
        step = torch.logsumexp(between + (emissions[:, t] + beta)[:, None, :], dim=2)
        beta = torch.where(real[:, t, None], step, end.expand_as(step))
        betas.append(beta)
    total = torch.stack(alphas, dim=1) + torch.stack(betas[::-1], dim=1)
    return torch.softmax(total, dim=2)


def _counts(sequences: Sequences, index: np.ndarray) -> list[int]:
    assert sequences.read_offsets is not None
    counts: list[int] = np.diff(sequences.read_offsets)[index].tolist()
    return counts


def _padded(rows: Tensor, counts: list[int]) -> tuple[Tensor, Tensor]:
    """[total, n] -> [len(counts), longest, n] and which of them are real, bool [len(counts), longest]."""
    padded = pad_sequence(rows.split(counts), batch_first=True)
    lengths = torch.tensor(counts, device=rows.device)
    return padded, torch.arange(padded.shape[1], device=rows.device)[None] < lengths[:, None]
