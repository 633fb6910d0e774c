"""A line chart as one SVG file: both axes in powers of ten."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

WIDTH, HEIGHT = 640, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 72, 48, 48
COLOURS = ("#9f1d20", "#b8862b", "#355c7d", "#5b7f4b")


def draw_lines(path: Path, title: str, xs: Sequence[float], lines: Mapping[str, Sequence[float]]) -> None:
    """Draw each named line over the same xs, the lowest first; every point is labelled with its value."""
    values = [value for line in lines.values() for value in line]
    x_low, x_high = math.log10(min(xs)), max(math.log10(max(xs)), math.log10(min(xs)) + 1)
    y_low, y_high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)

    def x(value: float) -> float:
        return LEFT + (math.log10(value) - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (math.log10(value) - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM)

    parts = [f'<text x="{LEFT}" y="26" class="title">{escape(title)}</text>']
    for power in range(y_low, y_high + 1):
        parts.append(f'<path class="grid" d="M{LEFT} {y(10**power):.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(10**power) + 4:.1f}" text-anchor="end">{10**power:g}</text>')
    parts += [f'<text x="{x(value):.1f}" y="{HEIGHT - 20}" text-anchor="middle">{value:,}</text>' for value in xs]
    for number, ((name, line), colour) in enumerate(zip(lines.items(), COLOURS, strict=False)):
        above = -9 if number else 20  # the lowest line has its labels below it
        points = [(x(at), y(value), value) for at, value in zip(xs, line, strict=True)]
        path_of = " ".join(f"{px:.1f},{py:.1f}" for px, py, _ in points)
        parts.append(f'<polyline points="{path_of}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{px:.1f}" cy="{py:.1f}" r="3.5" fill="{colour}"/>' for px, py, _ in points]
        parts += [
            f'<text x="{px:.1f}" y="{py + above:.1f}" text-anchor="middle" fill="{colour}">{value:.1f}</text>'
            for px, py, value in points
        ]
        px, py, _ = points[-1]
        parts.append(f'<text x="{px + 14:.1f}" y="{py + 4:.1f}" fill="{colour}" class="name">{escape(name)}</text>')
    style = (
        "text{font:12px sans-serif;fill:#444}.title{font-size:15px;fill:#222}.grid{stroke:#ddd}.name{font-weight:bold}"
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"><style>{style}</style>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>{"".join(parts)}</svg>\n',
        encoding="utf-8",
    )
