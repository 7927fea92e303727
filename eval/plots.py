"""The plots of the report, each as SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from eval.bench_record import STAGES, StageTimes
from eval.breakdown import Group, Recall, Sure
from eval.metrics import calibration_bins, risk_coverage
from eval.records import Difference
from eval.svg import ACCENT, BLAME_COLOURS, GOOD, INK, MUTED, PAPER, SECOND, Plot

BROKEN: dict[str, Any] = {"linewidth": 1, "linestyle": (0, (2, 2))}
SLOWEST_SHOWN = 0.99  # share of the questions; what is slower would squeeze the rest


def plot_risk_coverage(
    main: Sure, answerable: Sure | None, given: tuple[float, float] | None
) -> str:
    """`answerable` is drawn beside where it differs; `given` is the (coverage, risk) of what the
    engine answered, on the main line."""
    plot = Plot("risk", 3.2)
    with plot as axes:
        shares, risks = _curve(main)
        least = np.maximum(0, 1 - sum(main.right) / np.arange(1, len(shares) + 1))
        axes.plot(
            shares, least, color=MUTED, linewidth=1, linestyle=(0, (2, 2)), label="best order"
        )
        if answerable is not None:
            axes.plot(*_curve(answerable), color=SECOND, linewidth=1.4, label="answerable only")
        axes.plot(shares, risks, color=ACCENT, label="all questions")
        if given is not None:
            axes.plot(*given, "o", color=ACCENT, markeredgecolor=PAPER, markersize=9)
            axes.annotate("as answered", given, (0, 9), textcoords="offset points", ha="right")
        axes.set(
            xlim=(0, 1.02), ylim=(0, None), xlabel="share answered", ylabel="share wrong of it"
        )
        _percent(axes, "xy")
        _legend(axes)
    return plot.svg


def _curve(sure: Sure) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    risks = risk_coverage(sure.confidences, sure.right)
    return np.arange(1, len(risks) + 1) / len(risks), risks


def plot_reliability(main: Sure, answerable: Sure | None) -> str:
    """Ten bins, which are easier to see than the fifteen of the figure."""
    plot = Plot("reliability", 3.2)
    with plot as axes:
        axes.plot([0, 1], [0, 1], color=MUTED, **BROKEN)
        if answerable is not None:
            _bins(axes, answerable, SECOND, "answerable only", 0.35)
        _bins(axes, main, ACCENT, "all questions", 1.0)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        axes.set(xlabel="confidence said", ylabel="share right")
        _percent(axes, "xy")
        if answerable is not None:
            _legend(axes)
    return plot.svg


def _bins(axes: Axes, sure: Sure, colour: str, label: str, strength: float) -> None:
    bins = calibration_bins(sure.confidences, sure.right, bins=10)
    said = [b.confidence for b in bins]
    right = [b.accuracy for b in bins]
    # The area of a point is its share of the questions.
    areas = [14 + 420 * b.questions / len(sure.right) for b in bins]
    axes.plot(said, right, color=colour, linewidth=1.2, alpha=strength)
    axes.scatter(said, right, areas, color=colour, edgecolor=PAPER, label=label, alpha=strength)


def plot_recall(curve: Sequence[Recall]) -> str:
    plot = Plot("recall", 3.0)
    with plot as axes:
        ks = [point.k for point in curve]
        shares = [point.share for point in curve]
        low, high = [point.low for point in curve], [point.high for point in curve]
        axes.fill_between(ks, low, high, color=ACCENT, alpha=0.16, linewidth=0)
        axes.plot(ks, shares, "o-", color=ACCENT, markersize=5, markeredgecolor=PAPER)
        for point in curve:
            if point.k in (1, 5, 10):
                at = (point.k, point.share)
                _note(axes, f"{point.share:.1%}", at, (4, -15), "left" if point.k == 1 else "right")
        bottom = max(0.0, min(low) - 0.15)
        axes.set(xlim=(0.6, 10.4), ylim=(bottom, 1.015), xlabel="articles looked at, k", xticks=ks)
        _percent(axes, "y")
    return plot.svg


def plot_latency(latencies: Sequence[float], percentiles: Mapping[str, float | None]) -> str:
    """Milliseconds; the slowest hundredth is left out of the picture, not of the lines."""
    plot = Plot("latency", 3.0)
    with plot as axes:
        shown = np.asarray(latencies)
        shown = shown[shown <= np.quantile(shown, SLOWEST_SHOWN)]
        axes.hist(
            shown, bins=min(30, max(5, len(shown) // 4)), color=ACCENT, alpha=0.75, rwidth=0.9
        )
        axes.margins(y=0.22)
        # The labels stand on steps of their own, because p95 and p99 are often neighbours.
        for step, (name, value) in enumerate(percentiles.items()):
            if value is not None:
                axes.axvline(value, color=INK, **BROKEN)
                at = (value, 0.98 - 0.1 * step)
                axes.annotate(
                    f"{name} {value:,.0f} ms", at, (-4, 0), xycoords=("data", "axes fraction"),
                    textcoords="offset points", ha="right", va="top", fontsize=8.5,
                    bbox={"facecolor": PAPER, "edgecolor": "none", "pad": 1.5},
                )  # fmt: skip
        axes.set(xlabel="milliseconds a question", ylabel="questions")
        axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.grid(visible=False, axis="x")
    return plot.svg


def plot_stages(asked: Sequence[StageTimes]) -> str:
    """Each question a column, the fastest first: milliseconds by stage, piled up."""
    plot = Plot("stages", 3.2)
    with plot as axes:
        ordered = sorted(asked, key=lambda times: times["total"])
        shares = (np.arange(len(ordered)) + 0.5) / len(ordered)
        piled = [[times[stage] for times in ordered] for stage in STAGES]  # type: ignore[literal-required]
        axes.stackplot(shares, piled, labels=STAGES, colors=[GOOD, MUTED, ACCENT, SECOND])
        for share in (0.5, 0.95):
            axes.axvline(share, color=INK, **BROKEN)
        axes.set(
            xlim=(0, 1), ylim=(0, None), xlabel="share of the questions", ylabel="milliseconds"
        )
        _percent(axes, "x")
        _legend(axes)
    return plot.svg


def plot_groups(groups: Sequence[Group], name: str) -> str:
    """F1 as bars with their intervals, the forced F1 as a tick, the largest group on top."""
    plot = Plot(name, 0.75 + 0.31 * len(groups))
    with plot as axes:
        rows = range(len(groups))
        values = [group.f1 for group in groups]
        axes.barh(rows, values, height=0.62, color=ACCENT, alpha=0.85, label="F1")
        axes.hlines(
            rows, [g.low for g in groups], [g.high for g in groups], color=INK, linewidth=1.2
        )
        forced = [(g.forced_f1, row) for row, g in enumerate(groups) if g.forced_f1 is not None]
        if forced:
            axes.plot(
                *zip(*forced, strict=True), "D", color=SECOND, markeredgecolor=PAPER,
                markersize=7, label="forced F1, answerable",
            )  # fmt: skip
        axes.set(xlim=(0, 1.02), ylim=(len(groups) - 0.5, -0.5))
        axes.set_yticks(
            rows, [f"{shorten(g.name, 28, placeholder='…')}  ({g.questions})" for g in groups]
        )
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        _percent(axes, "x")
    return plot.svg


def plot_blame(blame: Mapping[str, int]) -> str:
    plot = Plot("blame", 0.35 + 0.36 * len(blame))
    with plot as axes:
        rows = range(len(blame))
        most = max(1, *blame.values())
        axes.barh(rows, list(blame.values()), height=0.62, color=[BLAME_COLOURS[b] for b in blame])
        for row, count in enumerate(blame.values()):
            _note(axes, str(count), (count, row), (5, 0), ha="left")
        axes.set(xlim=(0, 1.1 * most), ylim=(len(blame) - 0.5, -0.5), xticks=[])
        axes.set_yticks(rows, list(blame), color=INK)
        axes.grid(visible=False)
        axes.spines["bottom"].set_visible(False)
    return plot.svg


def plot_differences(measures: Mapping[str, Difference]) -> str:
    """New less old with its interval, on both sides of "no difference"."""
    plot = Plot("differences", 0.6 + 0.36 * len(measures))
    with plot as axes:
        axes.axvline(0, color=MUTED, linewidth=1)
        reach = 0.01
        for row, measure in enumerate(measures.values()):
            low, high = measure["interval_95"]
            reach = max(reach, abs(low), abs(high))
            axes.hlines(row, low, high, color=ACCENT, linewidth=2.5)
            axes.plot(measure["difference"], row, "o", color=ACCENT, markeredgecolor=PAPER, ms=9)
        axes.set(xlim=(-1.1 * reach, 1.1 * reach), ylim=(len(measures) - 0.5, -0.5))
        axes.set_yticks(range(len(measures)), [name.replace("_", " ") for name in measures])
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
        axes.xaxis.set_major_formatter(lambda share, _: f"{100 * share:+.3g}" if share else "0")
        axes.set_xlabel("percentage points, new less old")
    return plot.svg


def _note(
    axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], ha: str = "center"
) -> None:
    axes.annotate(text, at, offset, textcoords="offset points", ha=ha, va="center", color=INK)


def _percent(axes: Axes, which: str) -> None:
    for name in which:
        axis = axes.xaxis if name == "x" else axes.yaxis
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))


def _legend(axes: Axes) -> None:
    axes.legend(loc="upper left", frameon=False, fontsize=8.5, labelcolor=MUTED, handlelength=1.4)
