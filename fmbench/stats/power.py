"""How many items a comparison needs, and the smallest difference that a given number can show.

`n = (z_alpha + z_beta)^2 variance / difference^2`, where `variance` is that of one item's contribution: of the paired
difference a_i - b_i where both saw the same items, `var_a + var_b` where they did not, and with resampled answers
`omega^2 + sigma_a^2 / K_a + sigma_b^2 / K_b` (Miller 2024, arXiv 2411.00640). For right or wrong on the same items it
is `discordance - difference^2`, the discordance being the share of items on which the systems disagree.
"""

from __future__ import annotations

import math
from statistics import NormalDist


def needed(difference: float, variance: float, alpha: float = 0.05, power: float = 0.8, sides: int = 2) -> int:
    """Items needed to find `difference` with probability `power`.

    Raises:
        ValueError: the difference is 0.
    """
    if difference == 0:
        raise ValueError("no number of items shows a difference of 0")
    return max(1, math.ceil(_z(alpha, power, sides) ** 2 * variance / difference**2))


def detectable(
    n: int, variance: float, alpha: float = 0.05, power: float = 0.8, sides: int = 2, fixed: float = 0.0
) -> float:
    """Smallest difference that `n` items show with probability `power`.

    Args:
        fixed: variance of the difference that more items do not reduce, `sigma_seed^2 / K` of both systems.
    """
    return _z(alpha, power, sides) * math.sqrt(variance / n + fixed)


def needed_discordant(
    difference: float, discordance: float, alpha: float = 0.05, power: float = 0.8, sides: int = 2
) -> int:
    """Items needed to find a `difference` of accuracies of systems that disagree on a share `discordance` of items.

    Raises:
        ValueError: the difference is 0, or larger than the discordance.
    """
    if abs(difference) > discordance:
        raise ValueError(f"a difference of {difference} needs a discordance as large, not {discordance}")
    return needed(difference, discordance - difference**2, alpha, power, sides)


def detectable_discordant(n: int, discordance: float, alpha: float = 0.05, power: float = 0.8, sides: int = 2) -> float:
    """Smallest difference of accuracies that `n` items show at that discordance: `needed_discordant` solved for it.

    It is NaN where not even a difference as large as the discordance would be found.
    """
    z = _z(alpha, power, sides)
    found = z * math.sqrt(discordance / (n + z * z))
    return found if found <= discordance else math.nan


def _z(alpha: float, power: float, sides: int) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / sides) + normal.inv_cdf(power)
