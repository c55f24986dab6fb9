"""The lines of bench/interference.py as a table and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

Line = dict[str, Any]
TITLES = {"prefill-0": "P: matrix products and attention", "decode-0": "D: decode graph"}


def pair(line: Line, what: str) -> str:
    names = (f"{what}_ms_p50", f"{what}_ms_p99")
    return " / ".join(f"{line[name]:.2f}" if name in line else "–" for name in names)


def table(lines: list[Line]) -> str:
    heads = ["setup", "meanwhile", "steps/s, % of undisturbed", "GB/s"]
    heads += ["ready → sent, ms p50 / p99", "ready → done", "one product, ms"]
    rows = [" | ".join(heads), "|".join("---" for _ in heads)]
    for line in lines:
        cells = [line["setup"], line["case"], f"{100 * line['share']:.1f}", f"{line['gbps']:.0f}"]
        cells += [pair(line, "ready_to_sent"), pair(line, "ready_to_done")]
        cells.append(f"{line['product_ms']:.2f}" if "product_ms" in line else "")
        rows.append(" | ".join(cells))
    return "\n".join(f"| {row} |" for row in rows)


def plot(lines: list[Line], path: Path) -> None:
    """Bars: the share of undisturbed steps/s, with the GB/s that moved meanwhile."""
    from matplotlib import pyplot

    figure, both = pyplot.subplots(1, 2, figsize=(12, 5))
    for axes, (node, title) in zip(both, TITLES.items()):
        found = [line for line in lines if line["busy"] == node]
        setups = list(dict.fromkeys(line["setup"] for line in found))
        for number, case in enumerate(dict.fromkeys(line["case"] for line in found)):
            of_case = [line for line in found if line["case"] == case]
            rows = [setups.index(line["setup"]) + 0.4 * number for line in of_case]
            share = [100 * line["share"] for line in of_case]
            bars = axes.barh(rows, share, height=0.38, label=case)
            texts = [f" {100 * line['share']:.1f} % at {line['gbps']:.0f} GB/s" for line in of_case]
            axes.bar_label(bars, texts, fontsize=7)
        axes.set_yticks([row + 0.2 for row in range(len(setups))], setups, fontsize=8)
        axes.invert_yaxis()
        axes.set_xlim(0, 135)
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("steps/s, % of those without transfers")
        axes.grid(axis="x", alpha=0.3)
        if found:
            axes.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    figure.tight_layout()
    figure.savefig(path)
