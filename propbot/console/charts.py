"""Small line charts as the attributes of inline SVG: the policy allows neither inline styles nor foreign scripts. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

WIDTH, HEIGHT = 640, 190
LEFT, RIGHT, TOP, BOTTOM = 52, 8, 10, 22


@dataclass(frozen=True)
class Point:
    at: datetime
    value: Decimal


@dataclass(frozen=True)
class Chart:
    """Everything the template writes: polylines, the filled area, labelled ticks, the zero line."""

    width: int
    height: int
    lines: tuple[str, ...]
    area: str
    zero_y: float | None
    y_ticks: tuple[tuple[float, str], ...]
    x_ticks: tuple[tuple[float, str, str], ...]
    left: int = LEFT
    right: int = WIDTH - RIGHT


def line_chart(*series: Sequence[Point]) -> Chart | None:
    """One chart of series in time order; None without two points to join."""
    points = [point for line in series for point in line]
    if max((len(line) for line in series), default=0) < 2:
        return None
    low, high = _bounds([point.value for point in points])
    start, end = min(point.at for point in points), max(point.at for point in points)
    span = max((end - start).total_seconds(), 1.0)

    def place(point: Point) -> tuple[float, float]:
        x = LEFT + (WIDTH - LEFT - RIGHT) * (point.at - start).total_seconds() / span
        return round(x, 1), _y(point.value, low, high)

    lines = tuple(" ".join(f"{x},{y}" for x, y in map(place, line)) for line in series)
    first, last = place(series[0][0])[0], place(series[0][-1])[0]
    floor = HEIGHT - BOTTOM
    return Chart(
        width=WIDTH,
        height=HEIGHT,
        lines=lines,
        area=f"{first},{floor} {lines[0]} {last},{floor}",
        zero_y=_y(Decimal(0), low, high) if low <= 0 <= high else None,
        y_ticks=tuple((_y(value, low, high), f"{value:,.2f}") for value in (low, (low + high) / 2, high)),
        x_ticks=((LEFT, f"{start:%H:%M}", "start"), (WIDTH - RIGHT, f"{end:%H:%M}", "end")),
    )


def _bounds(values: list[Decimal]) -> tuple[Decimal, Decimal]:
    low, high = min(values), max(values)
    pad = (high - low) * Decimal("0.08") or max(abs(high) * Decimal("0.05"), Decimal(1))
    return low - pad, high + pad


def _y(value: Decimal, low: Decimal, high: Decimal) -> float:
    share = float((value - low) / (high - low))
    return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share, 1)
