"""Results as a table and as a picture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Line = dict[str, Any]


def size(number: int) -> str:
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if number >= factor and number % factor == 0:
            return f"{number // factor} {unit}"
    return f"{number} B"


def name_of(line: Line) -> str:
    return f"{line['engine']} {line['variant']}"


def caption(lines: list[Line]) -> str:
    versions = sorted({f"{line['engine']} {line['version']}" for line in lines})
    machines = sorted({line["machine"] for line in lines})
    return f"{'; '.join(machines)}. {', '.join(versions)}. Medians; pages in random places."


Chooser = Callable[[Line], bool]


def fastest(lines: list[Line], page: int, chosen: Chooser) -> Line | None:
    found = [line for line in lines if line["page"] == page and chosen(line)]
    return min(found, key=lambda line: float(line["target_us_p50"]), default=None)


def is_nixl(line: Line) -> bool:
    return bool(line["engine"] == "nixl")


def is_nixl_on_tcp(line: Line) -> bool:
    return is_nixl(line) and line["variant"].startswith("tcp")


def is_mooncake(line: Line) -> bool:
    return bool(line["engine"] == "mooncake")


def is_memcpy(line: Line) -> bool:
    return name_of(line) == "floor memcpy"


def is_fused(line: Line) -> bool:
    return name_of(line).startswith("floor fused")


def comparison(
    lines: list[Line],
    pages: list[int],
    own: str,
    chosen: Chooser,
    text: Callable[..., str],
) -> str:
    """A cell for each page size where both sides were measured."""
    cells = []
    for page in pages:
        ours = fastest(lines, page, lambda line: name_of(line) == own)
        theirs = fastest(lines, page, chosen)
        cells.append(text(ours, theirs) if ours and theirs else "–")
    return " | ".join(cells)


def ratio(ours: Line, theirs: Line) -> str:
    return f"{theirs['target_us_p50'] / ours['target_us_p50']:.2f}"


def named_ratio(ours: Line, theirs: Line) -> str:
    return f"{ratio(ours, theirs)} × {theirs['variant']}"


def beyond_two(ours: Line, theirs: Line) -> str:
    return f"{ours['target_us_p50'] - 2 * theirs['target_us_p50']:.0f}"


def ratio_rows(lines: list[Line], pages: list[int]) -> list[str]:
    """How many times as fast as the peers at their best, and how far from the floors."""
    rows = []
    for own in sorted({name_of(line) for line in lines if line["engine"] == "pegaflow"}):
        tcp = " ucx" in own
        wanted: list[tuple[str, Chooser, Callable[[Line, Line], str]]] = [
            (
                ("/ NIXL's best on tcp", is_nixl_on_tcp, named_ratio)
                if tcp
                else ("/ NIXL's best", is_nixl, named_ratio)
            ),
            ("/ Mooncake", is_mooncake, named_ratio),
        ]
        if not tcp:
            wanted.append(("beyond two memcpys, µs", is_memcpy, beyond_two))
            wanted.append(("/ the fused kernel", is_fused, named_ratio))
        for title, chosen, text in wanted:
            if any(chosen(line) for line in lines):
                cells = comparison(lines, pages, own, chosen, text)
                rows.append(f"| {own} {title} | {cells} |")
    return rows


def table(results: list[Line], total: int) -> str:
    """GB/s (and the median in µs) of each contender over the page size."""
    lines = [line for line in results if line["bytes"] == total]
    pages = sorted({line["page"] for line in lines})
    text = f"\n## {size(total)} in random pages\n\n{caption(lines)}\n\n"
    text += "| GB/s (µs, p50 / p99) | " + " | ".join(map(size, pages)) + " |\n"
    text += "|---|" + "---|" * len(pages) + "\n"
    for name in sorted({name_of(line) for line in lines}):
        cells = []
        for page in pages:
            found = [line for line in lines if name_of(line) == name and line["page"] == page]
            cells.append(cell(found[0]) if found else "–")
        text += f"| {name} | {' | '.join(cells)} |\n"
    return text + "\n".join(ratio_rows(lines, pages)) + "\n"


def cell(line: Line) -> str:
    wrong = "" if line["verified"] else " **wrong bytes**"
    p50, p99 = line["target_us_p50"], line["target_us_p99"]
    return f"{line['gbps']:.2f} ({p50:.0f} / {p99:.0f}){wrong}"


def figure(results: list[Line], total: int, path: Path) -> None:
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    lines = [line for line in results if line["bytes"] == total]
    pages = sorted({line["page"] for line in lines})
    picture, (rates, times) = pyplot.subplots(1, 2, figsize=(14, 6))
    for name in sorted({name_of(line) for line in lines}):
        own = sorted((x for x in lines if name_of(x) == name), key=lambda x: int(x["page"]))
        style: dict[str, Any] = {"marker": "o", "label": name}
        style["linewidth"] = 2.5 if name.startswith("pegaflow") else 1
        style["linestyle"] = ":" if name.startswith("floor") else "-"
        x = [line["page"] for line in own]
        rates.plot(x, [line["gbps"] for line in own], **style)
        times.plot(x, [line["target_us_p50"] for line in own], **style)
    for axes, what in ((rates, "GB/s"), (times, "µs until the target has all")):
        axes.set_xscale("log", base=2)
        axes.set_yscale("log")
        axes.set_xticks(pages, [size(page) for page in pages])
        axes.set_xlabel("page")
        axes.set_title(f"{size(total)}: {what}")
        axes.grid(True, alpha=0.3)
    rates.legend(fontsize=7)
    picture.text(0.01, 0.01, caption(lines), fontsize=7)
    picture.tight_layout(rect=(0, 0.03, 1, 1))
    picture.savefig(path)
