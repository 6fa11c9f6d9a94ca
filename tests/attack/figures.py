"""What an attack tells: one line for each promise, in the table at the end of the run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from tests.attack.servers import Probe, Target, all_served, ask_after, describe

# What a well-behaved client waits for at most while a server is attacked, and afterwards.
DURING, AFTER = 2.0, 1.0


class Figure(NamedTuple):
    name: str
    tried: str
    figure: str
    promise: str
    verdict: str


class Attack:
    """Collects the figures of one test."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.figures: list[Figure] = []

    @property
    def broken(self) -> list[Figure]:
        return [figure for figure in self.figures if figure.verdict == "BROKEN"]

    def tell(self, tried: str, figure: str, promise: str, kept: bool) -> None:
        """``figure`` is what came of what was ``tried``; ``kept`` is whether that is what the ``promise`` says."""
        self.figures.append(Figure(self.name, tried, figure, promise, "ok" if kept else "BROKEN"))

    def tell_end(self, verdict: str, reason: str) -> None:
        """The attack came to no figure, or not to all of them."""
        self.figures.append(Figure(self.name, "", reason, "an attack that runs to its end", verdict))

    def tell_served(self, tried: str, probe: Probe, server: Target) -> None:
        """What others got, during and after; ask when the attack has ended."""
        after = ask_after(server.url)
        kept = all_served(probe.replies, DURING) and all_served(after, AFTER) and server.runs
        figure = f"during: {describe(probe.replies)}; after: {describe(after)}"
        self.tell(tried, figure, f"others: all 200, in {DURING:g} s, after it in {AFTER:g}", kept)


def list_wrong(wrong: Sequence[str], shown: int = 3) -> str:
    """How many are wrong, and which the first ones are."""
    return f"{len(wrong)}{': ' if wrong else ''}{'; '.join(wrong[:shown])}{' …' if len(wrong) > shown else ''}"


# Of a longer text the next column begins further right.
_WIDTHS = (46, 50, 90, 50)


def format_table(figures: Sequence[Figure]) -> list[str]:
    """A line each, in columns."""
    longest = (max(map(len, column)) for column in zip(*figures, strict=True))
    widths = [min(width, limit) for width, limit in zip(longest, _WIDTHS, strict=False)]
    padded = ([text.ljust(width) for text, width in zip(figure, widths, strict=False)] for figure in figures)
    return ["  ".join([*texts, figure.verdict]) for texts, figure in zip(padded, figures, strict=True)]
