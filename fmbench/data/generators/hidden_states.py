"""Hidden Markov states behind a series: what is known of them from what was seen (Hamilton 1989, Econometrica 57)."""

from __future__ import annotations

import numpy as np


def walk(rng: np.random.Generator, moves: np.ndarray, n: int, steps: int) -> np.ndarray:
    """int64 [n, steps]: chains that begin in the long run's shares and move by `moves` [k, k] (rows sum to 1)."""
    draws = rng.random((n, steps))
    states = np.empty((n, steps), dtype=np.int64)
    states[:, 0] = _drawn(draws[:, 0], np.broadcast_to(long_run(moves), (n, len(moves))))
    for i in range(1, steps):
        states[:, i] = _drawn(draws[:, i], moves[states[:, i - 1]])
    return states


def _drawn(draws: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """[n] classes of `shares` [n, k] by uniform draws [n]."""
    return np.asarray((draws[:, None] > np.cumsum(shares, axis=1)[:, :-1]).sum(axis=1))


def long_run(moves: np.ndarray) -> np.ndarray:
    """[k] the shares of the states that `moves` leaves as they are."""
    return np.asarray(np.linalg.matrix_power(moves, 4096).mean(axis=0))


def filtered(likelihoods: np.ndarray, moves: np.ndarray) -> np.ndarray:
    """[n, k] the probability of each state at the last of the steps seen.

    Args:
        likelihoods: [n, steps, k] of what was seen at each step, given the state at that step and what came before;
            any factor common to the states of a step may be left out.
    """
    belief = np.broadcast_to(long_run(moves), likelihoods.shape[::2])
    for i in range(likelihoods.shape[1]):
        belief = (belief @ moves if i else belief) * likelihoods[:, i]
        belief = belief / belief.sum(axis=1, keepdims=True)
    return np.asarray(belief)


def normal_likelihoods(wrong: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Those of errors [n, steps, k] of standard deviations that broadcast with them, with 1 for the likeliest."""
    log = -((wrong / spread) ** 2) / 2 - np.log(spread)
    return np.asarray(np.exp(log - log.max(axis=-1, keepdims=True)))


def windows(n_steps: int, context: int, horizon: int) -> list[int]:
    """The first steps to forecast, such that contexts are whole and targets do not overlap."""
    return list(range(context, n_steps - horizon + 1, horizon))


def scores(gold: np.ndarray, median: np.ndarray, mean: np.ndarray, last: np.ndarray) -> dict[str, float]:
    """Of forecasts [n, horizon]: absolute errors are least for the median, squared ones for the mean."""
    error = float(abs(median - gold).mean())
    return {
        "mae": round(error, 6),
        "rmse": round(float(np.sqrt(((mean - gold) ** 2).mean())), 6),
        "relative_mae": round(error / float(abs(last[:, None] - gold).mean()), 6),
    }
