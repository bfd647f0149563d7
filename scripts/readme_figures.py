"""Draws the figures of the README: five numbers of docs/results, and the architectures of docs/images/generated.jsonl.

Run in the repository: python scripts/readme_figures.py. A test compares.
"""

from __future__ import annotations

import re
import sys
from math import floor
from pathlib import Path
from statistics import fmean

from nag.core.documents import read_json_lines
from nag.graphs import draw_svg
from nag.spaces import load_space

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT / "docs"))

from nag_docs.values import Values  # noqa: E402

_TILE, _HEIGHT, _GAP = 172, 132, 10
_IN_A_ROW = 3
_HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">'
_PAPER = '<rect width="100%" height="100%" rx="8" fill="white"/>'


def five_numbers() -> list[tuple[str, list[str], str]]:
    """Number, what it is, and what it is compared with."""
    generation, guidance, predictor, search, speed = map(Values, ("generation", "guidance", "predictor", "search", "speed"))
    tasks = [task for (task,) in guidance.keys("task")]
    guided, plain = (fmean(guidance.mean("percentile_mean", task=t, method=m) for t in tasks) for m in ("default", "unguided"))
    valid = generation.mean("validity_raw", space="nasbench101", method="absorbing", setting="samples=1000")
    tau = predictor.mean("kendall_tau", task="nasbench201/cifar10", method="default", setting="labels=156")
    of = {"task": "nasbench201/cifar10", "setting": "whole space"}
    queries, plain_gp = (search.mean("queries_to_optimum_median", method=m, **of) for m in ("default", "gp"))
    rate = speed.mean("samples_per_cpu_second", space="nasbench201", method="default")
    return [
        (f"{100 * valid:.1f} %", ["of raw samples are valid", "(NAS-Bench-101)"], "nothing is repaired"),
        (f"{guided:.0f}", ["mean true percentile of", f"guided samples, {len(tasks)} tasks"], f"unguided: {plain:.0f}"),
        (f"{tau:.2f}", ["Kendall's tau from", "156 labels"], "published (PINAT): 0.63"),
        (f"{queries:.0f}", ["queries to the optimum", "of NAS-Bench-201"], f"Gaussian process: {plain_gp:.0f}"),
        (f"{round(rate, -2):,.0f} / s", ["architectures generated", "on one CPU core"], "DiffusionNAG, GPU: 0.53 / s"),
    ]


def figure_of_numbers() -> str:
    """One tile a number, as SVG."""
    numbers = five_numbers()
    width = len(numbers) * (_TILE + _GAP) + _GAP
    tiles = []
    for place, (number, what, compared) in enumerate(numbers):
        left = _GAP + place * (_TILE + _GAP)
        x = left + _TILE / 2
        lines = [(52, 30, "700", "#22558c", number), (80, 12, "400", "#111111", what[0]), (96, 12, "400", "#111111", what[1])]
        lines.append((118, 11, "400", "#666666", compared))
        tiles.append(f'<rect x="{left}" y="{_GAP}" width="{_TILE}" height="{_HEIGHT}" rx="8" fill="#eef3f9"/>')
        tiles += [
            f'<text x="{x:.0f}" y="{y + 8}" font-size="{size}" font-weight="{weight}" fill="{colour}">{text}</text>'
            for y, size, weight, colour, text in lines
        ]
    body = '<g font-family="Verdana, sans-serif" text-anchor="middle">'
    return "\n".join([_HEAD.format(width=width, height=_HEIGHT + 2 * _GAP), _PAPER, body, *tiles, "</g>", "</svg>", ""])


def figure_of_architectures() -> str:
    """The generated architectures, three in a row, as SVG."""
    space = load_space("nasbench101")
    drawings, right, top = [], 0.0, float(_GAP)
    rows = read_json_lines(IMAGES / "generated.jsonl")
    for start in range(0, len(rows), _IN_A_ROW):
        left, bottom = float(_GAP), top
        for row in rows[start : start + _IN_A_ROW]:
            title = f"{100 * row['report_value']:.2f} %, better than {_cut(row['percentile'])} %"
            svg = draw_svg(space.decode(row["arch"]), title, space.vocabulary)
            wide, high = (float(number) for number in re.findall(r'(?:width|height)="([\d.]+)pt"', svg)[:2])
            svg = re.sub(r'(width|height)="([\d.]+)pt"', r'\1="\2"', svg, count=2)
            drawings.append(svg.replace("<svg", f'<svg x="{left:.1f}" y="{top:.1f}"', 1).strip())
            left, bottom = left + wide + _GAP, max(bottom, top + high)
        right, top = max(right, left), bottom + _GAP
    return "\n".join([_HEAD.format(width=right, height=top), _PAPER, *drawings, "</svg>", ""])


def _cut(percentile: float) -> str:
    """A percentile, not rounded up to 100."""
    return f"{floor(10 * percentile) / 10:g}"


FIGURES = {"numbers.svg": figure_of_numbers, "generated.svg": figure_of_architectures}

if __name__ == "__main__":
    for name, draw in FIGURES.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8")
