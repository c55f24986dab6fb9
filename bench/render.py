"""Results as a table and as a picture."""

from __future__ import annotations

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


def best_nixl(lines: list[Line], page: int, tcp: bool) -> Line | None:
    found = [
        line
        for line in lines
        if line["engine"] == "nixl"
        and line["page"] == page
        and (not tcp or line["variant"].startswith("tcp"))
    ]
    return min(found, key=lambda line: float(line["target_us_p50"]), default=None)


def ratio_rows(lines: list[Line], pages: list[int]) -> list[str]:
    """How many times as fast as the peers at their best."""
    rows = []
    for line_name in sorted({name_of(line) for line in lines if line["engine"] == "pegaflow"}):
        own = {line["page"]: line for line in lines if name_of(line) == line_name}
        tcp = " ucx" in line_name
        cells = []
        for page in pages:
            best = best_nixl(lines, page, tcp)
            if page not in own or best is None:
                cells.append("–")
                continue
            ratio = best["target_us_p50"] / own[page]["target_us_p50"]
            cells.append(f"{ratio:.2f} × {best['variant']}")
        rows.append(
            f"| {line_name} / NIXL's best{' on tcp' if tcp else ''} | {' | '.join(cells)} |"
        )
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
