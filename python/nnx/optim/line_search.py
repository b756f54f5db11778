"""A step length that satisfies the strong Wolfe conditions: lower by enough, flat enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from nnx._nnx import Tensor


class Point(NamedTuple):
    """A function along a line: where, its value, its gradient, its slope along the line."""

    t: float
    f: float
    g: Tensor
    slope: float


def strong_wolfe(
    at: Callable[[float], Point],
    start: Point,
    t: float,
    largest: float,
    tolerance: float,
    most: int,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[Point, int]:
    """The point found, and how many were looked at.

    f(t) <= f(0) + c1 t f'(0) and |f'(t)| <= c2 |f'(0)| at the point, unless `most` trials do not
    find one, or the bracket has become so small that no number changes by `tolerance`; then the
    lowest one seen is given. A value that is not finite counts as too high.

    Args:
        at: the function along the line.
        start: the point at 0, where the slope is negative.
        t: what to try first.
        largest: largest absolute value in the direction.

    Source: Nocedal, Wright, Numerical Optimization (2006), algorithms 3.5 and 3.6.

    Example:
        >>> from nnx.optim.line_search import Point, strong_wolfe
        >>> f = lambda t: Point(t, (t - 2) ** 2, nnx.zeros(1), 2 * (t - 2))
        >>> point, trials = strong_wolfe(f, f(0.0), 8.0, 1.0, 1e-9, 25)
        >>> round(point.t, 3), trials
        (2.0, 2)
    """

    def low_enough(p: Point) -> bool:
        return p.f <= start.f + c1 * p.t * start.slope

    def flat_enough(p: Point) -> bool:
        return abs(p.slope) <= -c2 * start.slope

    # First go on until two points enclose a minimum.
    before, now, trials = start, at(t), 1
    while trials <= most:
        if not low_enough(now) or (trials > 2 and now.f >= before.f):
            break
        if flat_enough(now):
            return now, trials
        if now.slope >= 0:
            break
        bounds = now.t + 0.01 * (now.t - before.t), now.t * 10
        before, now = now, at(_lowest(before, now, *bounds))
        trials += 1
    else:
        before = start
    # Then narrow the bracket, whose lower end is as good as any point seen.
    bracket = [before, now]
    low = _lower(bracket)
    hesitated = False
    while trials <= most and abs(bracket[1].t - bracket[0].t) * largest >= tolerance:
        left, right = sorted(p.t for p in bracket)
        t = _lowest(bracket[0], bracket[1], left, right)
        # Twice close to an end, or on it, is no progress: keep a tenth of the bracket away.
        margin = 0.1 * (right - left)
        close = min(right - t, t - left) < margin
        if close and (hesitated or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            close = False
        hesitated = close
        new = at(t)
        trials += 1
        if not (low_enough(new) and new.f < bracket[low].f):
            bracket[1 - low] = new
            low = _lower(bracket)
        else:
            if flat_enough(new):
                return new, trials
            if new.slope * (bracket[1 - low].t - bracket[low].t) >= 0:
                bracket[1 - low] = bracket[low]
            bracket[low] = new
    return bracket[low], trials


def _lower(bracket: list[Point]) -> int:
    first, second = bracket[0].f, bracket[1].f
    return 1 if second < first or math.isnan(first) else 0


def _lowest(a: Point, b: Point, left: float, right: float) -> float:
    """Where the cubic through two points with their slopes is lowest, within bounds."""
    if a.t > b.t:
        a, b = b, a
    width, middle = b.t - a.t, (left + right) / 2
    if width == 0:
        return middle
    d1 = a.slope + b.slope - 3 * (b.f - a.f) / width
    square = d1 * d1 - a.slope * b.slope
    if not 0 <= square < math.inf:
        return middle
    d2 = math.sqrt(square)
    curvature = b.slope - a.slope + 2 * d2
    if curvature == 0:
        return middle
    t = b.t - width * ((b.slope + d2 - d1) / curvature)
    return min(max(t, left), right)
