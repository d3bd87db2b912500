"""The statistic of increased volume, against slow and obvious versions of it."""

from __future__ import annotations

import math
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.investigations.surge import (
    LEAST_COUNT,
    LEAST_RATIO,
    Windows,
    benjamini_hochberg,
    find_surges,
    predictive,
    tail_probability,
)


def windows(*counts: int) -> Windows:
    return Windows(len(counts), sum(counts), sum(count**2 for count in counts), max(counts, default=0))


def slow_tail(count: int, mean: float, size: float) -> float:
    """1 less the sum of all smaller probabilities, each as the chance of so many successes before `size` failures."""
    p = size / (size + mean)
    smaller = math.fsum(
        math.exp(
            math.lgamma(k + size) - math.lgamma(size) - math.lgamma(k + 1) + size * math.log(p) + k * math.log1p(-p)
        )
        for k in range(count)
    )
    return 1 - smaller


def slow_discoveries(p_values: dict[str, float], rate: float) -> set[str]:
    """The largest set all of whose p-values are at most rate * its size / number of hypotheses."""
    fitting = [
        set(names)
        for size in range(len(p_values) + 1)
        for names in combinations(sorted(p_values, key=lambda name: (p_values[name], name)), size)
        if all(p_values[name] <= rate * size / len(p_values) for name in names)
    ]
    return max(fitting, key=len)


@given(st.integers(0, 60), st.floats(0.01, 40), st.floats(0.05, 200))
def test_tail_probability__is_the_sum_of_the_distributions_tail(count, mean, size):
    assert tail_probability(count, mean, size) == pytest.approx(slow_tail(count, mean, size), rel=1e-6, abs=1e-11)


def test_tail_probability__keeps_its_precision_far_out():
    assert 0 < tail_probability(10_000, 0.01, 0.5) < 1e-300 or tail_probability(10_000, 0.01, 0.5) == 0
    assert tail_probability(1_000_000, 1_000_000.0, 0.4) == pytest.approx(0.3, abs=0.05)


@given(st.lists(st.floats(1e-9, 1, allow_nan=False), min_size=1, max_size=7))
def test_benjamini_hochberg__finds_what_trying_all_sets_finds(p_values):
    named = {f"h{index}": p for index, p in enumerate(p_values)}
    assert benjamini_hochberg(named, 0.05) == slow_discoveries(named, 0.05)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=40).filter(any))
def test_predictive__is_never_narrower_than_poisson_and_knows_the_mean(counts):
    mean, size = predictive(windows(*counts))
    assert mean == pytest.approx((sum(counts) + 0.5) / len(counts))
    assert 0 < size <= sum(counts) + 0.5


def test_find_surges__a_burst_of_a_rare_call_is_an_increase():
    found = find_surges({"rare": (40, windows(*[1, 0, 0, 2] * 20))})
    assert found["rare"].is_increased
    assert found["rare"].ratio > LEAST_RATIO


def test_find_surges__what_comes_in_bursts_anyway_is_none():
    bursts = windows(*([0] * 60 + [50, 0, 45, 60] * 5))
    assert not find_surges({"batch": (55, bursts)})["batch"].is_increased


def test_find_surges__small_numbers_and_small_ratios_are_none():
    found = find_surges({"few": (LEAST_COUNT - 1, windows(*[0] * 1000, 1)), "double": (2_000, windows(*[1_000] * 40))})
    assert found["few"].p_value < 0.001
    assert not found["few"].is_increased
    assert found["double"].p_value < 0.001
    assert not found["double"].is_increased


def test_find_surges__without_a_baseline_says_nothing():
    assert find_surges({"new": (9, windows(0, 0)), "first day": (9, Windows(0, 0, 0))}) == {}
