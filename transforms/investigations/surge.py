"""Whether a call count is more than the past lets expect: a negative binomial predictive tail with a bound on false discovery.

The statistic, in full (docs/statistics.md says why):

1. A scope of L hours is held against the n whole windows of L hours before it, within 45 days and not before the principal was
   first seen. x1 … xn are the API's counts in them, zeros included.
2. Given its rate, a count is Poisson. The rate has a gamma distribution with mean m = (½ + Σx) / n (Jeffreys' prior) and shape
   r: the smaller of ½ + Σx (what is not yet known of a steady rate) and the moment estimate m² / (s² - m) where the windows
   vary more than Poisson, s² > m (calls come in bursts). The next count is then negative binomial with mean m and size r.
3. p = P(X ≥ k) for the scope's count k.
4. Over all calls of one investigation that have a baseline, Benjamini and Hochberg (1995) at q = 0.05.
5. A call whose volume increased was discovered in step 4, was made at least 5 times, at least 3 times as often as m, and more
   often than in any window of the baseline (the tail of a distribution with two humps is heavier than step 2 can tell).

A call that the baseline does not have at all is newly observed, and not counted here as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

FALSE_DISCOVERY_RATE = 0.05
LEAST_COUNT = 5
LEAST_RATIO = 3.0


@dataclass(frozen=True)
class Windows:
    """An API's counts in the n windows of the baseline, as sums: that is all the statistic needs."""

    count: int
    total: int
    total_of_squares: int
    most: int = 0


@dataclass(frozen=True)
class Surge:
    """What the statistic says of one API."""

    count: int
    expected: float
    size: float
    ratio: float
    p_value: float
    is_large: bool
    is_increased: bool = False


def find_surges(counts: Mapping[str, tuple[int, Windows]]) -> dict[str, Surge]:
    """Return what is to be said of each API (or any other name) from its count in the scope and its windows.

    Names whose baseline is empty, or that have no window, are left out.
    """
    tested = {
        name: _tested(count, windows) for name, (count, windows) in counts.items() if windows.count and windows.total
    }
    discovered = benjamini_hochberg({name: surge.p_value for name, surge in tested.items()}, FALSE_DISCOVERY_RATE)
    return {name: replace(surge, is_increased=name in discovered and surge.is_large) for name, surge in tested.items()}


def predictive(windows: Windows) -> tuple[float, float]:
    """Return mean and size of the negative binomial that the next window's count has."""
    shape = 0.5 + windows.total
    mean = shape / windows.count
    if windows.count < 2:
        return mean, shape
    average = windows.total / windows.count
    variance = (windows.total_of_squares - windows.count * average**2) / (windows.count - 1)
    return mean, min(shape, mean**2 / (variance - mean)) if variance > mean else shape


def tail_probability(count: int, mean: float, size: float) -> float:
    """Return P(X ≥ count) of a negative binomial: the regularised incomplete beta function I(mean / (mean + size); count, size)."""
    if count <= 0:
        return 1.0
    return _incomplete_beta(mean / (mean + size), float(count), size)


def benjamini_hochberg(p_values: Mapping[str, float], rate: float) -> set[str]:
    """Return the names whose hypotheses are rejected with a false discovery rate of at most `rate`."""
    ordered: Sequence[tuple[str, float]] = sorted(p_values.items(), key=lambda each: (each[1], each[0]))
    passing = [place for place, (_, p) in enumerate(ordered, start=1) if p <= rate * place / len(ordered)]
    return {name for name, _ in ordered[: max(passing, default=0)]}


def _tested(count: int, windows: Windows) -> Surge:
    mean, size = predictive(windows)
    ratio = count / mean
    is_large = count >= LEAST_COUNT and ratio >= LEAST_RATIO and count > windows.most
    return Surge(count, mean, size, ratio, tail_probability(count, mean, size), is_large)


def _incomplete_beta(x: float, a: float, b: float) -> float:
    """Return the regularised incomplete beta function I(x; a, b), by Lentz's continued fraction (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side only
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    return min(1.0, front * _beta_fraction(x, a, b) / a)


def _beta_fraction(x: float, a: float, b: float) -> float:
    tiny, c = 1e-300, 1.0
    d = 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d, tiny)
            c = _away_from_zero(1 + term / c, tiny)
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return value


def _away_from_zero(value: float, tiny: float) -> float:
    return tiny if abs(value) < tiny else value
