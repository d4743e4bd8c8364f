"""The simulation as a picture for the docs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")  # no display
from matplotlib import pyplot as plt
from matplotlib.ticker import NullLocator, ScalarFormatter

BLUE, ORANGE = "#1f6feb", "#d9730d"


def plot_fleet(path: Path, machines: Sequence[int], minutes: Sequence[float], costs: Sequence[float]) -> None:
    """Write an SVG of wall time and cost over the number of machines."""
    # Lettering as lettering and a fixed seed for names: a small file that changes only when the figures do.
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "panocast", "font.size": 10}):
        figure, left = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
        right = left.twinx()
        left.plot(machines, minutes, "o-", color=BLUE)
        right.plot(machines, costs, "s--", color=ORANGE)
        for x, y in zip(machines, minutes, strict=True):
            left.annotate(f"{y:.3g}", (x, y), textcoords="offset points", xytext=(6, 6), color=BLUE)
        left.set(xscale="log", yscale="log", xlabel="machines of two cores", xticks=machines)
        left.xaxis.set_major_formatter(ScalarFormatter())
        left.yaxis.set_major_formatter(ScalarFormatter())
        left.xaxis.set_minor_locator(NullLocator())
        left.margins(x=0.1, y=0.15)
        left.set_ylabel("minutes", color=BLUE)
        right.set_ylabel("US dollars", color=ORANGE)
        right.set_ylim(0, max(costs) * 1.6)
        left.set_title("Simulation: one hour of 4K on Spot machines, 5 % taken an hour", fontsize=10)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)
