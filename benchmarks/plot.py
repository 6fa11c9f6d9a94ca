"""An SVG of the medians: a row for each class of queries, with a dot for each engine."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from html import escape

from benchmarks.timing import FACETED, SEARCH, Mode, Results, geometric_mean, summarise

_COLOURS = {
    "Outpost": "#d1495b",
    "tantivy": "#1d3557",
    "tantivy, codes": "#5b8fb9",
    "tantivy, codes, title": "#2a9d8f",
    "SQLite FTS5": "#8a8d91",
    "Whoosh": "#c9a227",
}
_ROW, _TOP, _LABELS, _WIDTH = 22, 70, 150, 900
_PANEL = 350


class _Scale:
    """A logarithmic scale from values to pixels, between powers of ten."""

    def __init__(self, values: list[float], begin: float, end: float) -> None:
        self.low, self.high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        self.begin, self.end = begin, end

    def to_pixels(self, value: float) -> float:
        return self.begin + (math.log10(value) - self.low) / max(1, self.high - self.low) * (self.end - self.begin)

    def ticks(self) -> list[float]:
        return [10.0**power for power in range(self.low, self.high + 1)]


def draw(measured: Mapping[int, Results], main: int) -> str:
    """The plot: two panels for the main corpus and, if several sizes were measured, two panels of growth below."""
    results = measured[main]
    kinds = list(summarise(results, SEARCH, results.peers[0]))
    middle = _TOP + len(kinds) * _ROW + 50
    sizes = {size: timed for size, timed in measured.items() if timed.times}
    height = middle + (260 if len(sizes) > 1 else 0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" '
        'aria-label="Median time of a query by class and engine" font-family="system-ui, sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>',
        *_legend(results.peers),
        *(_text(_LABELS - 10, _TOP + n * _ROW + 16, kind, "end") for n, kind in enumerate(kinds)),
    ]
    for number, mode in enumerate((SEARCH, FACETED)):
        parts += _panel(results, mode, kinds, _LABELS + number * (_PANEL + 30))
    if len(sizes) > 1:
        parts += _growth(sizes, middle)
    return "\n".join([*parts, "</svg>\n"])


def _legend(peers: list[str]) -> Iterator[str]:
    for number, peer in enumerate(peers):
        left = 30 + number * 145
        yield f'<circle cx="{left}" cy="18" r="5" fill="{_COLOURS[peer]}"/>'
        yield _text(left + 10, 22, peer)


def _panel(results: Results, mode: Mode, kinds: list[str], left: float) -> Iterator[str]:
    lines = {peer: summarise(results, mode, peer) for peer in results.peers}
    medians = [line.median for classes in lines.values() for line in classes.values()]
    scale = _Scale(medians, left, left + _PANEL - 20)
    bottom = _TOP + len(kinds) * _ROW
    yield _text(left, 50, f"{mode.name}, {results.size:,} stories", weight="bold")
    for tick in scale.ticks():
        x = scale.to_pixels(tick)
        yield f'<line x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#d8dbe0"/>'
        yield _text(x, bottom + 16, _time(tick), "middle")
    for row, kind in enumerate(kinds):
        y = _TOP + row * _ROW + 12
        # The first engine is drawn last, on top.
        for peer in reversed(results.peers):
            if kind in lines[peer]:
                x = scale.to_pixels(lines[peer][kind].median)
                yield f'<circle cx="{x:.1f}" cy="{y}" r="5" fill="{_COLOURS[peer]}" fill-opacity="0.9"/>'


def _growth(sizes: Mapping[int, Results], top: float) -> Iterator[str]:
    lines = {mode: _means(sizes, mode) for mode in (SEARCH, FACETED)}
    # Both panels share a vertical scale.
    means = [mean for points in lines.values() for line in points.values() for _, mean in line]
    vertical = _Scale(means, top + 210, top + 20)
    for number, (mode, points) in enumerate(lines.items()):
        left = _LABELS + number * (_PANEL + 30)
        yield _text(left, top, f"{mode.name}: geometric mean of the classes", weight="bold")
        horizontal = _Scale([float(size) for size in sizes], left, left + _PANEL - 20)
        for tick in vertical.ticks():
            y = vertical.to_pixels(tick)
            yield f'<line x1="{left}" y1="{y:.1f}" x2="{left + _PANEL - 20}" y2="{y:.1f}" stroke="#d8dbe0"/>'
            if number == 0:
                yield _text(left - 10, y + 4, _time(tick), "end")
        for size in sizes:
            yield _text(horizontal.to_pixels(size), top + 228, f"{size:,}", "middle")
        for peer, line in points.items():
            coordinates = " ".join(
                f"{horizontal.to_pixels(size):.1f},{vertical.to_pixels(mean):.1f}" for size, mean in line
            )
            yield f'<polyline points="{coordinates}" fill="none" stroke="{_COLOURS[peer]}" stroke-width="2.5"/>'


def _means(sizes: Mapping[int, Results], mode: Mode) -> dict[str, list[tuple[int, float]]]:
    """For each engine: (size, geometric mean of the classes' medians)."""
    points: dict[str, list[tuple[int, float]]] = {}
    for size, results in sizes.items():
        for peer in results.peers:
            mean = geometric_mean(line.median for line in summarise(results, mode, peer).values())
            points.setdefault(peer, []).append((size, mean))
    return points


def _time(seconds: float) -> str:
    for unit, name in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= unit * 0.999:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds * 1e9:.0f} ns"


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    attributes = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}" fill="#24292f"'
    return f"<text {attributes}>{escape(text)}</text>"
