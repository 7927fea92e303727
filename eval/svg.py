"""Drawings that stand inside the report, as SVG, and take its colours and letters.

Matplotlib draws with colours that no page has; each is then put in place by a CSS variable of
the report's style sheet, so that one drawing serves light and dark.
"""

from __future__ import annotations

import io
import re
import warnings
from importlib import resources
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from eval.outcome import BLAMES

INK, MUTED, RULE, ACCENT, SECOND, PAPER, GOOD = (f"#00fe0{n}" for n in range(7))
BLAME_COLOURS = {blame: f"#00fe1{n}" for n, blame in enumerate(BLAMES)}
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    ACCENT: "--accent",
    SECOND: "--second",
    PAPER: "--card",
    GOOD: "--good",
    **{colour: f"--{blame}" for blame, colour in BLAME_COLOURS.items()},
}
STYLE: dict[Any, Any] = {
    "text.parse_math": False,  # a kind of question may be called "$"
    "svg.fonttype": "none",
    "font.size": 9.5,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
}
WIDTH = 5.4  # inches, 389 px: as wide as a phone, so that letters stay readable there


class Plot:
    """One plot: `with Plot("name", 3.2) as axes: ...`, then `.svg`."""

    def __init__(self, name: str, height: float) -> None:
        """`name` keeps the ids of several drawings in one page apart; `height` in inches."""
        self.name = name
        self.svg = ""
        self._style = rc_context({**STYLE, "svg.hashsalt": name})
        self._size = (WIDTH, height)

    def __enter__(self) -> Axes:
        self._style.__enter__()
        self._figure = Figure(figsize=self._size, layout="constrained")
        return self._figure.add_subplot()

    def __exit__(self, *_: object) -> None:
        written = io.StringIO()
        FigureCanvasSVG(self._figure)
        unsaid = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        with warnings.catch_warnings():
            # The reader's machine has the letters, matplotlib's own font only measures them.
            warnings.filterwarnings("ignore", r"Glyph \d+ .*missing from font", UserWarning)
            self._figure.savefig(written, format="svg", transparent=True, metadata=unsaid)
        self._style.__exit__(None, None, None)
        self.svg = _for_page(written.getvalue(), self.name)


def standalone(svg: str) -> str:
    """The drawing as a file of its own, with the colours of the report, light and dark."""
    css = resources.files("eval").joinpath("templates/report.css").read_text(encoding="utf-8")
    light, dark = re.findall(r"^ *:root \{.*?^ *\}", css, re.MULTILINE | re.DOTALL)[:2]
    style = (
        f"{light}\n@media (prefers-color-scheme: dark) {{ {dark} }}\n"
        "svg { background: var(--card); font-family: var(--sans); }"
    )
    opened = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return opened.replace(">", f"><style>{style}</style>", 1)


def _for_page(svg: str, name: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(
        r"<svg [^>]*?(viewBox=\"[^\"]*\")[^>]*>", r'<svg \1 aria-hidden="true">', svg, count=1
    )
    # Matplotlib's own style sheet would reach out of the drawing into the page.
    svg = re.sub(r"<!--.*?-->\n?|\s*<style.*?</style>", "", svg, flags=re.S)
    svg = re.sub(r"xlink:href", "href", svg)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    # The page's own letters, at the size drawn.
    svg = re.sub(r"font-family: [^;\"]+;? ?", "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    return svg
