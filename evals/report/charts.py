"""The report's charts as inline SVG: geometry only, colours and type are the style sheet's."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from evals.metrics import percentile

WIDTH, HEIGHT = 360, 232
LEFT, RIGHT, TOP, BOTTOM = 40, 16, 24, 38
BINS = 24
PERCENTS = (50, 95, 99)


@dataclass(frozen=True, slots=True)
class Frame:
    """Maps values to the pixels of a chart."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        return round(LEFT + (value - self.x_low) / (self.x_high - self.x_low) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - (value - self.y_low) / (self.y_high - self.y_low) * (HEIGHT - TOP - BOTTOM), 1)


def draw_curve(points: Sequence[tuple[float, float]], now: tuple[float, float] | None = None) -> str:
    """Draw accuracy over coverage; `now` is where the answerer stands."""
    if not points:
        return ""
    points = sorted(points)
    lowest = min(accuracy for _, accuracy in (*points, *([now] if now else ())))
    frame = Frame(0, 1, max(0.0, min(0.8, math.floor(lowest * 5) / 5)), 1)
    line = " ".join(f"{frame.x(coverage)},{frame.y(accuracy)}" for coverage, accuracy in points)
    return _chart(
        "作答率与正确率曲线",
        _percent_axes(frame, "作答率 coverage", "正确率 accuracy"),
        f'<polyline class="line" points="{line}"/>',
        _dots(frame, points),
        _now(frame, *now) if now else "",
    )


def _now(frame: Frame, coverage: float, accuracy: float) -> str:
    """Draw the place on the curve that was chosen, its label where there is room."""
    x, y = frame.x(coverage), frame.y(accuracy)
    anchor = "end" if coverage > 0.5 else "start"
    label = _text(x, y + 24, f"现在：作答 {coverage:.0%}，其中答对 {accuracy:.1%}", "value", anchor)
    return f'<circle class="now" cx="{x}" cy="{y}" r="5"/>{label}'


def _dots(frame: Frame, points: Sequence[tuple[float, float]]) -> str:
    """Draw what the pointer finds on a curve: at most a hundred places, each with its figures."""
    step = max(1, len(points) // 100)
    return "".join(
        f'<circle class="touch" cx="{frame.x(x)}" cy="{frame.y(y)}" r="7"><title>作答 {x:.0%}，其中答对 {y:.1%}</title></circle>'
        for x, y in points[::step]
    )


def draw_latencies(times: Sequence[float]) -> str:
    """Draw how many answers took how long (ms), with p50, p95 and p99; the slowest share the last bar."""
    if not times:
        return ""
    marks = {percent: percentile(times, percent) for percent in PERCENTS}
    high = nice_ceiling(marks[99] * 1.08)
    counts = [0] * BINS
    for value in times:
        counts[min(BINS - 1, int(value / high * BINS))] += 1
    frame = Frame(0, high, 0, nice_ceiling(max(counts) * 1.1))
    names = "，".join(f"p{percent} {_short(value)} ms" for percent, value in marks.items())
    return _chart(
        f"耗时分布：{names}",
        _count_axes(frame, "耗时（毫秒）ms", "题数 questions"),
        "".join(_bar(frame, number, count, high / BINS) for number, count in enumerate(counts) if count),
        *(_percentile_line(frame, percent, value, marks[99]) for percent, value in marks.items()),
    )


def _bar(frame: Frame, number: int, count: int, width: float) -> str:
    left, right, top = frame.x(number * width), frame.x((number + 1) * width), frame.y(count)
    until = "以上" if number == BINS - 1 else f"–{_short((number + 1) * width)}"
    return (
        f'<rect class="bar" x="{left + 0.5:.1f}" y="{top}" width="{right - left - 1:.1f}" height="{frame.y(0) - top:.1f}">'
        f"<title>{_short(number * width)}{until} ms：{count} 题</title></rect>"
    )


def _percentile_line(frame: Frame, percent: int, value: float, highest: float) -> str:
    """Draw one percentile; the labels take turns in height so that close ones do not touch."""
    x, y = frame.x(value), TOP + 10 + 14 * PERCENTS.index(percent)
    anchor = "end" if value > 0.6 * highest else "start"
    label = _text(x + (-4 if anchor == "end" else 4), y, f"p{percent} {_short(value)} ms", "value", anchor)
    return f'<line class="mark" x1="{x}" x2="{x}" y1="{TOP}" y2="{frame.y(0)}"/>{label}'


def draw_reliability(bands: Sequence[tuple[float, float, int]]) -> str:
    """Draw the share that is right over the mean score of each band; the area of a dot is its count."""
    if not bands:
        return ""
    frame = Frame(0, 1, 0, 1)
    largest = max(count for _, _, count in bands) or 1
    diagonal = f'<line class="diagonal" x1="{frame.x(0)}" y1="{frame.y(0)}" x2="{frame.x(1)}" y2="{frame.y(1)}"/>'
    dots = "".join(
        f'<circle class="band" cx="{frame.x(score)}" cy="{frame.y(share)}" r="{3 + 9 * math.sqrt(count / largest):.1f}">'
        f"<title>平均分数 {score:.2f}，答对 {share:.1%}，{count} 题</title></circle>"
        for score, share, count in sorted(bands, key=lambda band: -band[2])
    )
    # The expected calibration error (Naeini et al. 2015), from the bands.
    gap = sum(abs(score - share) * count for score, share, count in bands) / max(1, sum(n for *_, n in bands))
    return _chart(
        f"把握的可靠性：平均偏差 {gap:.3f}",
        _percent_axes(frame, "把握 score", "答对 right"),
        diagonal,
        dots,
        _text(WIDTH - RIGHT - 4, HEIGHT - BOTTOM - 8, f"平均偏差 gap {gap:.3f}", "value", "end"),
    )


def draw_interval(value: float, low: float, high: float) -> str:
    """Draw a value and its interval on a track from 0 to 1."""
    x, left, right = (round(2 + 116 * min(1.0, max(0.0, share)), 1) for share in (value, low, high))
    return (
        '<svg class="interval" viewBox="0 0 120 14" aria-hidden="true"><line class="track" x1="2" x2="118" y1="7" y2="7"/>'
        f'<line class="range" x1="{left}" x2="{right}" y1="7" y2="7"/><line class="value" x1="{x}" x2="{x}" y1="1" y2="13"/></svg>'
    )


def draw_share(right: int, count: int) -> str:
    """Draw a bar of what is right, with its interval (Wilson 1927, 95 %)."""
    low, high = wilson(right, count)
    return (
        '<svg class="share" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="rest" width="100" height="12"/>'
        f'<rect class="right" width="{100 * right / count:.2f}" height="12"/>'
        f'<line class="range" x1="{100 * low:.2f}" x2="{100 * high:.2f}" y1="6" y2="6"/></svg>'
    )


def wilson(right: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """Return the score interval of a share (Wilson, JASA 1927); z = 1.96 for 95 %."""
    share, spread = right / count, z * z / count
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / count + spread / count / 4) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def nice_ceiling(value: float) -> float:
    """Return the next value that divides into four readable steps."""
    if value < 1e-9:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10) if step * power >= value * 0.9999)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def _percent_axes(frame: Frame, across: str, up: str) -> str:
    across_ticks = [(value, f"{value:.0%}") for value in _quarters(frame.x_low, frame.x_high)]
    steps = 5 if round((frame.y_high - frame.y_low) * 100) % 4 else 4
    up_ticks = [(value, f"{value:.0%}") for value in _quarters(frame.y_low, frame.y_high, steps)]
    return _axes(frame, across_ticks, up_ticks, across, up)


def _count_axes(frame: Frame, across: str, up: str) -> str:
    across_ticks = [(value, _short(value)) for value in _quarters(frame.x_low, frame.x_high)]
    up_ticks = [(value, _short(value)) for value in _quarters(frame.y_low, frame.y_high) if value == int(value)]
    return _axes(frame, across_ticks, up_ticks, across, up)


def _quarters(low: float, high: float, steps: int = 4) -> list[float]:
    return [round(low + (high - low) * step / steps, 6) for step in range(steps + 1)]


def _axes(
    frame: Frame, across_ticks: Sequence[tuple[float, str]], up_ticks: Sequence[tuple[float, str]], across: str, up: str
) -> str:
    ground = HEIGHT - BOTTOM
    lines = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{frame.y(value)}" y2="{frame.y(value)}"/>'
        + _text(LEFT - 6, frame.y(value) + 4, label, "tick", "end")
        for value, label in up_ticks
    )
    below = "".join(_text(frame.x(value), ground + 16, label, "tick", "middle") for value, label in across_ticks)
    names = _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 5, across, "axis", "middle") + _text(0, 10, up, "axis", "start")
    return f'{lines}<line class="ground" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{ground}" y2="{ground}"/>{below}{names}'


def _text(x: float, y: float, text: str, kind: str, anchor: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _chart(title: str, *shapes: str) -> str:
    drawn = "".join(shapes)
    return f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{drawn}</svg>'
